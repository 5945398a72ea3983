//! W1: 0..N -> x * 3 + 1 -> even? -> x ^ (x >> 7) -> wrapping sum, in one stage.

use std::hint::black_box;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use streamweave::graph;

use crate::by_hand::{batched, looped, piped};
use crate::harness::{compare, one_thread, records, start_and_drain, variant};
use crate::nodes::{Affine, Even, Stir, affine, even, items, stir, sum, timed_items};

pub const BATCH: usize = 4096;

pub fn run() {
    let n = records(50_000_000) as u64;
    let runtime = one_thread();
    let fused = || {
        let (sum, total) = sum();
        let graph = graph! {
            numbers: items(0..black_box(n), BATCH),
            affine: Affine,
            even: Even,
            stir: Stir,
            sum: sum,
            numbers.items => affine.input,
            affine.out => even.input,
            even.out => stir.input,
            stir.out => sum.input,
        };
        (start_and_drain(&runtime, graph), total.load(Relaxed))
    };
    let fused_timed = || {
        let (sum, total) = sum();
        let graph = graph! {
            numbers: timed_items(0..black_box(n), BATCH),
            affine: Affine,
            even: Even,
            stir: Stir,
            sum: sum,
            numbers.items => affine.input,
            affine.out => even.input,
            even.out => stir.input,
            stir.out => sum.input,
        };
        (start_and_drain(&runtime, graph), total.load(Relaxed))
    };
    let variants = vec![
        variant("plain loop", || plain_loop(n)),
        variant("loop over batches of 4096", || batched_loop(n)).reference(),
        variant("tokio by hand, batches of 4096", || piped(&runtime, 0..black_box(n), BATCH, work)),
        variant("graph, one stage", fused),
        variant("graph, one stage, timed", fused_timed),
    ];
    compare("W1 chain", n as usize, variants);
}

pub fn plain_loop(n: u64) -> (Duration, u64) {
    looped(0..black_box(n), work)
}

pub fn batched_loop(n: u64) -> (Duration, u64) {
    batched(0..black_box(n), BATCH, work)
}

fn work(x: &u64) -> Option<u64> {
    even(affine(*x)).map(stir)
}
