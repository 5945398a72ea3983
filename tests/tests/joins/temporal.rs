//! `temporal_join`.

use streamweave::nodes::{Late, event_time_by, settle, temporal_join};
use streamweave::prelude::*;

use super::Tested;
use super::play::{DISORDER, Item, Order, Random, in_time, stream};
use crate::{check, joining, played, take};

/// For each left the last right of its key, by time and then by arrival, that is not after it.
fn as_of(
    lefts: &[(u64, Item)],
    rights: &[(u64, Item)],
) -> Vec<(Option<i64>, (u64, (Item, Option<Item>)))> {
    let version = |key: u64, time: i64| {
        let valid = rights.iter().filter(|(other, right)| *other == key && right.0 <= time);
        valid.map(|(_, right)| *right).max()
    };
    lefts.iter().map(|(key, left)| (Some(left.0), (*key, (*left, version(*key, left.0))))).collect()
}

#[test]
pub(crate) fn each_record_has_the_version_of_its_time() -> Tested {
    check!(temporal_join(), |lefts, rights| as_of(&lefts, &rights));
    Ok(())
}

/// The same, of versions before the record's time, or of no more than a tolerance before it.
#[test]
fn how_old_a_version_may_be() -> Tested {
    for (strictly, tolerance) in [(true, None), (false, Some(7))] {
        let make = || {
            let join = temporal_join();
            let join = if strictly { join.strictly() } else { join };
            match tolerance {
                Some(tolerance) => join.tolerance(std::time::Duration::from_millis(tolerance)),
                None => join,
            }
        };
        check!(make(), |lefts, rights| {
            let is_valid = |left: &Item, right: &Item| {
                let age = left.0 - right.0;
                age >= i64::from(strictly) && tolerance.is_none_or(|most| age <= most as i64)
            };
            let of = |key, left: Item| {
                let valid =
                    rights.iter().filter(|(other, right)| *other == key && is_valid(&left, right));
                valid.map(|(_, right)| *right).max()
            };
            let joined =
                lefts.iter().map(|(key, left)| (Some(left.0), (*key, (*left, of(*key, *left)))));
            joined.collect()
        });
    }
    Ok(())
}

/// The first version behind a record, or the nearest one, as pandas' `merge_asof` has it; each result when
/// no version can change it any more.
#[test]
pub(crate) fn forward_and_nearest() -> Tested {
    for (nearest, strictly, tolerance) in [
        (false, true, None),
        (false, false, Some(7)),
        (true, false, None),
        (true, true, None),
        (true, true, Some(4)),
        (true, false, Some(7)),
    ] {
        let make = || {
            let join = temporal_join();
            let join = if nearest { join.nearest() } else { join.forward() };
            let join = if strictly { join.strictly() } else { join };
            match tolerance {
                Some(tolerance) => join.tolerance(std::time::Duration::from_millis(tolerance)),
                None => join,
            }
        };
        let most = tolerance.map_or(i64::MAX, |most| most as i64);
        check!(make(), |lefts, rights| {
            let of = |key: u64, left: Item| {
                let is_valid = |right: &Item| {
                    let away = right.0 - left.0;
                    (nearest || away >= 0)
                        && away.abs() >= i64::from(strictly)
                        && away.abs() <= most
                };
                let rights =
                    rights.iter().filter(|(other, right)| *other == key && is_valid(right));
                // Of two as near the one before, and of those of one time the last.
                let version = rights
                    .map(|(_, right)| *right)
                    .min_by_key(|right| ((right.0 - left.0).abs(), right.0, u64::MAX - right.1));
                let sure = match version {
                    Some(right) if right.0 < left.0 => left.0 + (left.0 - right.0 - 1),
                    Some(right) => right.0,
                    None => tolerance.map_or(i64::MAX, |_| left.0 + most),
                };
                (Some(sure), (key, (left, version)))
            };
            lefts.iter().map(|(key, left)| of(*key, *left)).collect()
        });
    }
    Ok(())
}

/// A result comes with the frontier that makes it sure, and not before.
#[test]
fn waits_for_what_may_be_nearer() -> Tested {
    let graph = graph! {
        join: temporal_join().nearest(),
        graph.lefts => join.left,
        graph.rights => join.right,
        join.out => graph.joined,
    };
    let mut run = graph.inline()?;
    run.inputs.rights.try_send_at(LogicalTime(10), (7_u64, 'a'))?;
    run.inputs.lefts.try_send_at(LogicalTime(15), (7, 15_u8))?;
    run.inputs.lefts.advance(LogicalTime(100));
    // At 19 one may come that is nearer than the one at 10; one at 20 would not be.
    for (frontier, sent) in [(16, 0), (19, 0), (20, 1)] {
        run.inputs.rights.advance(LogicalTime(frontier));
        run.step()?;
        assert_eq!(take!(run, joined).count(), sent, "{frontier}");
    }
    Ok(())
}

/// What comes behind the frontier is answered where the answer is known, waits where it is to come, and is
/// late where it may be gone.
#[test]
fn late_and_forward() -> Tested {
    let graph = graph! {
        join: temporal_join().forward(),
        graph.lefts => join.left,
        graph.rights => join.right,
        join.out => graph.joined,
        join.late_left => graph.late,
    };
    let mut run = graph.inline()?;
    run.inputs.lefts.idle();
    for (time, version) in [(10, 'a'), (20, 'b'), (60, 'c')] {
        run.inputs.rights.try_send_at(LogicalTime(time), (7_u64, version))?;
    }
    run.inputs.rights.advance(LogicalTime(50));
    run.step()?;
    for time in [5, 20, 21, 45] {
        run.inputs.lefts.try_send_at(LogicalTime(time), (7, time))?;
    }
    run.step()?;
    let mut run = run.close_inputs()?;
    let joined: Vec<_> = take!(run, joined).map(|(_, (_, joined))| joined).collect();
    assert_eq!(joined, [(21, Some('c')), (45, Some('c'))]);
    assert_eq!(take!(run, late).map(|(_, (_, late))| late).collect::<Vec<_>>(), [5, 20]);
    Ok(())
}

/// A version may come until the frontier is past the record's time, and no longer is waited for.
#[test]
pub(crate) fn waits_until_it_is_sure() -> Tested {
    let graph = graph! {
        join: temporal_join(),
        graph.lefts => join.left,
        graph.rights => join.right,
        join.out => graph.joined,
    };
    let mut run = graph.inline()?;
    run.inputs.rights.try_send_at(LogicalTime(1), (7_u64, 'a'))?;
    run.inputs.lefts.try_send_at(LogicalTime(5), (7, 5_u8))?;
    run.inputs.lefts.advance(LogicalTime(100));
    run.inputs.rights.advance(LogicalTime(5));
    run.step()?;
    assert_eq!(take!(run, joined).next(), None);
    run.inputs.rights.try_send_at(LogicalTime(5), (7, 'b'))?;
    run.inputs.rights.advance(LogicalTime(6));
    run.step()?;
    assert_eq!(take!(run, joined).collect::<Vec<_>>(), [(Some(5), (7, (5_u8, Some('b'))))]);
    assert_eq!(run.outputs.joined.frontier(), Some(Frontier::At(LogicalTime(6))));
    Ok(())
}

/// What an idle input brings behind the frontier has the version of its time, as long as that is kept.
#[test]
pub(crate) fn late_for_its_version() -> Tested {
    let graph = graph! {
        join: temporal_join(),
        graph.lefts => join.left,
        graph.rights => join.right,
        join.out => graph.joined,
        join.late_left => graph.late,
    };
    let mut run = graph.inline()?;
    run.inputs.lefts.idle();
    for (time, version) in [(10, 'a'), (20, 'b'), (30, 'c'), (60, 'd')] {
        run.inputs.rights.try_send_at(LogicalTime(time), (7_u64, version))?;
    }
    run.inputs.rights.advance(LogicalTime(50));
    run.step()?;
    // Only versions from 30 on are kept, of a key that never had any before 10.
    for time in [5, 10, 15, 29, 30, 45] {
        run.inputs.lefts.try_send_at(LogicalTime(time), (7, time))?;
    }
    run.step()?;
    let mut run = run.close_inputs()?;
    let joined: Vec<_> = take!(run, joined).map(|(_, (_, joined))| joined).collect();
    assert_eq!(joined, [(5, None), (30, Some('c')), (45, Some('c'))]);
    let late: Vec<_> = take!(run, late).map(|(time, (_, left))| (time, left)).collect();
    assert_eq!(late, [10, 15, 29].map(|time| (Some(time), time)));
    let metrics = run.drain()?.metrics;
    assert_eq!(metrics.nodes.iter().map(|node| node.late).collect::<Vec<_>>(), [3]);
    Ok(())
}

/// A version from behind the frontier is too late for records that have been answered, and told; it is
/// valid for those that come after it.
#[test]
pub(crate) fn late_versions() -> Tested {
    let graph = graph! {
        join: temporal_join(),
        graph.lefts => join.left,
        graph.rights => join.right,
        join.out => graph.joined,
        join.late_right => graph.late,
    };
    let mut run = graph.inline()?;
    run.inputs.rights.try_send_at(LogicalTime(10), (7_u64, 'a'))?;
    run.inputs.rights.idle();
    run.inputs.lefts.try_send_at(LogicalTime(25), (7, 25))?;
    run.inputs.lefts.advance(LogicalTime(50));
    run.step()?;
    for (time, version) in [(20, 'b'), (50, 'c')] {
        run.inputs.rights.try_send_at(LogicalTime(time), (7, version))?;
    }
    run.step()?;
    for time in [50, 60] {
        run.inputs.lefts.try_send_at(LogicalTime(time), (7, time))?;
    }
    let mut run = run.close_inputs()?;
    let joined: Vec<_> = take!(run, joined).map(|(_, (_, joined))| joined).collect();
    assert_eq!(joined, [(25, Some('a')), (50, Some('c')), (60, Some('c'))]);
    assert_eq!(take!(run, late).collect::<Vec<_>>(), [(Some(20), (7, 'b'))]);
    let metrics = run.drain()?.metrics;
    assert_eq!(metrics.nodes.iter().map(|node| node.late).collect::<Vec<_>>(), [1]);

    // Without another one behind it, it is the one that is valid.
    let graph = graph! {
        join: temporal_join(),
        graph.lefts => join.left,
        graph.rights => join.right,
        join.out => graph.joined,
    };
    let mut run = graph.inline()?;
    run.inputs.rights.idle();
    run.inputs.lefts.advance(LogicalTime(50));
    run.step()?;
    run.inputs.rights.try_send_at(LogicalTime(20), (7_u64, 'b'))?;
    run.inputs.lefts.try_send_at(LogicalTime(60), (7, 60))?;
    let mut run = run.close_inputs()?;
    assert_eq!(take!(run, joined).collect::<Vec<_>>(), [(Some(60), (7, (60, Some('b'))))]);
    Ok(())
}
