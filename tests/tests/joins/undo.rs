//! A record that fails behind a join leaves no trace in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use streamweave::nodes::{interval_join, temporal_join, try_map, window_join};
use streamweave::prelude::*;

use super::Tested;

macro_rules! undone {
    ($join:expr, $left:expr, $right:expr, $until:expr) => {{
        let armed = Arc::new(AtomicBool::new(false));
        let fails = Arc::clone(&armed);
        let mut graph = graph! {
            join: $join,
            fail: try_map(move |item| {
                if fails.load(Relaxed) { Err(NodeError::new("broken")) } else { Ok(item) }
            }),
            graph.lefts => join.left,
            graph.rights => join.right,
            join.out => fail.input,
            fail.out => graph.joined,
        };
        graph.set_undo(true);
        let mut run = graph.inline()?;
        run.inputs.lefts.try_send_at(LogicalTime(1), (1_u64, 'a'))?;
        run.inputs.rights.try_send_at(LogicalTime(2), (1_u64, 'b'))?;
        run.inputs.rights.try_send_at(LogicalTime(3), (2_u64, 'c'))?;
        run.step()?;
        let before = run.snapshot()?;
        armed.store(true, Relaxed);
        if let Some((time, left)) = $left {
            run.inputs.lefts.try_send_at(LogicalTime(time), left)?;
        }
        if let Some((time, right)) = $right {
            run.inputs.rights.try_send_at(LogicalTime(time), right)?;
        }
        run.inputs.lefts.advance(LogicalTime($until));
        run.inputs.rights.advance(LogicalTime($until));
        assert!(run.step().is_err());
        assert_eq!(run.snapshot()?, before);
        while run.outputs.joined.try_recv().is_some() {}
    }};
}

#[test]
fn leaves_no_trace() -> Tested {
    let none: Option<(i64, (u64, char))> = None;
    undone!(interval_join(-10, 10), Some((4, (1, 'x'))), none, 4);
    undone!(interval_join(-10, 10), none, Some((4, (1, 'x'))), 4);
    undone!(window_join(Duration::from_millis(10)), none, none, 10);
    undone!(temporal_join(), none, none, 10);
    Ok(())
}
