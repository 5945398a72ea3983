//! Records that come too early, too late and in any order: each late policy, each kind of
//! windows, against the reference.

use std::time::Duration;

use streamweave::nodes::window::{
    Accumulation, Global, Pane, Session, Sliding, Tumbling, WindowResult, count, window_all,
};
use streamweave::prelude::*;

use super::Tested;
use super::reference::{Kind, Options, Record, Reference, Sent, Step};
use super::steps::{Known, Random, steps};
use crate::run;

fn millis(count: i64) -> Duration {
    Duration::from_millis(count as u64)
}

/// Windows of the library, and what the reference is to call them.
fn check<W: Known>(windows: W, kind: Kind) -> Tested {
    let mut panes = std::collections::BTreeMap::new();
    let mut late_ones = 0;
    for seed in 0..60 {
        let steps = steps(seed);
        let mut random = Random(seed ^ 0xC0FFEE);
        for (accumulation, lateness, early_after, early_when) in [
            (Accumulation::Accumulating, 0, None, None),
            (Accumulation::Accumulating, 15, None, None),
            (Accumulation::Discarding, 15, None, None),
            (Accumulation::Retracting, 15, None, None),
            (Accumulation::Retracting, 0, Some(3), None),
            (Accumulation::Discarding, 40, Some(2), None),
            (Accumulation::Retracting, 25, Some(4), Some(5)),
            (Accumulation::Accumulating, 0, None, Some(4)),
        ] {
            let options =
                Options { kind, lateness, accumulation, early_after, early_when, early_time: None };
            let (expected, expected_late) = Reference::run(options, &steps);
            let (sent, late) = run!(windows.clone(), options, &steps, random);
            assert_eq!(sent, expected, "seed {seed}, {options:?}");
            assert_eq!(late, expected_late, "seed {seed}, {options:?}");
            late_ones += late.len();
            for (.., pane) in sent {
                *panes.entry(pane).or_insert(0) += 1;
            }
        }
    }
    // The seeds meet every case.
    let global = matches!(kind, Kind::Global);
    assert_eq!(panes.len(), if global { 3 } else { 4 }, "{panes:?}");
    assert!(panes.values().all(|count| *count > 20), "{panes:?}");
    assert!(global || late_ones > 20, "{late_ones}");
    Ok(())
}

#[test]
pub fn tumbling() -> Tested {
    check(Tumbling::of(millis(10)), Kind::Sliding { size: 10, slide: 10, offset: 0 })?;
    let offset = Kind::Sliding { size: 7, slide: 7, offset: -3 };
    check(Tumbling::of(millis(7)).offset(-3), offset)
}

#[test]
pub fn sliding() -> Tested {
    for (size, slide) in [(10, 5), (10, 3), (7, 5), (12, 1)] {
        let kind = Kind::Sliding { size, slide, offset: 0 };
        check(Sliding::of(millis(size), millis(slide)), kind)?;
    }
    let offset = Kind::Sliding { size: 10, slide: 4, offset: 3 };
    check(Sliding::of(millis(10), millis(4)).offset(3), offset)
}

/// Records between two windows are in none, and not late.
#[test]
fn sliding_apart() -> Tested {
    let kind = Kind::Sliding { size: 4, slide: 10, offset: 0 };
    check(Sliding::of(millis(4), millis(10)), kind)
}

#[test]
pub fn session() -> Tested {
    for gap in [1, 5, 12] {
        let kind = |past_end| Kind::Session { gap, past_end };
        check(Session::of(millis(gap)), kind(false))?;
        check(Session::of(millis(gap)).past_end(), kind(true))?;
        check(Session::of(millis(gap)).apart(), Kind::Apart { gap })?;
    }
    Ok(())
}

/// Each record says how long its session waits for the next one.
#[test]
pub fn session_by_record() -> Tested {
    // What it does not say counts for nothing, as each does.
    let session = Session::of(millis(1_000));
    check(session, Kind::Gaps { past_end: false, apart: false })?;
    check(session.past_end(), Kind::Gaps { past_end: true, apart: false })?;
    check(session.apart(), Kind::Gaps { past_end: false, apart: true })
}

/// A gap of no time, or of less than a millisecond, fails with its record.
#[test]
fn a_record_without_a_gap() -> Tested {
    let graph = graph! {
        windows: window_all(Session::of(millis(10)), count())
            .gap_by(|micros: &u64| Some(Duration::from_micros(*micros))),
        graph.items => windows.input,
        windows.out => graph.results,
    };
    let mut run = graph.inline()?;
    run.inputs.items.try_send_at(LogicalTime(1), 1_000)?;
    run.step()?;
    run.inputs.items.try_send_at(LogicalTime(2), 1_500)?;
    let error = run.step().unwrap_err().to_string();
    assert!(error.contains("the gap of a window must be whole milliseconds"), "{error}");
    Ok(())
}

#[test]
fn global() -> Tested {
    check(Global, Kind::Global)
}

/// Early results when the frontier comes to multiples of a period, sparse ones and one for each time.
fn early_by_time<W: Known>(windows: W, kind: Kind) -> Tested {
    let mut early = 0;
    for seed in 0..40 {
        // There is a frontier before there are records: before there is, their own times count.
        let steps: Vec<_> = [Step::Frontier(-200)].into_iter().chain(steps(seed)).collect();
        let mut random = Random(seed ^ 0xC0FFEE);
        for (accumulation, lateness, early_after, period) in [
            (Accumulation::Accumulating, 0, None, 4),
            (Accumulation::Discarding, 15, None, 7),
            (Accumulation::Retracting, 15, Some(3), 4),
            (Accumulation::Retracting, 0, None, 1),
        ] {
            let early_time = Some(period);
            let options =
                Options { kind, lateness, accumulation, early_after, early_when: None, early_time };
            let (expected, expected_late) = Reference::run(options, &steps);
            let (sent, late) = run!(windows.clone(), options, &steps, random);
            assert_eq!(sent, expected, "seed {seed}, {options:?}");
            assert_eq!(late, expected_late, "seed {seed}, {options:?}");
            early += sent.iter().filter(|(.., pane)| *pane == Pane::Early).count();
        }
    }
    assert!(early > 100, "{early}");
    Ok(())
}

#[test]
pub fn early_results_by_time() -> Tested {
    early_by_time(Tumbling::of(millis(10)), Kind::Sliding { size: 10, slide: 10, offset: 0 })?;
    let sliding = Kind::Sliding { size: 10, slide: 3, offset: 0 };
    early_by_time(Sliding::of(millis(10), millis(3)), sliding)?;
    early_by_time(Session::of(millis(12)), Kind::Session { gap: 12, past_end: false })?;
    early_by_time(Global, Kind::Global)
}

/// Windows of the clock know no frontier.
#[test]
fn early_results_by_time_are_refused_by_the_clock() -> Tested {
    let graph = graph! {
        windows: window_all(Tumbling::of(millis(10)), count()).by_clock().early_every_time(millis(4)),
        graph.items => windows.input,
        windows.out => graph.results,
    };
    let mut run = graph.inline()?;
    run.inputs.items.try_send(1_u8)?;
    let error = run.step().unwrap_err().to_string();
    assert!(error.contains("`early_every`"), "{error}");
    assert!(run.outputs.results.try_recv().is_none());
    Ok(())
}
