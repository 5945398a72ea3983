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

mod sources {
    use super::*;

    #[test]
    fn iterators_of_every_kind() -> Tested {
        fn run<I: Iterator<Item = u64> + Send + 'static>(items: I) -> Result<Vec<u64>, Failure> {
            let graph = graph! {
                items: from_iter(items),
                items.out => graph.results,
            };
            let mut run = graph.inline()?;
            let mut all = Vec::new();
            loop {
                run.step()?;
                let before = all.len();
                all.extend(results!(run));
                if all.len() == before {
                    run.drain()?;
                    return Ok(all);
                }
            }
        }
        for count in [0, 1, 2047, 2048, 2049, 4096, 10_000] {
            let expected: Vec<u64> = (0..count).collect();
            assert_eq!(run(0..count)?, expected);
            let mut next = 0..count;
            assert_eq!(run(std::iter::from_fn(move || next.next()))?, expected, "no size known");
            assert_eq!(run((0..count * 2).filter(|n| n % 2 == 0).map(|n| n / 2))?, expected);
        }
        Ok(())
    }

    #[test]
    fn an_iterator_goes_on_where_the_snapshot_was_taken() -> Tested {
        macro_rules! source {
            () => {
                graph! {
                    items: from_iter(0..100_000_u64),
                    items.out => graph.results,
                }
            };
        }
        let mut run = source!().inline()?;
        run.step()?;
        // What no one has read yet is in flight: it is lost with the run, and so read first.
        let mut all: Vec<u64> = Vec::new();
        let snapshot = run.snapshot()?;
        run.stop_sources();
        loop {
            let before = all.len();
            all.extend(results!(run));
            run.step()?;
            if all.len() == before {
                break;
            }
        }
        let cut = all.len();
        assert!(cut > 0 && cut < 100_000, "{cut}");
        let mut graph = source!();
        graph.restore(&snapshot)?;
        let mut run = graph.inline()?;
        run.step()?;
        let next = run.outputs.results.try_recv();
        assert_eq!(next, Some(cut as u64));
        Ok(())
    }

    #[tokio::test]
    async fn streams_and_channels() -> Tested {
        let graph = graph! {
            items: from_stream(futures_util::stream::iter(0..5000_u64)),
            items.out => graph.results,
        };
        let mut run = graph.start()?;
        assert_eq!(run.outputs.results.collect().await, (0..5000).collect::<Vec<_>>());
        run.drain().await?;

        let (send, receive) = tokio::sync::mpsc::channel(4);
        let graph = graph! {
            items: from_channel(receive),
            items.out => graph.results,
        };
        let run = graph.start()?;
        let sending = async move {
            for n in 0..5000_u64 {
                send.send(n).await.unwrap();
            }
        };
        let (_, mut outputs, run) = run.split();
        let ((), received) = tokio::join!(sending, outputs.results.collect());
        assert_eq!(received, (0..5000).collect::<Vec<_>>());
        run.drain().await?;
        Ok(())
    }

    #[test]
    fn a_stream_feeds_one_instance() -> Tested {
        let (_send, receive) = tokio::sync::mpsc::channel::<u64>(4);
        let graph = graph! {
            items: from_channel(receive),
            items.out => graph.results,
        };
        let mut run = graph.inline()?;
        run.step()?;
        assert_eq!(run.outputs.results.try_recv(), None);
        Ok(())
    }

    #[test]
    fn ticks() -> Tested {
        macro_rules! source {
            () => {
                graph! {
                    ticks: interval(Duration::from_millis(10)),
                    ticks.out => graph.results,
                }
            };
        }
        let mut run = source!().inline()?;
        let mut at = Vec::new();
        run.step()?;
        for now in 1..=35_u64 {
            run.advance(Duration::from_millis(1))?;
            at.extend(results!(run).map(|tick: u64| (now, tick)));
        }
        assert_eq!(at, [(10, 0), (20, 1), (30, 2)]);
        // Those that were missed are left out, and the rhythm is kept.
        run.advance(Duration::from_millis(30))?;
        assert_eq!(results!(run).collect::<Vec<_>>(), [3]);
        run.advance(Duration::from_millis(5))?;
        assert_eq!(results!(run).collect::<Vec<_>>(), [4]);
        let snapshot = run.snapshot()?;
        let mut graph = source!();
        graph.restore(&snapshot)?;
        let mut run = graph.inline()?;
        run.step()?;
        run.advance(Duration::from_millis(10))?;
        assert_eq!(results!(run).collect::<Vec<_>>(), [5]);
        Ok(())
    }
}

mod time {
    use super::*;

    /// Sends `(at, item)` when the clock stands at `at`, a millisecond at a time, to the end of
    /// `until`; gives `(at, result)`. With `cut` the run is broken off there, and another goes on.
    macro_rules! timed {
        ($node:expr, $items:expr, $until:expr, cut $cut:expr) => {{
            let items: Vec<(u64, u64)> = $items.into();
            let mut got = Vec::new();
            let make = || alone!($node);
            let mut run = make().inline()?;
            run.step()?;
            for now in 0..=$until {
                if now == $cut {
                    let snapshot = run.snapshot()?;
                    let mut graph = make();
                    graph.restore(&snapshot)?;
                    run = graph.inline()?;
                    run.advance(Duration::from_millis(now.saturating_sub(1)))?;
                }
                if now > 0 {
                    run.advance(Duration::from_millis(1))?;
                }
                for (_, item) in items.iter().filter(|(at, _)| *at == now) {
                    run.inputs.items.try_send(*item)?;
                    run.step()?;
                }
                got.extend(results!(run).map(|result| (now, result)));
            }
            let mut run = run.close_inputs()?;
            got.extend(results!(run).map(|result| ($until + 1, result)));
            run.drain()?;
            got
        }};
        ($node:expr, $items:expr, $until:expr) => {
            timed!($node, $items, $until, cut u64::MAX)
        };
    }

    const TEN: Duration = Duration::from_millis(10);

    #[test]
    fn throttled() -> Tested {
        let items = [(0, 1), (3, 2), (9, 3), (10, 4), (11, 5), (25, 6)];
        let expected = [(0, 1), (10, 4), (25, 6)];
        assert_eq!(timed!(throttle(TEN), items, 30_u64), expected);
        assert!(timed!(throttle(TEN), [], 3_u64).is_empty());
        Ok(())
    }

    #[test]
    fn throttled_by_another_clock() -> Tested {
        let mut run = alone!(throttle(TEN)).inline()?;
        run.advance(Duration::from_secs(3600))?;
        run.inputs.items.try_send(1_u64)?;
        run.step()?;
        let snapshot = run.snapshot()?;
        let mut graph = alone!(throttle(TEN));
        graph.restore(&snapshot)?;
        let mut run = graph.inline()?;
        run.inputs.items.try_send(2_u64)?;
        run.step()?;
        assert_eq!(run.outputs.results.try_recv(), Some(2));
        Ok(())
    }

    #[test]
    fn sampled() -> Tested {
        let items = [(0, 1), (3, 2), (9, 3), (10, 4), (11, 5), (40, 6)];
        let expected = [(10, 3), (20, 5), (46, 6)];
        assert_eq!(timed!(sample(TEN), items, 45_u64), expected);
        // Restored at a clock that starts anew: what waits is due no later than it would be.
        let (cut, late) = (timed!(sample(TEN), items, 45_u64, cut 5), 5);
        assert_eq!(cut.iter().map(|(_, n)| *n).collect::<Vec<_>>().last(), Some(&6));
        assert!(cut.iter().all(|(at, _)| *at <= 46 + late));
        Ok(())
    }

    #[test]
    fn debounced() -> Tested {
        let items = [(0, 1), (5, 2), (14, 3), (30, 4), (40, 5), (60, 6)];
        let expected = [(24, 3), (40, 4), (50, 5), (66, 6)];
        assert_eq!(timed!(debounce(TEN), items, 65_u64), expected);
        for cut in [1, 6, 15, 29, 35, 62] {
            let results = timed!(debounce(TEN), items, 65_u64, cut cut);
            let results: Vec<_> = results.into_iter().map(|(_, n)| n).collect();
            assert_eq!(results, [3, 4, 5, 6], "cut at {cut}");
        }
        Ok(())
    }

    #[test]
    fn delayed() -> Tested {
        let items = [(0, 1), (0, 2), (5, 3), (14, 4), (30, 5)];
        let expected = [(10, 1), (10, 2), (15, 3), (24, 4), (36, 5)];
        assert_eq!(timed!(delay(TEN), items, 35_u64), expected);
        for cut in [1, 6, 10, 12, 20, 31] {
            let results = timed!(delay(TEN), items, 35_u64, cut cut);
            let results: Vec<_> = results.into_iter().map(|(_, n)| n).collect();
            assert_eq!(results, [1, 2, 3, 4, 5], "cut at {cut}");
        }
        // The clock jumps far: all that came due leaves at once, in order.
        let mut run = alone!(delay(TEN)).inline()?;
        run.step()?;
        for n in 0..5_u64 {
            run.inputs.items.try_send(n)?;
            run.advance(Duration::from_millis(1))?;
        }
        run.advance(Duration::from_secs(5))?;
        assert_eq!(results!(run).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        Ok(())
    }

    #[test]
    fn chunks_within() -> Tested {
        let items = [(0, 1), (5, 2), (6, 3), (7, 4), (20, 5), (40, 6), (41, 7)];
        let expected = [(6, vec![1, 2, 3]), (17, vec![4]), (30, vec![5]), (46, vec![6, 7])];
        assert_eq!(timed!(chunks(3).within(TEN), items, 45_u64), expected);
        for cut in [1, 6, 8, 25, 41] {
            let results = timed!(chunks(3).within(TEN), items, 45_u64, cut cut);
            let results: Vec<_> = results.into_iter().flat_map(|(_, chunk)| chunk).collect();
            assert_eq!(results, [1, 2, 3, 4, 5, 6, 7], "cut at {cut}");
        }
        Ok(())
    }

    /// In no window of a period do more records go on than the limit; none is lost.
    #[test]
    fn rate_limited() -> Tested {
        for limit in [1, 2, 3] {
            let items: Vec<(u64, u64)> = numbers(30, 100)
                .iter()
                .scan(0, |at, n| {
                    *at += n % 7;
                    Some(*at)
                })
                .zip(0..)
                .collect();
            let got = timed!(rate_limit(limit, TEN), items.clone(), 400_u64);
            assert_eq!(
                got.iter().map(|(_, n)| *n).collect::<Vec<_>>(),
                (0..30).collect::<Vec<_>>()
            );
            for window in got.windows(limit + 1) {
                assert!(window[limit].0 - window[0].0 >= 10, "{window:?}");
            }
            // And none waits for nothing.
            for (index, (at, n)) in got.iter().enumerate() {
                let came = items[*n as usize].0;
                let free = index.checked_sub(limit).map_or(0, |before| got[before].0 + 10);
                assert_eq!(*at, came.max(free));
            }
        }
        Ok(())
    }
}

mod undo {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    /// A record that fails behind the node, or in its closure, leaves the state as it was.
    macro_rules! undone {
        ($node:expr, $before:expr, $failing:expr) => {{
            let armed = Arc::new(AtomicBool::new(false));
            let fails = Arc::clone(&armed);
            let mut graph = graph! {
                node: $node,
                fail: try_map(move |item| {
                    if fails.load(Relaxed) { Err(NodeError::new("broken")) } else { Ok(item) }
                }),
                graph.items => node.input,
                node.out => fail.input,
                fail.out => graph.results,
            };
            graph.set_undo(true);
            let mut run = graph.inline()?;
            for item in $before {
                run.inputs.items.try_send(item)?;
            }
            run.step()?;
            let before = run.snapshot()?;
            armed.store(true, Relaxed);
            run.inputs.items.try_send($failing)?;
            assert!(run.step().is_err());
            assert_eq!(run.snapshot()?, before);
            assert_ne!(before.paths().count(), 0);
        }};
    }

    #[test]
    fn leaves_no_trace() -> Tested {
        fn not_13(sum: &mut u64, n: u64) {
            *sum += n;
            assert_ne!(n, 13, "on purpose");
        }
        undone!(fold(0, not_13), [1, 2], 13);
        undone!(reduce(|a: u64, b: u64| a.checked_sub(b).unwrap()), [5, 2], 13);
        undone!(
            scan(0, |sum: &mut u64, n: u64| {
                *sum += n;
                *sum
            }),
            [1, 2],
            13
        );
        undone!(chunks(3), [1_u64, 2], 13);
        undone!(chunks(3).within(Duration::from_secs(1)), [1_u64, 2], 13);
        undone!(count(), [(1_u64, ()), (2, ())], (2, ()));
        undone!(distinct(), [1_u64, 2], 13);
        undone!(dedup(), [1_u64, 2], 13);
        undone!(take(3), [1_u64, 2], 13);
        undone!(every_nth(3), [1_u64, 2], 13);
        undone!(skip_while(|n: &u64| *n < 10), [1_u64, 2], 13);
        undone!(throttle(Duration::ZERO), [1_u64], 13);
        undone!(rate_limit(3, Duration::from_secs(1)), [1_u64, 2], 13);
        Ok(())
    }

    /// What a timer sends is undone with the timer's unit.
    #[test]
    fn a_timer_that_fails() -> Tested {
        macro_rules! undone {
            ($node:expr) => {{
                let mut graph = graph! {
                    node: $node,
                    fail: try_map(|_: u64| Err::<u64, _>(NodeError::new("broken"))),
                    graph.items => node.input,
                    node.out => fail.input,
                    fail.out => graph.results,
                };
                graph.set_undo(true);
                let mut run = graph.inline()?;
                run.inputs.items.try_send(1)?;
                run.inputs.items.try_send(2)?;
                run.step()?;
                let before = run.snapshot()?;
                assert!(run.advance(Duration::from_secs(1)).is_err());
                assert_eq!(run.snapshot()?, before);
            }};
        }
        undone!(sample(Duration::from_secs(1)));
        undone!(debounce(Duration::from_secs(1)));
        undone!(delay(Duration::from_secs(1)));
        Ok(())
    }
}

mod calls {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    use tokio::time::{Instant, sleep};

    /// The longer the smaller.
    async fn slow(n: u64) -> Result<u64, std::fmt::Error> {
        sleep(Duration::from_millis(100 - n)).await;
        Ok(n)
    }

    macro_rules! results {
        ($node:expr, $items:expr) => {{
            let graph = graph! {
                items: from_iter($items),
                node: $node,
                items.out => node.input,
                node.out => graph.results,
                node.errors => graph.errors,
            };
            let mut run = graph.start()?;
            let results = run.outputs.results.collect().await;
            let errors = run.outputs.errors.collect().await;
            run.drain().await?;
            (results, errors.iter().map(ToString::to_string).collect::<Vec<_>>())
        }};
    }

    #[tokio::test(start_paused = true)]
    async fn order_and_concurrency() -> Tested {
        let sorted: Vec<u64> = (0..10).collect();
        let reversed: Vec<u64> = (0..10).rev().collect();
        let start = Instant::now();
        assert_eq!(results!(async_map(slow).concurrency(10), 0..10_u64).0, sorted);
        assert!(start.elapsed() < Duration::from_millis(110), "all at once");
        let start = Instant::now();
        assert_eq!(results!(async_map(slow).concurrency(10).unordered(), 0..10_u64).0, reversed);
        assert!(start.elapsed() < Duration::from_millis(110), "all at once");
        let start = Instant::now();
        assert_eq!(results!(async_map(slow), 0..10_u64).0, sorted);
        assert!(start.elapsed() >= Duration::from_millis(955), "one after the other");
        assert!(results!(async_map(slow).unordered(), 0..0_u64).0.is_empty());
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_calls_than_allowed() -> Tested {
        let (now, most) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let seen = Arc::clone(&most);
        let call = move |n: u64| {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            async move {
                most.fetch_max(now.fetch_add(1, Relaxed) + 1, Relaxed);
                sleep(Duration::from_millis(n % 7)).await;
                now.fetch_sub(1, Relaxed);
                Ok::<_, std::fmt::Error>(n)
            }
        };
        let results = results!(async_map(call).concurrency(5), 0..100_u64).0;
        assert_eq!(results, (0..100).collect::<Vec<_>>());
        assert_eq!(seen.load(Relaxed), 5);
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn errors_and_timeouts() -> Tested {
        let call = |n: u64| async move {
            match n {
                1 => Err(NodeError::new("one")),
                2 => std::future::pending().await,
                n => Ok(n),
            }
        };
        let node = async_map(call).concurrency(3).timeout(Duration::from_secs(2));
        let (results, errors) = results!(node, 0..4_u64);
        assert_eq!(results, [0, 3]);
        assert_eq!(errors, ["one", "no answer within 2s"]);

        // Without an output for it, an error fails the graph.
        let graph = graph! {
            items: from_iter(0..4_u64),
            node: async_map(call),
            items.out => node.input,
            node.out => graph.results,
        };
        let mut run = graph.start()?;
        assert_eq!(run.outputs.results.collect().await, [0]);
        let error = run.drain().await.map_err(|error| error.to_string());
        assert!(error.is_err_and(|error| error.contains("one")));
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn retries() -> Tested {
        let made = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&made);
        // Each record needs as many attempts as it says.
        let tries: Arc<[AtomicU64; 5]> = Arc::default();
        let call = move |n: u64| {
            made.fetch_add(1, Relaxed);
            let before = tries[n as usize].fetch_add(1, Relaxed);
            async move { if before < n { Err(NodeError::new(format!("{n}"))) } else { Ok(n) } }
        };
        let node = async_map(call).retries(3);
        let start = Instant::now();
        let (results, errors) = results!(
            node.backoff(Duration::from_millis(100), Duration::from_millis(150)),
            0..5_u64
        );
        assert_eq!(results, [0, 1, 2, 3]);
        assert_eq!(errors, ["4"]);
        assert_eq!(counted.load(Relaxed), 1 + 2 + 3 + 4 + 4);
        // 100, 100 + 150, 100 + 150 + 150 and once more the same.
        let waited = start.elapsed();
        assert!((1150..1200).contains(&waited.as_millis()), "{waited:?}");
        Ok(())
    }

    /// By the graph's own clock, where it runs inline.
    #[test]
    fn timeouts_inline() -> Tested {
        let never = |_: u64| std::future::pending::<Result<u64, std::fmt::Error>>();
        let graph = graph! {
            node: async_map(never).timeout(Duration::from_secs(1)),
            graph.items => node.input,
            node.out => graph.results,
            node.errors => graph.errors,
        };
        let mut run = graph.inline()?;
        run.inputs.items.try_send(1)?;
        run.step()?;
        assert!(run.outputs.errors.try_recv().is_none());
        run.advance(Duration::from_secs(1))?;
        assert!(run.outputs.errors.try_recv().is_some());
        Ok(())
    }
}
