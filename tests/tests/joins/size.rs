//! State is dropped once the frontier proves that it can match no more, and not before.

use std::time::Duration;

use streamweave::graph::Snapshot;
use streamweave::nodes::window::{Session, Sliding, Tumbling};
use streamweave::nodes::{dedup_within, interval_join, temporal_join, window_join};
use streamweave::prelude::*;
use streamweave::state::{NodeSnapshot, StateError};

use super::Tested;

/// How many bytes the saved fields of a node have; what it has to do and how far it has come lies
/// beside them.
fn size(snapshot: &Snapshot, node: &str) -> Result<usize, StateError> {
    let Some(bytes) = snapshot.get(node) else { return Ok(0) };
    let fields = NodeSnapshot::decode(bytes, node)?.fields;
    let own = fields.iter().filter(|(name, _)| !name.starts_with('#'));
    Ok(own.map(|(_, field)| field.bytes.len()).sum())
}

/// The saved state of a join, as it grows and shrinks: both inputs send a record of one of three
/// keys every millisecond, and promise so.
macro_rules! sizes {
    ($join:expr) => {{
        let make = || {
            graph! {
                join: $join,
                graph.lefts => join.left,
                graph.rights => join.right,
                join.out => graph.joined,
            }
        };
        let empty = size(&make().inline()?.snapshot()?, "join")?;
        let mut run = make().inline()?;
        let mut largest = Vec::new();
        // Late enough that times are written with the same number of bytes throughout.
        for time in 1000..1400_i64 {
            let at = LogicalTime(time);
            run.inputs.lefts.try_send_at(at, (time % 3, time))?;
            run.inputs.rights.try_send_at(at, ((time + 1) % 3, time))?;
            run.inputs.lefts.advance(at);
            run.inputs.rights.advance(at);
            run.step()?;
            while run.outputs.joined.try_recv().is_some() {}
            largest.push(size(&run.snapshot()?, "join")?);
        }
        run.inputs.lefts.advance(LogicalTime(100_000));
        run.inputs.rights.advance(LogicalTime(100_000));
        run.step()?;
        let after = size(&run.snapshot()?, "join")?;
        let early = largest[..100].iter().max().copied().unwrap_or(0);
        let late = largest.iter().max().copied().unwrap_or(0);
        assert!(early > empty);
        assert!(late < early * 3 / 2, "grows from {early} to {late} bytes");
        let mut run = run.close_inputs()?;
        while run.outputs.joined.try_recv().is_some() {}
        (empty, after, size(&run.snapshot()?, "join")?)
    }};
}

#[test]
fn what_no_record_can_match_is_dropped() -> Tested {
    let (empty, after, ended) = sizes!(interval_join(-10, 20));
    assert_eq!((after, ended), (empty, empty));
    let (empty, after, ended) = sizes!(interval_join(5, 20));
    assert_eq!((after, ended), (empty, empty));
    let (empty, after, ended) = sizes!(interval_join(-20, -5));
    assert_eq!((after, ended), (empty, empty));
    let (empty, after, ended) = sizes!(interval_join(-10, 20).full_outer());
    assert_eq!((after, ended), (empty, empty));
    let (empty, after, ended) = sizes!(window_join(Tumbling::of(Duration::from_millis(10))));
    assert_eq!((after, ended), (empty, empty));
    let session = Session::of(Duration::from_millis(1));
    let (empty, after, ended) = sizes!(window_join(session));
    assert_eq!((after, ended), (empty, empty));
    let lateness = Duration::from_millis(20);
    let join = || window_join(session).full_outer().allowed_lateness(lateness);
    let (empty, after, ended) = sizes!(join());
    assert_eq!((after, ended), (empty, empty));
    let sliding = Sliding::of(Duration::from_millis(10), Duration::from_millis(3));
    let join = || window_join(sliding).left_outer().allowed_lateness(lateness);
    let (empty, after, ended) = sizes!(join());
    assert_eq!((after, ended), (empty, empty));
    let (empty, after, ended) = sizes!(temporal_join());
    assert!(after > empty, "the latest version of each key stays valid");
    assert_eq!(ended, after);
    let backward = after;
    let (_, after, ended) = sizes!(temporal_join().nearest());
    assert_eq!((after, ended), (backward, backward));
    let (_, after, ended) = sizes!(temporal_join().forward().tolerance(Duration::from_millis(5)));
    assert!(after < backward && ended == after, "no version is kept, but that there were some");
    Ok(())
}

/// How many entries the join keeps, to the millisecond.
#[test]
fn and_not_before() -> Tested {
    let graph = graph! {
        join: interval_join(-10, 20),
        graph.lefts => join.left,
        graph.rights => join.right,
        join.out => graph.joined,
    };
    let mut run = graph.inline()?;
    let empty = size(&run.snapshot()?, "join")?;
    run.inputs.lefts.try_send_at(LogicalTime(100), (1_u64, 'a'))?;
    run.inputs.lefts.try_send_at(LogicalTime(90), (1, 'b'))?;
    run.step()?;
    let mut sizes = Vec::new();
    for time in [110, 111, 120, 121] {
        run.inputs.lefts.advance(LogicalTime(time));
        run.inputs.rights.advance(LogicalTime(time));
        run.step()?;
        sizes.push(size(&run.snapshot()?, "join")?);
    }
    // 'b' goes when the frontier is past 110, 'a' when it is past 120.
    assert!(sizes[0] > sizes[1] && sizes[1] == sizes[2] && sizes[2] > sizes[3], "{sizes:?}");
    assert_eq!(sizes[3], empty);
    run.inputs.rights.try_send_at(LogicalTime(121), (1, 'x'))?;
    run.step()?;
    assert!(run.outputs.joined.try_recv().is_none());
    Ok(())
}

#[test]
fn what_nothing_can_repeat_is_forgotten() -> Tested {
    let graph = graph! {
        once: dedup_within(Duration::from_millis(10)),
        graph.records => once.input,
        once.out => graph.once,
    };
    let mut run = graph.inline()?;
    let empty = size(&run.snapshot()?, "once")?;
    run.inputs.records.try_send_at(LogicalTime(100), (1_u64, ()))?;
    run.inputs.records.advance(LogicalTime(109));
    run.step()?;
    assert_ne!(size(&run.snapshot()?, "once")?, empty);
    run.inputs.records.advance(LogicalTime(110));
    run.step()?;
    assert_eq!(size(&run.snapshot()?, "once")?, empty);
    assert!(run.outputs.once.try_recv().is_some());
    Ok(())
}
