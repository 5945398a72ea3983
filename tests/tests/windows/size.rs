//! What is complete leaves nothing behind: no entry, no slice, no timer.

use std::time::Duration;

use streamweave::nodes::window::{
    Pane, Session, Sliding, Tumbling, collect, count, window, window_around,
};
use streamweave::nodes::{event_time_by, key_by};
use streamweave::prelude::*;

use super::Tested;

const MS: Duration = Duration::from_millis(1);

/// How large the node's state is while keys come and go, 3 to 12 records of each, in and out of order.
macro_rules! sizes {
    ($node:expr) => {{
        let graph = graph! {
            times: event_time_by(|record: &(i64, i64)| LogicalTime(record.0)).disorder(5 * MS),
            keyed: key_by(|record: &(i64, i64)| record.1),
            node: $node,
            graph.records => times.input,
            times.out => keyed.input,
            keyed.out => node.input,
            node.out => graph.results,
        };
        let mut run = graph.inline()?;
        let mut sizes = Vec::new();
        for time in 0..4_000_i64 {
            run.advance(MS)?;
            // A key has its time, and is gone after some hundred milliseconds.
            run.inputs.records.try_send((time - time % 3, time / 50 * 10 + time % 10))?;
            run.step()?;
            while run.outputs.results.try_recv().is_some() {}
            if time % 500 == 499 {
                sizes.push(run.snapshot()?.get("node").ok_or("no state")?.len());
            }
        }
        sizes
    }};
}

#[test]
fn keys_that_are_over_are_gone() -> Tested {
    let all = [
        ("tumbling", sizes!(window(Tumbling::of(30 * MS), count()))),
        ("sliding", sizes!(window(Sliding::of(30 * MS, 7 * MS), count()))),
        ("sliding, in order", sizes!(window(Sliding::of(30 * MS, 7 * MS), collect()))),
        ("session", sizes!(window(Session::of(12 * MS), count()))),
        ("around", sizes!(window_around(10 * MS, count()))),
        ("around, with grace", sizes!(window_around(10 * MS, count()).grace(9 * MS))),
        (
            "late",
            sizes!(window(Session::of(12 * MS), count()).allowed_lateness(20 * MS).late_after(2)),
        ),
        ("early", sizes!(window(Tumbling::of(30 * MS), count()).early_every(4 * MS))),
        ("early by time", sizes!(window(Tumbling::of(30 * MS), count()).early_every_time(4 * MS))),
        ("by the clock", sizes!(window(Tumbling::of(30 * MS), count()).by_clock())),
        ("sessions by the clock", sizes!(window(Session::of(12 * MS), count()).by_clock())),
    ];
    // 50 ms make ten keys, so that a hundred come between two of these.
    let grows =
        |sizes: &[usize]| sizes.iter().max() > sizes.iter().min().map(|min| 2 * min).as_ref();
    let growing: Vec<_> = all.iter().filter(|(_, sizes)| grows(sizes)).collect();
    assert!(growing.is_empty(), "{growing:?}");
    Ok(())
}

/// The session of two has its early result when the older one would have had it.
#[test]
fn merged_sessions_keep_the_older_clock() -> Tested {
    let graph = graph! {
        node: window(Session::of(10 * MS), count()).early_every(100 * MS),
        graph.records => node.input,
        node.out => graph.results,
    };
    let mut run = graph.inline()?;
    for (time, record) in [(0, 15), (30, 30), (60, 22)] {
        run.advance(Duration::from_millis(if time == 0 { 0 } else { 30 }))?;
        run.inputs.records.try_send_at(LogicalTime(record), (1_u8, ()))?;
        run.step()?;
    }
    assert!(run.outputs.results.try_recv().is_none());
    run.advance(40 * MS)?;
    let early = run.outputs.results.try_recv().ok_or("there is none")?;
    assert_eq!((early.value, early.pane), (3, Pane::Early));
    Ok(())
}

/// Late records that were too few for a result count on in the session that takes theirs in.
#[test]
fn merged_sessions_add_their_late_records_up() -> Tested {
    let graph = graph! {
        times: event_time_by(|record: &(i64, u8)| LogicalTime(record.0)),
        keyed: key_by(|record: &(i64, u8)| record.1),
        node: window(Session::of(10 * MS), count()).allowed_lateness(1_000 * MS).late_after(3),
        graph.records => times.input,
        times.out => keyed.input,
        keyed.out => node.input,
        node.out => graph.results,
    };
    let mut run = graph.inline()?;
    for record in [(100, 9), (0, 1), (15, 1)] {
        run.inputs.records.try_send(record)?;
        run.step()?;
    }
    assert!(run.outputs.results.try_recv().is_none());
    run.inputs.records.try_send((8, 1))?;
    run.step()?;
    let late = run.outputs.results.try_recv().ok_or("there is none")?;
    assert_eq!((late.key, late.value, late.pane), (1, 3, Pane::Late));
    Ok(())
}
