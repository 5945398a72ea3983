//! `window_join`, inner and outer.

use std::time::Duration;

use streamweave::nodes::window::{Session, Sliding, Tumbling};
use streamweave::nodes::{Late, event_time_by, settle, window_join};
use streamweave::prelude::*;

use super::Tested;
use super::play::{DISORDER, Item, Order, Random, in_time, stream};
use crate::{check, joining, played, take};

const SIZE: i64 = 8;

fn window(time: i64, offset: i64) -> i64 {
    (time - offset).div_euclid(SIZE)
}

type Joined = (Option<i64>, (u64, (Option<Item>, Option<Item>)));

/// All pairs of a window, and those without a partner, from the rule itself.
fn full(lefts: &[(u64, Item)], rights: &[(u64, Item)], offset: i64) -> Vec<Joined> {
    let same = |a: &(u64, Item), b: &(u64, Item)| {
        a.0 == b.0 && window(a.1.0, offset) == window(b.1.0, offset)
    };
    let end = |time: i64| Some((window(time, offset) + 1) * SIZE + offset - 1);
    let mut joined = Vec::new();
    for left in lefts {
        for right in rights.iter().filter(|right| same(left, right)) {
            joined.push((end(left.1.0), (left.0, (Some(left.1), Some(right.1)))));
        }
        if !rights.iter().any(|right| same(left, right)) {
            joined.push((end(left.1.0), (left.0, (Some(left.1), None))));
        }
    }
    for right in rights {
        if !lefts.iter().any(|left| same(left, right)) {
            joined.push((end(right.1.0), (right.0, (None, Some(right.1)))));
        }
    }
    joined
}

fn size() -> Tumbling {
    Tumbling::of(Duration::from_millis(SIZE as u64))
}

#[test]
fn inner() -> Tested {
    check!(window_join(size()), |lefts, rights| full(&lefts, &rights, 0)
        .into_iter()
        .filter_map(|(time, (key, (left, right)))| Some((time, (key, (left?, right?)))))
        .collect());
    Ok(())
}

#[test]
fn outer() -> Tested {
    check!(window_join(size()).left_outer(), |lefts, rights| full(&lefts, &rights, 0)
        .into_iter()
        .filter_map(|(time, (key, (left, right)))| Some((time, (key, (left?, right)))))
        .collect());
    check!(window_join(size()).right_outer(), |lefts, rights| full(&lefts, &rights, 0)
        .into_iter()
        .filter_map(|(time, (key, (left, right)))| Some((time, (key, (left, right?)))))
        .collect());
    for offset in [3, -5] {
        check!(window_join(size().offset(offset)).full_outer(), |lefts, rights| full(
            &lefts, &rights, offset
        ));
    }
    Ok(())
}

/// Windows are sent in the order of their ends, the keys of a window in theirs.
#[test]
fn in_order() -> Tested {
    let graph = graph! {
        join: window_join(size()),
        graph.lefts => join.left,
        graph.rights => join.right,
        join.out => graph.joined,
    };
    let run = graph.inline()?;
    for (time, key) in [(1, 9_u64), (2, 300), (9, 1), (3, 2)] {
        run.inputs.lefts.try_send_at(LogicalTime(time), (key, 'a'))?;
        run.inputs.rights.try_send_at(LogicalTime(time), (key, 'b'))?;
    }
    let mut run = run.close_inputs()?;
    let order: Vec<_> = take!(run, joined).map(|(time, (key, _))| (time, key)).collect();
    assert_eq!(order, [(Some(7), 2), (Some(7), 9), (Some(7), 300), (Some(15), 1)]);
    Ok(())
}

/// Each pair in every window that both are in.
#[test]
fn sliding() -> Tested {
    const SLIDE: i64 = 3;
    let windows = || {
        let millis = |millis: i64| Duration::from_millis(millis as u64);
        Sliding::of(millis(SIZE), millis(SLIDE))
    };
    check!(window_join(windows()), |lefts, rights| {
        let mut joined = Vec::new();
        for start in (-40..200).map(|number| number * SLIDE) {
            let within = |item: &&(u64, Item)| (start..start + SIZE).contains(&item.1.0);
            for (key, left) in lefts.iter().filter(within) {
                for (_, right) in rights.iter().filter(within).filter(|(other, _)| other == key) {
                    joined.push((Some(start + SIZE - 1), (*key, (*left, *right))));
                }
            }
        }
        joined
    });
    Ok(())
}

#[test]
fn windows_that_cannot_be_joined_in_are_refused() -> Tested {
    macro_rules! refused {
        ($windows:expr, $why:literal) => {
            let graph = graph! {
                join: window_join($windows),
                graph.lefts => join.left,
                graph.rights => join.right,
                join.out => graph.joined,
            };
            let mut run = graph.inline()?;
            run.inputs.lefts.try_send((1_u64, 1_u8))?;
            run.inputs.rights.try_send((1, 1_u8))?;
            let error = run.step().unwrap_err().to_string();
            assert!(error.contains($why), "{error}");
            assert!(run.outputs.joined.try_recv().is_none());
        };
    }
    refused!(Tumbling::of(Duration::ZERO), "at least one");
    refused!(Session::of(Duration::ZERO), "at least one");
    Ok(())
}

/// What an idle input brings back for a window that is complete is dropped and counted.
#[test]
fn too_late() -> Tested {
    let graph = graph! {
        join: window_join(size()),
        graph.lefts => join.left,
        graph.rights => join.right,
        join.out => graph.joined,
        join.late_right => graph.late,
    };
    let mut run = graph.inline()?;
    run.inputs.rights.idle();
    for time in [3, 9] {
        run.inputs.lefts.try_send_at(LogicalTime(time), (1_u64, 'a'))?;
    }
    run.inputs.lefts.advance(LogicalTime(10));
    run.step()?;
    for time in [5, 9] {
        run.inputs.rights.try_send_at(LogicalTime(time), (1, 'b'))?;
    }
    let mut run = run.close_inputs()?;
    assert_eq!(take!(run, joined).collect::<Vec<_>>(), [(Some(15), (1, ('a', 'b')))]);
    assert_eq!(take!(run, late).collect::<Vec<_>>(), [(Some(5), (1, 'b'))]);
    let metrics = run.metrics();
    assert_eq!(metrics.nodes.iter().map(|node| node.late).collect::<Vec<_>>(), [1]);
    Ok(())
}
