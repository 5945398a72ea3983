//! At the ends of time: no window loses a record, whatever sums of times do not fit.

use std::collections::BTreeMap;
use std::time::Duration;

use streamweave::nodes::window::{
    Accumulation, Global, Pane, Session, Sliding, Tumbling, Window, WindowAssigner, WindowResult,
    count, window,
};
use streamweave::prelude::*;

use super::Tested;
use super::reference::{Kind, Options, Record, Sent, Step, Value};
use super::steps::{Known, Random};
use crate::run;

/// Records within so much of both ends of time.
const NEAR: u64 = 24;

fn records(random: &mut Random) -> Vec<Record> {
    let near = |random: &mut Random| match random.below(2) {
        0 => i64::MIN + random.below(NEAR) as i64,
        _ => i64::MAX - random.below(NEAR) as i64,
    };
    let count = random.below(60);
    (0..count)
        .map(|number| Record { key: random.below(2) as u8, time: near(random), number })
        .collect()
}

/// `[start, end)`, cut off where times end.
fn cut(start: i128, end: i128) -> Window {
    let cut = |time: i128| time.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
    Window::new(cut(start), cut(end))
}

/// The windows of a time, by definition; the latest time of all is in those of the one before it.
fn windows(kind: Kind, time: i64) -> Vec<Window> {
    let time = i128::from(time.min(i64::MAX - 1));
    match kind {
        Kind::Sliding { size, slide, offset } => {
            let [size, slide, offset] = [size, slide, offset].map(i128::from);
            (time - size + 1..=time)
                .filter(|start| (start - offset).rem_euclid(slide) == 0)
                .map(|start| cut(start, start + size))
                .collect()
        }
        _ => vec![Window::ALL],
    }
}

fn last(window: Window) -> i64 {
    if window.end == LogicalTime::MAX { i64::MAX } else { window.end.0 - 1 }
}

fn totals(kind: Kind, records: &[Record]) -> Vec<Sent> {
    let mut totals = BTreeMap::<(i64, u8, Window), Value>::new();
    let mut add = |key, window, number| {
        let (count, sum) = totals.entry((last(window), key, window)).or_default();
        (*count, *sum) = (*count + 1, *sum + number);
    };
    if let Kind::Session { gap, .. } = kind {
        for key in [0, 1] {
            let mut of_key: Vec<_> = records.iter().filter(|record| record.key == key).collect();
            of_key.sort_by_key(|record| record.time);
            let within = |a: &&Record, b: &&Record| b.time.abs_diff(a.time) <= gap as u64;
            for session in of_key.chunk_by(within) {
                let (first, latest) = (session[0].time, session[session.len() - 1].time);
                let window = cut(first.into(), i128::from(latest) + i128::from(gap));
                session.iter().for_each(|record| add(key, window, record.number));
            }
        }
    } else {
        for record in records {
            for window in windows(kind, record.time) {
                assert!(window.contains(LogicalTime(record.time)), "{window} {record:?}");
                add(record.key, window, record.number);
            }
        }
    }
    totals
        .into_iter()
        .map(|((last, key, window), value)| (last, key, window, value, Pane::OnTime))
        .collect()
}

fn check<W: Known>(assigner: W, kind: Kind) -> Tested {
    for time in (0..NEAR as i64).flat_map(|near| [i64::MIN + near, i64::MAX - near]) {
        assigner.assign(LogicalTime(time), &mut |window| {
            assert!(window.contains(LogicalTime(time)), "{window} at {time}, {kind:?}");
        });
    }
    for seed in 0..40 {
        let mut random = Random(seed);
        let records = records(&mut random);
        let expected = totals(kind, &records);
        let steps: Vec<_> = records.iter().copied().map(Step::Record).collect();
        // Made of slices, and one by one.
        for lateness in [0, 5] {
            let options = Options {
                kind,
                lateness,
                accumulation: Accumulation::Accumulating,
                early_after: None,
                early_when: None,
                early_time: None,
            };
            let (mut sent, late) = run!(assigner.clone(), options, &steps, random);
            sent.sort();
            assert_eq!(sent, expected, "seed {seed}, {options:?}");
            assert!(late.is_empty());
        }
    }
    Ok(())
}

fn millis(count: i64) -> Duration {
    Duration::from_millis(count as u64)
}

#[test]
fn tumbling() -> Tested {
    for (size, offset) in [(1, 0), (7, 0), (7, -3), (10, 0), (10, 9), (2, 1)] {
        let kind = Kind::Sliding { size, slide: size, offset };
        check(Tumbling::of(millis(size)).offset(offset), kind)?;
    }
    Ok(())
}

#[test]
fn sliding() -> Tested {
    for (size, slide, offset) in
        [(1, 1, 0), (10, 5, 0), (10, 4, 3), (7, 5, -2), (3, 10, 0), (3, 10, 4), (12, 1, 0)]
    {
        let kind = Kind::Sliding { size, slide, offset };
        check(Sliding::of(millis(size), millis(slide)).offset(offset), kind)?;
    }
    Ok(())
}

#[test]
fn sessions() -> Tested {
    for gap in [1, 3, 9] {
        check(Session::of(millis(gap)), Kind::Session { gap, past_end: false })?;
    }
    Ok(())
}

#[test]
fn global() -> Tested {
    check(Global, Kind::Global)
}

/// The two halves of time.
#[derive(Clone, Copy)]
struct BeforeAndAfter(LogicalTime);

impl WindowAssigner for BeforeAndAfter {
    fn assign(&self, time: LogicalTime, window: &mut impl FnMut(Window)) {
        window(match time < self.0 {
            true => Window { start: LogicalTime::MIN, end: self.0 },
            false => Window { start: self.0, end: LogicalTime::MAX },
        });
    }
}

/// One window is kept for late records to the end of time, where another is complete.
#[test]
pub fn what_is_open_is_not_dropped() -> Tested {
    let graph = graph! {
        windows: window(BeforeAndAfter(LogicalTime(10)), count()).allowed_lateness(Duration::MAX),
        graph.items => windows.input,
        windows.out => graph.results,
    };
    let mut run = graph.inline()?;
    for time in [5, 15] {
        run.inputs.items.try_send_at(LogicalTime(time), (1_u8, ()))?;
    }
    run.inputs.items.advance(LogicalTime(10));
    run.step()?;
    let mut run = run.close_inputs()?;
    let starts: Vec<_> = std::iter::from_fn(|| run.outputs.results.try_recv())
        .map(|result| (result.window.start, result.value, result.pane))
        .collect();
    let expected = [(LogicalTime::MIN, 1, Pane::OnTime), (LogicalTime(10), 1, Pane::OnTime)];
    assert_eq!(starts, expected);
    run.drain()?;
    Ok(())
}

/// At the end of the input nothing comes late: windows go as soon as they are complete.
#[test]
fn nothing_is_kept_beyond_the_end() -> Tested {
    let mut kept = Vec::new();
    for times in [&[][..], &[5, 15, 35]] {
        let graph = graph! {
            windows: window(Tumbling::of(millis(10)), count()).allowed_lateness(millis(100)),
            graph.items => windows.input,
            windows.out => graph.results,
        };
        let mut run = graph.inline()?;
        for time in times {
            run.inputs.items.try_send_at(LogicalTime(*time), (1_u8, ()))?;
        }
        run.inputs.items.advance(LogicalTime(20));
        run.step()?;
        let mut run = run.close_inputs()?;
        let results = std::iter::from_fn(|| run.outputs.results.try_recv());
        assert_eq!(results.count(), times.len());
        kept.push(run.snapshot()?.get("windows").map(<[u8]>::len));
        let metrics = run.drain()?.metrics;
        assert!(metrics.nodes.iter().all(|node| node.timers_dropped == 0));
    }
    assert_eq!(kept[0], kept[1]);
    Ok(())
}
