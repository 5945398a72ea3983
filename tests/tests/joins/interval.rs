//! `interval_join`.

use streamweave::nodes::{Late, event_time_by, interval_join, settle};
use streamweave::prelude::*;

use super::Tested;
use super::play::{DISORDER, Item, Order, Random, in_time, stream};
use crate::{check, joining, played, take};

type Pair = (Option<i64>, (u64, (Item, Item)));

/// All pairs that match, from the rule itself.
fn pairs(lefts: &[(u64, Item)], rights: &[(u64, Item)], lower: i64, upper: i64) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (key, left) in lefts {
        for (other, right) in rights {
            let after = i128::from(right.0) - i128::from(left.0);
            if key == other && i128::from(lower) <= after && after <= i128::from(upper) {
                pairs.push((Some(left.0.max(right.0)), (*key, (*left, *right))));
            }
        }
    }
    pairs
}

#[test]
pub(crate) fn all_pairs_within_the_interval() -> Tested {
    for (lower, upper) in [(0, 0), (-3, 5), (2, 9), (-9, -2), (-40, 40), (i64::MIN, i64::MAX)] {
        check!(interval_join(lower, upper), |lefts, rights| pairs(&lefts, &rights, lower, upper));
    }
    Ok(())
}

type Outer = (Option<i64>, (u64, (Option<Item>, Option<Item>)));

/// All pairs, and what is alone when the last time of a partner is over.
fn full(lefts: &[(u64, Item)], rights: &[(u64, Item)], lower: i64, upper: i64) -> Vec<Outer> {
    let inner = pairs(lefts, rights, lower, upper);
    let lone = |found: &dyn Fn(&Pair) -> bool| !inner.iter().any(found);
    let mut all: Vec<Outer> = inner
        .iter()
        .map(|(time, (key, (left, right)))| (*time, (*key, (Some(*left), Some(*right)))))
        .collect();
    let lefts = lefts.iter().filter(|(_, left)| lone(&|pair| pair.1.1.0 == *left));
    all.extend(lefts.map(|(key, left)| {
        (Some(left.0.max(left.0.saturating_add(upper))), (*key, (Some(*left), None)))
    }));
    let rights = rights.iter().filter(|(_, right)| lone(&|pair| pair.1.1.1 == *right));
    all.extend(rights.map(|(key, right)| {
        (Some(right.0.max(right.0.saturating_sub(lower))), (*key, (None, Some(*right))))
    }));
    all
}

#[test]
pub(crate) fn outer() -> Tested {
    for (lower, upper) in [(-3, 5), (2, 9), (-9, -2), (i64::MIN + 1, i64::MAX)] {
        check!(interval_join(lower, upper).full_outer(), |lefts, rights| full(
            &lefts, &rights, lower, upper
        ));
    }
    check!(interval_join(-3, 5).left_outer(), |lefts, rights| full(&lefts, &rights, -3, 5)
        .into_iter()
        .filter_map(|(time, (key, (left, right)))| Some((time, (key, (left?, right)))))
        .collect());
    check!(interval_join(-3, 5).right_outer(), |lefts, rights| full(&lefts, &rights, -3, 5)
        .into_iter()
        .filter_map(|(time, (key, (left, right)))| Some((time, (key, (left, right?)))))
        .collect());
    Ok(())
}

/// What an idle input brings back: joined or alone while something that it could match may be kept, and
/// late then.
#[test]
fn outer_behind_the_frontier() -> Tested {
    let graph = graph! {
        join: interval_join(-100, 100).full_outer(),
        graph.lefts => join.left,
        graph.rights => join.right,
        join.out => graph.joined,
        join.late_right => graph.late,
    };
    let mut run = graph.inline()?;
    run.inputs.rights.idle();
    run.inputs.lefts.try_send_at(LogicalTime(450), (1_u64, 'b'))?;
    run.inputs.lefts.advance(LogicalTime(500));
    run.step()?;
    for (key, time, name) in [(1, 390, 'x'), (2, 390, 'y'), (1, 299, 'z'), (2, 480, 'w')] {
        run.inputs.rights.try_send_at(LogicalTime(time), (key, name))?;
    }
    run.step()?;
    let joined: Vec<_> = take!(run, joined).collect();
    let expected = [(Some(450), (1, (Some('b'), Some('x')))), (Some(500), (2, (None, Some('y'))))];
    assert_eq!(joined, expected);
    assert_eq!(take!(run, late).collect::<Vec<_>>(), [(Some(299), (1, 'z'))]);
    let mut run = run.close_inputs()?;
    assert_eq!(take!(run, joined).collect::<Vec<_>>(), [(Some(580), (2, (None, Some('w'))))]);
    run.drain()?;
    Ok(())
}

/// Times and bounds where sums of the two do not fit.
#[test]
fn at_the_ends_of_time() -> Tested {
    let times = [i64::MIN, i64::MIN + 3, -1, 0, i64::MAX - 3, i64::MAX];
    let items: Vec<_> = (0..).zip(times).map(|(id, time)| (0_u64, (time, id))).collect();
    for (lower, upper) in
        [(i64::MIN, i64::MIN), (i64::MAX, i64::MAX), (-3, 3), (1, i64::MAX), (i64::MIN, -1)]
    {
        for left_first in [true, false] {
            let graph = graph! {
                join: interval_join(lower, upper),
                graph.lefts => join.left,
                graph.rights => join.right,
                join.out => graph.joined,
            };
            let mut run = graph.inline()?;
            for side in [left_first, !left_first] {
                for item in &items {
                    let time = LogicalTime(item.1.0);
                    if side {
                        run.inputs.lefts.try_send_at(time, *item)?;
                    } else {
                        run.inputs.rights.try_send_at(time, *item)?;
                    }
                }
                run.step()?;
            }
            let mut joined: Vec<_> = take!(run, joined).collect();
            joined.sort();
            let mut expected = pairs(&items, &items, lower, upper);
            expected.sort();
            assert_eq!(joined, expected, "{lower} to {upper}");
        }
    }
    Ok(())
}

#[test]
fn an_empty_interval_is_refused() -> Tested {
    let graph = graph! {
        join: interval_join(5, 4),
        graph.lefts => join.left,
        graph.rights => join.right,
        join.out => graph.joined,
    };
    let mut run = graph.inline()?;
    run.inputs.lefts.try_send((1_u64, 1_u8))?;
    run.inputs.rights.try_send((1, 1_u8))?;
    let error = run.step().unwrap_err().to_string();
    assert!(error.contains("swap them"), "{error}");
    assert!(run.outputs.joined.try_recv().is_none());
    Ok(())
}

#[test]
fn records_need_times_and_strict_edges() -> Tested {
    let graph = graph! {
        join: interval_join(0, 1),
        graph.lefts => join.left,
        graph.rights => join.right,
        join.out => graph.joined,
    };
    let mut run = graph.inline()?;
    run.inputs.lefts.try_send((1_u64, 1_u8))?;
    run.inputs.rights.idle();
    let error = run.step().unwrap_err().to_string();
    assert!(error.contains("has no time"), "{error}");
    let none: Option<(u64, (u8, u8))> = run.outputs.joined.try_recv();
    assert!(none.is_none());

    let graph = graph! {
        times: event_time_by(|(_, n): &(u64, i64)| LogicalTime(*n)),
        join: interval_join(0, 1),
        graph.lefts => times.input,
        times.out => join.left,
        times.out => join.right,
        join.out => graph.joined,
    };
    let Err(refused) = graph.inline() else { return Err("late records would be joined".into()) };
    assert!(refused.to_string().contains("settle()"), "{refused}");
    Ok(())
}

/// What an idle input brings back behind the frontier is joined with what is kept.
#[test]
fn an_input_that_was_idle() -> Tested {
    let graph = graph! {
        join: interval_join(-100, 100),
        graph.lefts => join.left,
        graph.rights => join.right,
        join.out => graph.joined,
        join.late_right => graph.late,
    };
    let mut run = graph.inline()?;
    run.inputs.rights.idle();
    run.inputs.lefts.try_send_at(LogicalTime(10), (1_u64, 'a'))?;
    run.inputs.lefts.try_send_at(LogicalTime(500), (1, 'b'))?;
    run.inputs.lefts.advance(LogicalTime(500));
    run.step()?;
    run.inputs.rights.try_send_at(LogicalTime(20), (1, 'x'))?;
    run.inputs.rights.try_send_at(LogicalTime(450), (1, 'y'))?;
    run.step()?;
    assert_eq!(take!(run, joined).collect::<Vec<_>>(), [(Some(500), (1, ('b', 'y')))]);
    // Of the first one nothing that it matches is kept.
    assert_eq!(take!(run, late).collect::<Vec<_>>(), [(Some(20), (1, 'x'))]);
    run.inputs.rights.try_send_at(LogicalTime(299), (1, 'z'))?;
    run.inputs.rights.try_send_at(LogicalTime(300), (1, 'a'))?;
    let mut run = run.close_inputs()?;
    assert_eq!(take!(run, late).collect::<Vec<_>>(), [(Some(299), (1, 'z'))]);
    let metrics = run.drain()?.metrics;
    assert_eq!(metrics.nodes.iter().map(|node| node.late).collect::<Vec<_>>(), [2]);
    Ok(())
}
