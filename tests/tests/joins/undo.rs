//! A record that fails behind a join leaves no trace in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use streamweave::graph::Snapshot;
use streamweave::nodes::window::{Session, Tumbling};
use streamweave::nodes::{event_time_by, interval_join, temporal_join, try_map, window_join};
use streamweave::prelude::*;
use streamweave::state::NodeSnapshot;

use super::Tested;

/// What a node has saved, but for how far it has come: its frontier rises before the timer that
/// fails.
fn saved(snapshot: &Snapshot, node: &str) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let bytes = snapshot.get(node).ok_or("nothing is saved")?;
    let fields = NodeSnapshot::decode(bytes, node)?.fields.into_iter();
    let own = fields.filter(|(name, _)| !name.starts_with('#'));
    Ok(own.map(|(name, field)| (name, field.bytes)).collect())
}

type Failure = Box<dyn std::error::Error>;

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
        let before = saved(&run.snapshot()?, "join")?;
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
        assert_eq!(saved(&run.snapshot()?, "join")?, before);
        while run.outputs.joined.try_recv().is_some() {}
    }};
}

/// As it joins two sessions of which the pairs have been sent, and sends the pairs between them.
#[test]
fn late_records_leave_no_trace() -> Tested {
    let armed = Arc::new(AtomicBool::new(false));
    let fails = Arc::clone(&armed);
    let mut graph = graph! {
        times: event_time_by(|(_, (time, _)): &(u64, (i64, char))| LogicalTime(*time)),
        join: window_join(Session::of(Duration::from_millis(3)))
            .allowed_lateness(Duration::from_millis(90)),
        fail: try_map(move |(_, pair): (u64, ((i64, char), (i64, char)))| {
            // The last of them.
            let last = pair == ((6, 'e'), (1, 'a'));
            if last && fails.load(Relaxed) { Err(NodeError::new("broken")) } else { Ok(pair) }
        }),
        graph.lefts => times.input,
        times.out => join.left,
        graph.rights => join.right,
        join.out => fail.input,
        fail.out => graph.joined,
    };
    graph.set_undo(true);
    let mut run = graph.inline()?;
    for (time, right) in [(1, 'a'), (5, 'x')] {
        run.inputs.rights.try_send_at(LogicalTime(time), (1_u64, (time, right)))?;
    }
    run.inputs.rights.advance(LogicalTime(50));
    for left in [(0, 'c'), (6, 'e'), (50, 'z')] {
        run.inputs.lefts.try_send((1_u64, left))?;
    }
    run.step()?;
    let mut joined = || std::iter::from_fn(|| run.outputs.joined.try_recv()).collect::<Vec<_>>();
    assert_eq!(joined(), [((0, 'c'), (1, 'a')), ((6, 'e'), (5, 'x'))]);
    let before = saved(&run.snapshot()?, "join")?;
    armed.store(true, Relaxed);
    run.inputs.lefts.try_send((1, (3, 'd')))?;
    assert!(run.step().is_err());
    assert_eq!(saved(&run.snapshot()?, "join")?, before);
    Ok(())
}

#[test]
fn leaves_no_trace() -> Tested {
    let none: Option<(i64, (u64, char))> = None;
    undone!(interval_join(-10, 10), Some((4, (1, 'x'))), none, 4);
    undone!(interval_join(-10, 10), none, Some((4, (1, 'x'))), 4);
    undone!(window_join(Tumbling::of(Duration::from_millis(10))), none, none, 10);
    undone!(temporal_join(), none, none, 10);
    // A session is complete, and another one goes.
    let sessions = || window_join(Session::of(Duration::from_millis(3)));
    undone!(sessions(), none, none, 7);
    undone!(sessions().left_outer().allowed_lateness(Duration::from_millis(9)), none, none, 7);
    Ok(())
}
