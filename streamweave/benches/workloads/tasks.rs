//! W1b: the chain of W1 with every node a task of its own.

use std::hint::black_box;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use streamweave::graph;
use tokio::runtime::Runtime;

use crate::by_hand::{edge, source, stage, total};
use crate::chain::{batched_loop, plain_loop};
use crate::harness::{compare, one_thread, records, start_and_drain, timed, two_threads, variant};
use crate::nodes::{Affine, Even, Stir, affine, even, items, stir, sum};

/// As the edges of a graph unless they say otherwise.
const BATCH: usize = 2048;

pub fn run() {
    for (title, runtime) in
        [("W1b tasks, 1 thread", one_thread()), ("W1b tasks, 2 threads", two_threads())]
    {
        let n = records(20_000_000) as u64;
        let variants = vec![
            variant("plain loop", || plain_loop(n)),
            variant("loop over batches of 4096", || batched_loop(n)),
            variant("tokio by hand, buffers used again", || by_hand(&runtime, n)).reference(),
            variant("graph, a task a node", || tasks(&runtime, n)),
        ];
        compare(title, n as usize, variants);
    }
}

fn tasks(runtime: &Runtime, n: u64) -> (Duration, u64) {
    let (sum, total) = sum();
    let graph = graph! {
        numbers: items(0..black_box(n), BATCH),
        affine: Affine,
        even: Even,
        stir: Stir,
        sum: sum,
        #[boundary]
        numbers.items => affine.input,
        #[boundary]
        affine.out => even.input,
        #[boundary]
        even.out => stir.input,
        #[boundary]
        stir.out => sum.input,
    };
    assert_eq!(graph.stages(), 5);
    (start_and_drain(runtime, graph), total.load(Relaxed))
}

fn by_hand(runtime: &Runtime, n: u64) -> (Duration, u64) {
    timed(|| {
        runtime.block_on(async {
            let (out, a) = edge(BATCH);
            let (a_out, b) = edge(BATCH);
            let (b_out, c) = edge(BATCH);
            let (c_out, last) = edge(BATCH);
            tokio::spawn(source(0..black_box(n), out));
            tokio::spawn(stage(a, a_out, |x| Some(affine(*x))));
            tokio::spawn(stage(b, b_out, |x| even(*x)));
            tokio::spawn(stage(c, c_out, |x| Some(stir(*x))));
            tokio::spawn(total(last)).await.unwrap()
        })
    })
}
