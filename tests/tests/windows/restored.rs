//! Broken off anywhere and gone on with from a snapshot: nothing changes.

use std::time::Duration;

use streamweave::graph::Snapshot;
use streamweave::nodes::window::{
    Accumulation, Count, Global, Session, Sliding, Tumbling, WindowResult, count, sum, window,
    window_all, window_all_by_count, window_around, window_by_count,
};
use streamweave::nodes::{event_time_by, key_by};
use streamweave::prelude::*;

use super::reference::{Kind, Options, Record, Reference, Sent};
use super::steps::{Known, Random, steps};
use super::{Failure, Tested};
use crate::{graph_of, take};

fn check<W: Known>(windows: W, kind: Kind) -> Tested {
    for seed in 0..40 {
        let steps = steps(seed);
        let mut random = Random(seed);
        for (accumulation, lateness, early_after) in [
            (Accumulation::Accumulating, 0, None),
            (Accumulation::Retracting, 15, Some(3)),
            (Accumulation::Discarding, 15, None),
        ] {
            let options = Options {
                kind,
                lateness,
                accumulation,
                early_after,
                early_when: None,
                early_time: None,
            };
            let (expected, expected_late) = Reference::run(options, &steps);
            let (mut sent, mut late) = (Vec::<Sent>::new(), Vec::<Record>::new());
            let make = || graph_of!(windows.clone(), options);
            let mut run = make().inline()?;
            for step in &steps {
                run.inputs.steps.try_send(*step)?;
                if random.below(6) == 0 {
                    run.step()?;
                    take!(run, sent, late);
                    let snapshot = run.snapshot()?;
                    let mut graph = make();
                    graph.restore(&snapshot)?;
                    run = graph.inline()?;
                }
            }
            let mut run = run.close_inputs()?;
            take!(run, sent, late);
            run.drain()?;
            assert_eq!(sent, expected, "seed {seed}, {options:?}");
            assert_eq!(late, expected_late, "seed {seed}, {options:?}");
        }
    }
    Ok(())
}

fn millis(count: i64) -> Duration {
    Duration::from_millis(count as u64)
}

#[test]
pub fn tumbling() -> Tested {
    check(Tumbling::of(millis(10)), Kind::Sliding { size: 10, slide: 10, offset: 0 })
}

#[test]
pub fn sliding() -> Tested {
    check(Sliding::of(millis(10), millis(3)), Kind::Sliding { size: 10, slide: 3, offset: 0 })
}

#[test]
pub fn session() -> Tested {
    check(Session::of(millis(5)), Kind::Session { gap: 5, past_end: false })?;
    check(Session::of(millis(5)), Kind::Gaps { past_end: false, apart: false })
}

/// Whether what `$before` holds is refused by `$after`, telling both; what it has not begun is not.
macro_rules! refuses {
    ($input:ident, $record:expr, $before:expr, $after:expr, $told:expr) => {{
        let before =
            || graph! { node: $before, graph.records => node.$input, node.out => graph.results };
        let after =
            || graph! { node: $after, graph.records => node.$input, node.out => graph.results };
        let mut run = before().inline()?;
        let empty = run.snapshot()?;
        run.inputs.records.try_send_at(LogicalTime(1), $record)?;
        run.step().map_err(|error| format!("{:?}: {error}", $told))?;
        let snapshot = run.snapshot()?;
        macro_rules! again {
            ($graph:ident, $from:expr) => {{
                let mut graph = $graph();
                graph.restore(&$from)?;
                let mut run = graph.inline()?;
                let stepped = run.step();
                let _ = run.inputs.records.try_send($record);
                stepped
            }};
        }
        again!(before, snapshot).map_err(|error| format!("{:?}: {error}", $told))?;
        again!(after, empty).map_err(|error| format!("{:?}: {error}", $told))?;
        let error = again!(after, snapshot).err().ok_or($told[1])?.to_string();
        assert!($told.iter().all(|told: &&str| error.contains(told)), "{error}");
    }};
}

/// Windows that are open are those of the options that they were made with.
#[test]
pub fn with_other_options() -> Tested {
    let of = |size| Tumbling::of(millis(size));
    let record = || (1_u8, 2_u64);
    let all = window_all::<Tumbling, Count<u64>>;
    macro_rules! by_key {
        ($before:expr, $after:expr, $told:expr) => {
            refuses!(input, record(), $before, $after, $told)
        };
    }
    by_key!(window(of(10), count()), window(of(20), count()), ["of 10 ms", "of 20 ms"]);
    by_key!(window(of(10), count()), window(of(10).offset(3), count()), ["set 0 ms", "set 3 ms"]);
    by_key!(window(of(10), count()), window(of(10), count()).early_after(1), ["10 ms", "early"]);
    by_key!(
        window(of(10), count()),
        window(of(10), count()).allowed_lateness(millis(1)),
        ["10 ms", "lateness"]
    );
    by_key!(
        window(of(10), count()).allowed_lateness(millis(1)),
        window(of(10), count()).allowed_lateness(millis(1)).by_clock(),
        ["10 ms", "clock"]
    );
    by_key!(
        window(Sliding::of(millis(9), millis(3)), count()),
        window(Sliding::of(millis(9), millis(2)), count()),
        ["each 3 ms", "each 2 ms"]
    );
    by_key!(
        window(Session::of(millis(5)), count()),
        window(Session::of(millis(6)), count()),
        ["gap of 5 ms", "gap of 6 ms"]
    );
    by_key!(
        window(Session::of(millis(5)), count()),
        window(Session::of(millis(5)).past_end(), count()),
        ["gap of 5 ms", "past their end"]
    );
    by_key!(window(Global, count()), window(of(20), count()), ["all of time", "of 20 ms"]);
    by_key!(window_by_count(3, count()), window_by_count(4, count()), ["3 records", "4 records"]);
    by_key!(
        window_around(millis(5), count()),
        window_around(millis(6), count()),
        ["of 5 ms", "of 6 ms"]
    );
    by_key!(
        window_around(millis(5), count()),
        window_around(millis(5), count()).grace(millis(2)),
        ["grace of 0 ms", "grace of 2 ms"]
    );
    refuses!(input, 2_u64, all(of(10), count()), all(of(20), count()), ["of 10 ms", "of 20 ms"]);
    refuses!(
        input,
        2_u64,
        window_all_by_count(3, count()),
        window_all_by_count(4, count()),
        ["3 records", "4 records"]
    );
    Ok(())
}

/// On any number of workers, each of which knows what it was made with.
#[test]
fn with_other_options_on_workers() -> Tested {
    let run = |size, workers: usize, from: Option<&Snapshot>| -> Result<Snapshot, Failure> {
        let mut graph = graph! {
            #[workers(workers)]
            node: window(Tumbling::of(millis(size)), count()),
            graph.records => node.input,
            node.out => graph.results,
        };
        if let Some(from) = from {
            graph.restore(from)?;
        }
        let mut run = graph.inline()?;
        for key in 0..20_u64 {
            run.inputs.records.try_send_at(LogicalTime(1), (key, ()))?;
        }
        run.step()?;
        Ok(run.snapshot()?)
    };
    let saved = run(10, 3, None)?;
    for workers in [1, 2, 3, 4] {
        run(10, workers, Some(&saved))?;
        let error = run(20, workers, Some(&saved)).err().ok_or("it goes on")?.to_string();
        assert!(error.contains("of 10 ms") && error.contains("of 20 ms"), "{error}");
    }
    Ok(())
}

/// Nor does it when a policy has it try again.
#[test]
fn with_other_options_under_a_policy() -> Tested {
    macro_rules! of {
        ($size:expr) => {
            graph! {
                #[restart(max = 3, within = "1m", backoff = "1ms..1ms")]
                node: window(Tumbling::of(millis($size)), count()),
                graph.records => node.input,
                node.out => graph.results,
            }
        };
    }
    let mut run = of!(10).inline()?;
    run.inputs.records.try_send_at(LogicalTime(1), (1_u8, ()))?;
    run.step()?;
    let mut graph = of!(20);
    graph.restore(&run.snapshot()?)?;
    let mut run = graph.inline()?;
    let _ = run.inputs.records.try_send_at(LogicalTime(2), (1_u8, ()));
    let error = (0..10).find_map(|_| run.advance(millis(10)).err()).ok_or("it goes on")?;
    let told = error.to_string();
    assert!(told.contains("of 10 ms") && told.contains("of 20 ms"), "{told}");
    Ok(())
}

/// A lateness may become another one: windows that are complete stay as long as the new one says.
#[test]
fn with_another_lateness() -> Tested {
    macro_rules! restored {
        ($size:expr, $lateness:expr, $from:expr) => {{
            let mut graph = graph! {
                times: event_time_by(|record: &(i64, u64)| LogicalTime(record.0)),
                keyed: key_by(|_: &(i64, u64)| 0_u8),
                node: window(Tumbling::of(millis($size)), sum(|record: &(i64, u64)| record.1))
                    .allowed_lateness(millis($lateness))
                    .late_after($size as u64),
                graph.records => times.input,
                times.out => keyed.input,
                keyed.out => node.input,
                node.out => graph.results,
                node.late => graph.late,
            };
            let from: Option<&Snapshot> = $from;
            if let Some(from) = from {
                graph.restore(from)?;
            }
            graph.inline()?
        }};
    }
    /// Sends them: results of the first window, and how many records were too late.
    macro_rules! send {
        ($run:ident, $records:expr) => {{
            for record in $records {
                $run.inputs.records.try_send(record)?;
            }
            $run.step()?;
            let results = std::iter::from_fn(|| $run.outputs.results.try_recv());
            let results = results.filter(|result| result.window.start.0 == 0);
            let values: Vec<_> = results.map(|result| result.value).collect();
            (values, std::iter::from_fn(|| $run.outputs.late.try_recv()).count())
        }};
    }
    for lateness in [5, 15, 30] {
        let mut run = restored!(10, 10, None);
        assert_eq!(send!(run, [(1, 1), (11, 2), (12, 3)]), (vec![1], 0));
        let snapshot = run.snapshot()?;
        // As long as it says, late records count.
        let mut run = restored!(10, lateness, Some(&snapshot));
        assert_eq!(send!(run, [(9 + lateness, 0), (2, 5)]), (vec![], 0), "{lateness}");
        // Then it goes, with what they came to.
        let (mut values, late) = send!(run, [(10 + lateness, 0), (2, 7)]);
        values.extend(send!(run, [(1_000, 0)]).0);
        assert_eq!((values, late), (vec![6], 1), "{lateness}");
        // And so it does where the input ends before.
        let mut run = restored!(10, lateness, Some(&snapshot));
        send!(run, [(12, 0), (2, 5)]);
        let mut run = run.close_inputs()?;
        run.step()?;
        let results = std::iter::from_fn(|| run.outputs.results.try_recv());
        let values: Vec<_> = results.map(|result| (result.window.start.0, result.value)).collect();
        assert_eq!(values, [(0, 6), (10, 5)], "{lateness}");
        // Nothing is left that would belong to windows of another size.
        restored!(20, lateness, Some(&run.snapshot()?)).step()?;
    }
    Ok(())
}
