//! The library's nodes: against plain iterators, restored in the middle, undone.
#![allow(missing_docs, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use streamweave::graph::SendError;
use streamweave::nodes::*;
use streamweave::prelude::*;

type Failure = Box<dyn std::error::Error>;
type Tested = Result<(), Failure>;

/// Pseudo-random numbers below `below`.
fn numbers(count: usize, below: u64) -> Vec<u64> {
    let mut state = 0x5EED_u64;
    let splitmix64 = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    std::iter::repeat_with(splitmix64).take(count).map(|n| n % below).collect()
}

/// The inputs that every node is tried with: empty, one, few, more than a batch.
fn inputs() -> Vec<Vec<u64>> {
    [0, 1, 2, 3, 10, 100, 5000].map(|count| numbers(count, 7)).into()
}

/// A node between an input and an output of the graph.
macro_rules! alone {
    ($node:expr) => {
        graph! {
            node: $node,
            graph.items => node.input,
            node.out => graph.results,
        }
    };
}

/// What has come out so far.
macro_rules! results {
    ($run:expr) => {
        std::iter::from_fn(|| $run.outputs.results.try_recv())
    };
}

/// Sends all items, and takes out what there is no room for.
macro_rules! send {
    ($run:expr, $items:expr, $results:expr) => {
        for item in $items {
            let mut item = item;
            while let Err(refused) = $run.inputs.items.try_send(item) {
                assert!(matches!(refused, SendError::Full(_)));
                item = refused.into_record();
                $run.step()?;
                $results.extend(results!($run));
            }
        }
        $run.step()?;
        $results.extend(results!($run));
    };
}

/// What a node makes of all items.
macro_rules! through {
    ($node:expr, $items:expr) => {{
        let mut results = Vec::new();
        let mut run = alone!($node).inline()?;
        send!(run, $items, results);
        let mut run = run.close_inputs()?;
        results.extend(results!(run));
        run.drain()?;
        results
    }};
}

/// The same of a run that is broken off after `cut` items, and one that goes on from its snapshot.
macro_rules! restored {
    ($node:expr, $items:expr, $cut:expr) => {{
        let mut items = $items;
        let rest = items.split_off($cut);
        let mut results = Vec::new();
        let mut first = alone!($node).inline()?;
        send!(first, items, results);
        let snapshot = first.snapshot()?;
        drop(first);
        let mut graph = alone!($node);
        graph.restore(&snapshot)?;
        let mut run = graph.inline()?;
        send!(run, rest, results);
        let mut run = run.close_inputs()?;
        results.extend(results!(run));
        run.drain()?;
        results
    }};
}

/// A node gives `$expected` of each input, restored in the middle or not.
macro_rules! check {
    ($node:expr, |$items:ident| $expected:expr) => {
        for $items in inputs() {
            let expected: Vec<_> = $expected;
            assert_eq!(through!($node, $items.clone()), expected, "of {} items", $items.len());
            for cut in [0, 1, $items.len() / 2, $items.len()] {
                let cut = cut.min($items.len());
                assert_eq!(restored!($node, $items.clone(), cut), expected, "cut at {cut}");
            }
        }
    };
}

// Behind the macros, which they use.
mod calls;
mod sources;
mod time;
mod undo;

#[test]
fn transform() -> Tested {
    check!(map(|n: u64| n * 3), |items| items.iter().map(|n| n * 3).collect());
    check!(filter(|n: &u64| n.is_multiple_of(2)), |items| items
        .iter()
        .copied()
        .filter(|n| n % 2 == 0)
        .collect());
    check!(filter_map(|n: u64| n.checked_sub(3)), |items| items
        .iter()
        .filter_map(|n| n.checked_sub(3))
        .collect());
    check!(flat_map(|n: u64| 0..n), |items| items.iter().flat_map(|n| 0..*n).collect());
    check!(inspect(|n: &u64| assert!(*n < 7)), |items| items.clone());
    check!(try_map(|n: u64| Ok::<_, std::fmt::Error>(n + 1)), |items| items
        .iter()
        .map(|n| n + 1)
        .collect());
    Ok(())
}

#[test]
fn aggregate() -> Tested {
    check!(fold(1_u64, |sum: &mut u64, n: u64| *sum += n), |items| vec![
        1 + items.iter().sum::<u64>()
    ]);
    check!(reduce(|a: u64, b: u64| a * 31 % 1009 + b), |items| items
        .iter()
        .copied()
        .reduce(|a, b| a * 31 % 1009 + b)
        .into_iter()
        .collect());
    let step = |sum: &mut u64, n: u64| {
        *sum = *sum * 3 % 1009 + n;
        *sum
    };
    check!(scan(5, step), |items| {
        let mut sum = 5;
        items.iter().map(|n| step(&mut sum, *n)).collect()
    });
    for size in [1, 2, 10, 4999, 5000, 5001] {
        check!(chunks(size), |items| items.chunks(size).map(<[u64]>::to_vec).collect());
    }
    Ok(())
}

#[test]
fn sequence() -> Tested {
    check!(dedup(), |items| {
        let mut items = items.clone();
        items.dedup();
        items
    });
    for count in [0, 1, 3, 10, 5000] {
        check!(take(count), |items| items.iter().copied().take(count as usize).collect());
        check!(skip(count), |items| items.iter().copied().skip(count as usize).collect());
    }
    check!(take_while(|n: &u64| *n != 4), |items| items
        .iter()
        .copied()
        .take_while(|n| *n != 4)
        .collect());
    check!(skip_while(|n: &u64| *n != 4), |items| items
        .iter()
        .copied()
        .skip_while(|n| *n != 4)
        .collect());
    check!(every_nth(3), |items| items.iter().copied().skip(2).step_by(3).collect());
    check!(every_nth(0), |items| items.clone());
    Ok(())
}

#[test]
fn keyed() -> Tested {
    check!(distinct(), |items| {
        let mut seen = BTreeSet::new();
        items.iter().copied().filter(|n| seen.insert(*n)).collect()
    });
    check!(key_by(|n: &u64| n.is_multiple_of(2)), |items| items
        .iter()
        .map(|n| (n % 2 == 0, *n))
        .collect());
    for items in inputs() {
        let pairs: Vec<_> = items.iter().map(|n| (format!("k{n}"), *n)).collect();
        let mut counts = BTreeMap::new();
        let mut count = |key: &String| {
            *counts.entry(key.clone()).and_modify(|count| *count += 1).or_insert(1_u64)
        };
        let expected: Vec<_> = pairs.iter().map(|(key, _)| (key.clone(), count(key))).collect();
        assert_eq!(through!(count_strings(), pairs.clone()), expected);
        assert_eq!(restored!(count_strings(), pairs.clone(), pairs.len() / 2), expected);
    }
    Ok(())
}

fn count_strings() -> keyed::Count<String, u64> {
    count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_by_key_on_several_workers() -> Tested {
    let items = numbers(5000, 13);
    let graph = graph! {
        items: from_iter(items.clone()),
        keyed: key_by(|n: &u64| *n),
        #[workers(3)]
        count: count(),
        items.out => keyed.input,
        keyed.out => count.input,
        count.out => graph.counts,
    };
    let mut run = graph.start()?;
    let mut last = BTreeMap::new();
    for (key, count) in run.outputs.counts.collect().await {
        assert_eq!(count, last.get(&key).copied().unwrap_or(0) + 1);
        last.insert(key, count);
    }
    run.drain().await?;
    for (key, count) in last {
        assert_eq!(count, items.iter().filter(|item| **item == key).count() as u64);
    }
    Ok(())
}

#[test]
fn split_and_route() -> Tested {
    let items = numbers(300, 100);
    let graph = graph! {
        items: from_iter(items.clone()),
        parity: split(|n: &u64| n.is_multiple_of(2)),
        items.out => parity.input,
        thirds: route3(|n: u64| match n % 3 {
            0 => To3::First(n),
            1 => To3::Second(n.to_string()),
            _ => To3::Third((n, n)),
        }),
        halves: route2(|n: u64| if n < 50 { To2::First(n) } else { To2::Second(n) }),
        last: route4(|n: u64| match n {
            0..20 => To4::First(n),
            20..40 => To4::Second(()),
            40..60 => To4::Third(n as u8),
            _ => To4::Fourth(n as i32),
        }),
        parity.yes => thirds.input,
        parity.no => [halves.input, last.input],
        thirds.first => graph.first,
        thirds.second => graph.second,
        thirds.third => graph.third,
        halves.first => graph.low,
        halves.second => graph.high,
        last.first => graph.a,
        last.second => graph.b,
        last.third => graph.c,
        last.fourth => graph.d,
    };
    let mut run = graph.inline()?;
    run.step()?;
    macro_rules! got {
        ($port:ident) => {
            std::iter::from_fn(|| run.outputs.$port.try_recv()).collect::<Vec<_>>()
        };
    }
    let of = |parity: u64, f: &dyn Fn(&u64) -> bool| -> Vec<u64> {
        items.iter().copied().filter(|n| n % 2 == parity && f(n)).collect()
    };
    assert_eq!(got!(first), of(0, &|n| n % 3 == 0));
    let second: Vec<_> = of(0, &|n| n % 3 == 1).iter().map(u64::to_string).collect();
    assert_eq!(got!(second), second);
    assert_eq!(got!(third).iter().map(|(n, _)| *n).collect::<Vec<_>>(), of(0, &|n| n % 3 == 2));
    assert_eq!(got!(low), of(1, &|n| *n < 50));
    assert_eq!(got!(high), of(1, &|n| *n >= 50));
    assert_eq!(got!(a), of(1, &|n| *n < 20));
    assert_eq!(got!(b).len(), of(1, &|n| (20..40).contains(n)).len());
    assert_eq!(got!(c).len(), of(1, &|n| (40..60).contains(n)).len());
    assert_eq!(got!(d).len(), of(1, &|n| *n >= 60).len());
    Ok(())
}

/// Records that borrow what is there for ever go through graphs as others do, stages or not.
#[test]
fn static_strings() -> Tested {
    let graph = graph! {
        words: from_iter(["b", "a", "b"]),
        keyed: key_by(|word: &&'static str| word.len()),
        again: map(|(length, word): (usize, &'static str)| (word, length)),
        words.out => keyed.input,
        #[boundary]
        keyed.out => again.input,
        again.out => graph.results,
    };
    let mut run = graph.inline()?;
    run.step()?;
    assert_eq!(results!(run).collect::<Vec<_>>(), [("b", 1), ("a", 1), ("b", 1)]);
    Ok(())
}

#[test]
fn merge_keeps_each_order() -> Tested {
    let graph = graph! {
        small: from_iter(0..3000_u64),
        large: from_iter(10_000..13_000_u64),
        all: merge(),
        small.out => all.left,
        large.out => all.right,
        all.out => graph.results,
    };
    let mut run = graph.inline()?;
    let mut all: Vec<u64> = Vec::new();
    while all.len() < 6000 {
        run.step()?;
        let before = all.len();
        all.extend(results!(run));
        assert!(all.len() > before);
    }
    let (small, large): (Vec<_>, Vec<_>) = all.into_iter().partition(|n| *n < 10_000);
    assert_eq!(small, (0..3000).collect::<Vec<_>>());
    assert_eq!(large, (10_000..13_000).collect::<Vec<_>>());
    Ok(())
}

/// Pairs are the same whichever side is ahead, restored in between or not.
#[test]
fn zip_waits_for_no_side() -> Tested {
    let zipped = || {
        graph! {
            both: zip(),
            graph.lefts => both.left,
            graph.rights => both.right,
            both.out => graph.results,
        }
    };
    let sides = numbers(400, 2);
    let (mut lefts, mut rights) = (0_u64, 0_u64);
    let mut run = zipped().inline()?;
    let mut pairs = Vec::new();
    for (at, side) in sides.iter().enumerate() {
        if *side == 0 || at < 100 {
            run.inputs.lefts.try_send(lefts)?;
            lefts += 1;
        } else {
            run.inputs.rights.try_send(rights.to_string())?;
            rights += 1;
        }
        run.step()?;
        pairs.extend(results!(run));
        if at % 97 == 0 {
            let snapshot = run.snapshot()?;
            let mut graph = zipped();
            graph.restore(&snapshot)?;
            run = graph.inline()?;
        }
    }
    let expected: Vec<_> = (0..lefts.min(rights)).map(|n| (n, n.to_string())).collect();
    assert_eq!(pairs, expected);
    Ok(())
}

#[test]
fn try_map_tells_its_errors() -> Tested {
    let odd = |n: u64| if n % 2 == 1 { Ok(n) } else { Err(NodeError::new(format!("{n} is even"))) };
    let graph = graph! {
        items: from_iter(0..10_u64),
        odd: try_map(odd),
        items.out => odd.input,
        odd.out => graph.results,
        odd.errors => graph.errors,
    };
    let mut run = graph.inline()?;
    run.step()?;
    assert_eq!(results!(run).collect::<Vec<_>>(), [1, 3, 5, 7, 9]);
    let errors: Vec<_> = std::iter::from_fn(|| run.outputs.errors.try_recv()).collect();
    assert_eq!(errors.len(), 5);
    assert_eq!(errors[1].to_string(), "2 is even");

    let mut run = alone!(try_map(odd)).inline()?;
    run.inputs.items.try_send(1)?;
    run.inputs.items.try_send(2)?;
    let error = run.step().map_err(|error| error.to_string());
    assert!(error.is_err_and(|error| error.contains("2 is even")));
    Ok(())
}

#[test]
fn for_each_sees_all() -> Tested {
    let (send, receive) = std::sync::mpsc::channel();
    let graph = graph! {
        items: from_iter(0..3000_u64),
        end: for_each(move |n: u64| send.send(n).unwrap()),
        items.out => end.input,
    };
    graph.inline()?.drain()?;
    assert_eq!(receive.iter().collect::<Vec<_>>(), (0..3000).collect::<Vec<_>>());
    Ok(())
}
