//! A record that fails behind its window leaves no trace in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use streamweave::nodes::try_map;
use streamweave::nodes::window::{
    Accumulation, Session, Sliding, Tumbling, WindowResult, count, window, window_by_count,
};
use streamweave::prelude::*;

use super::Tested;

const MS: Duration = Duration::from_millis(1);

/// Takes in records of these times, and then one that fails when its result is sent.
macro_rules! undone {
    ($node:expr, $times:expr, $failing:expr) => {{
        let armed = Arc::new(AtomicBool::new(false));
        let fails = Arc::clone(&armed);
        let mut graph = graph! {
            windows: $node,
            fail: try_map(move |result| {
                if fails.load(Relaxed) { Err(NodeError::new("broken")) } else { Ok(result) }
            }),
            graph.items => windows.input,
            windows.out => fail.input,
            fail.out => graph.results,
        };
        graph.set_undo(true);
        let mut run = graph.inline()?;
        for time in $times {
            run.inputs.items.try_send_at(LogicalTime(time), (1_u8, ()))?;
        }
        run.step()?;
        let before = run.snapshot()?;
        armed.store(true, Relaxed);
        run.inputs.items.try_send_at(LogicalTime($failing), (1, ()))?;
        assert!(run.step().is_err());
        assert_eq!(run.snapshot()?, before);
        assert_ne!(before.paths().count(), 0);
    }};
}

#[test]
fn leaves_no_trace() -> Tested {
    undone!(window(Tumbling::of(10 * MS), count()).early_after(3), [1, 2], 3);
    // The first record of a window.
    undone!(window(Tumbling::of(10 * MS), count()).early_after(1), [1, 2], 13);
    undone!(window(Sliding::of(10 * MS, 3 * MS), count()).early_after(3), [1, 2], 3);
    // It joins two sessions, of which the first has sent a result.
    let sessions = || window(Session::of(5 * MS), count()).accumulation(Accumulation::Retracting);
    undone!(sessions().early_after(1), [1, 10], 5);
    undone!(sessions().early_after(2), [1, 2], 4);
    undone!(window_by_count(3, count()), [1, 2], 3);
    undone!(window_by_count(4, count()).sliding_by(1), [1, 2, 3, 4, 5, 6], 7);
    Ok(())
}

/// Of windows that are complete at once, those before the one that fails have been sent, and
/// those behind it are still to come.
#[test]
fn what_was_complete_before_stands() -> Tested {
    let graph = |fails: u8| {
        graph! {
            windows: window(Tumbling::of(10 * MS), count()),
            fail: try_map(move |result: WindowResult<u8, u64>| {
                if result.key == fails { Err(NodeError::new("broken")) } else { Ok(result.key) }
            }),
            graph.items => windows.input,
            windows.out => fail.input,
            fail.out => graph.keys,
        }
    };
    let mut failing = graph(2);
    failing.set_undo(true);
    let mut run = failing.inline()?;
    for key in [3, 1, 2] {
        run.inputs.items.try_send_at(LogicalTime(1), (key, ()))?;
    }
    run.inputs.items.advance(LogicalTime(10));
    assert!(run.step().is_err());
    let keys: Vec<_> = std::iter::from_fn(|| run.outputs.keys.try_recv()).collect();
    assert_eq!(keys, [1]);
    let mut rest = graph(0);
    rest.restore(&run.snapshot()?)?;
    let mut run = rest.inline()?;
    run.inputs.items.advance(LogicalTime(10));
    run.step()?;
    let keys: Vec<_> = std::iter::from_fn(|| run.outputs.keys.try_recv()).collect();
    assert_eq!(keys, [2, 3]);
    Ok(())
}
