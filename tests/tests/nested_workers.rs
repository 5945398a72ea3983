//! Nested graphs on workers: each of their nodes has an instance a worker, and a key one owner.
#![allow(missing_docs, missing_debug_implementations, clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use streamweave::graph::Snapshot;
use streamweave::nodes::map;
use streamweave::state::Keyed;
use streamweave::{NodeResult, graph, node};

/// Counts the numbers of each last digit.
#[node(key = u64)]
pub struct Digits {
    #[input(key = |n| *n % 10)]
    numbers: u64,
    #[output]
    counts: (u64, u64),
    #[state]
    seen: Keyed<u64, u64>,
}

impl DigitsHandlers for Digits {
    fn on_numbers(&self, state: &mut DigitsState, n: u64, out: &mut impl DigitsOut) -> NodeResult {
        let count = state.seen.get(&(n % 10)).copied().unwrap_or(0) + 1;
        state.seen.insert(n % 10, count);
        out.counts((n % 10, count));
        Ok(())
    }
}

graph! {
    pub struct Twice(by: u64) {
        #[input] numbers: u64,
        #[output] out: u64,
        by: map(move |n: u64| n * by),
        graph.numbers => by.input,
        by.out => graph.out,
    }
}

graph! {
    /// Counts digits, and doubles in a graph of its own; what it is not told to be on workers is with it.
    pub struct Both() {
        #[input] numbers: u64,
        #[input(optional)] more: u64,
        #[output] counts: (u64, u64),
        #[output] doubled: u64,
        #[output(optional)] straight: u64,
        plus: map(|n: u64| n + 1),
        aside: map(|n: u64| n),
        digits: Digits {},
        #[workers(5)] twice: Twice::new(2),
        graph.numbers => plus.input,
        graph.more => plus.input,
        graph.more => aside.input,
        aside.out => graph.straight,
        plus.out => [digits.numbers, twice.numbers],
        digits.counts => graph.counts,
        twice.out => graph.doubled,
    }
}

/// How often each digit came, where each of its counts came once and in order, and the doubled numbers.
type Seen = (BTreeMap<u64, u64>, Vec<u64>);

fn run(workers: usize, numbers: std::ops::Range<u64>, from: Option<&Snapshot>) -> (Seen, Snapshot) {
    let mut graph = graph! {
        #[workers(workers)]
        group wide {
            both: Both::new(),
            behind: map(|n: u64| n),
            both.doubled => behind.input,
        },
        graph.numbers => both.numbers,
        both.counts => graph.counts,
        behind.out => graph.doubled,
    };
    if let Some(saved) = from {
        graph.restore(saved).unwrap();
    }
    let mut run = graph.inline().unwrap();
    let (mut counts, mut doubled) = (BTreeMap::<u64, u64>::new(), Vec::new());
    for n in numbers {
        run.inputs.numbers.try_send(n).unwrap();
        run.step().unwrap();
        while let Some((digit, count)) = run.outputs.counts.try_recv() {
            let last = counts.insert(digit, count);
            assert!(last.is_none_or(|last| last + 1 == count), "{digit}: {count} after {last:?}");
        }
        doubled.extend(std::iter::from_fn(|| run.outputs.doubled.try_recv()));
    }
    doubled.sort_unstable();
    ((counts, doubled), run.snapshot().unwrap())
}

#[test]
fn each_node_runs_on_each_worker_and_a_key_on_one() {
    let (one, _) = run(1, 0..100, None);
    assert_eq!(one.0, (0..10).map(|digit| (digit, 10)).collect());
    assert_eq!(one.1, (0..100).map(|n| (n + 1) * 2).collect::<Vec<_>>());
    let (three, saved) = run(3, 0..100, None);
    assert_eq!(three, one);
    let paths: Vec<_> = saved.paths().filter(|path| path.contains("digits")).collect();
    assert_eq!(paths, ["wide/both/digits#0", "wide/both/digits#1", "wide/both/digits#2"]);
}

#[test]
fn state_moves_to_another_number_of_workers() {
    let (whole, _) = run(1, 0..100, None);
    let (_, saved) = run(3, 0..37, None);
    for workers in [1, 2, 4] {
        let ((counts, _), _) = run(workers, 37..100, Some(&saved));
        assert_eq!(counts, whole.0, "on {workers} workers");
    }
}

/// Several edges lead to it from outside of the workers, and all of its inputs are used.
#[tokio::test]
async fn its_ports_are_fed_from_outside_and_by_several_edges() {
    let graph = graph! {
        a: map(|n: u64| n),
        #[workers(2)] both: Both::new(),
        graph.numbers => [a.input, both.numbers],
        #[buffer(1)] a.out => both.numbers,
        graph.more => both.more,
        both.counts => graph.counts,
        both.straight => graph.straight,
        both.doubled => graph.doubled,
    };
    let run = graph.start().unwrap();
    for n in 0..1_000 {
        run.inputs.numbers.send(n % 10).await.unwrap();
        run.inputs.more.send(n).await.unwrap();
    }
    let mut run = run.close_inputs();
    let outputs = &mut run.outputs;
    let (counts, straight, doubled) = tokio::join!(
        outputs.counts.collect(),
        outputs.straight.collect(),
        outputs.doubled.collect()
    );
    assert_eq!((counts.len(), straight.len(), doubled.len()), (3_000, 1_000, 3_000));
    let last: BTreeMap<_, _> = counts.into_iter().collect();
    assert_eq!(last, (0..10).map(|digit| (digit, 300)).collect());
    run.drain().await.unwrap();
}

/// Halves until nothing is left, and tells each number on its way.
#[node]
fn half(n: u64) -> Option<u64> {
    (n > 1).then_some(n / 2)
}

graph! {
    /// A loop of its own.
    pub struct Halves() {
        #[input] numbers: u64,
        #[output] seen: u64,
        #[rounds(max = 80)]
        loop halving {
            enter: map(|n: u64| n),
            half: Half,
            enter.out => half.input,
            half.out => feedback enter.input,
        },
        graph.numbers => enter.input,
        enter.out => graph.seen,
    }
}

#[tokio::test]
async fn a_loop_in_it_goes_round_on_each_worker() {
    let graph = graph! {
        #[workers(3)] halves: Halves::new(),
        graph.numbers => halves.numbers,
        halves.seen => graph.seen,
    };
    let run = graph.start().unwrap();
    for n in 0..100u64 {
        run.inputs.numbers.send(n).await.unwrap();
    }
    let mut run = run.close_inputs();
    let mut seen = run.outputs.seen.collect().await;
    run.drain().await.unwrap();
    seen.sort_unstable();
    let halves = |n: u64| std::iter::successors(Some(n), |n| (*n > 1).then_some(n / 2));
    let mut expected: Vec<_> = (0..100).flat_map(halves).collect();
    expected.sort_unstable();
    assert_eq!(seen, expected);
}
