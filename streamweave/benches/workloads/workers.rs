//! W2 with the keys exchanged between two workers.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use streamweave::graph;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::by_hand::{batched, looped};
use crate::harness::{compare, records, start_and_drain, timed, two_threads, variant};
use crate::input::zipf_keys;
use crate::keys::{BATCH, counting};
use crate::nodes::{RunningCount, items, sum};

pub fn run() {
    let keys = zipf_keys(records(10_000_000));
    let runtime = two_threads();
    let variants = vec![
        variant("plain loop", || looped(keys.iter().copied(), counting())),
        variant("loop over batches of 2048", || batched(keys.iter().copied(), BATCH, counting())),
        variant("tokio by hand, 2 workers", || by_hand(&runtime, keys.clone())).reference(),
        variant("graph, #[workers(2)]", || counted(&runtime, keys.clone())),
    ];
    compare("W2 on two workers", keys.len(), variants);
}

fn counted(runtime: &Runtime, keys: Vec<u64>) -> (Duration, u64) {
    let (sum, total) = sum();
    let graph = graph! {
        keys: items(keys.into_iter(), BATCH),
        #[workers(2)]
        group region {
            count: RunningCount {},
            sum: sum,
            count.out => sum.input,
        },
        keys.items => count.input,
    };
    (start_and_drain(runtime, graph), total.load(Relaxed))
}

/// A task deals the keys out by one bit of them, each worker counts and sums its own.
fn by_hand(runtime: &Runtime, keys: Vec<u64>) -> (Duration, u64) {
    timed(|| {
        runtime.block_on(async {
            let (ends, workers): (Vec<_>, Vec<_>) = (0..2)
                .map(|_| {
                    let (send, mut receive) = mpsc::channel::<Vec<u64>>(8);
                    let worker = tokio::spawn(async move {
                        let (mut count, mut sum) = (counting(), 0u64);
                        while let Some(batch) = receive.recv().await {
                            let counts = batch.iter().filter_map(&mut count);
                            sum = counts.fold(sum, u64::wrapping_add);
                        }
                        sum
                    });
                    (send, worker)
                })
                .unzip();
            tokio::spawn(async move {
                let mut buffers = [0; 2].map(|_| Vec::with_capacity(BATCH));
                for key in keys {
                    let to = (key >> 63) as usize;
                    buffers[to].push(key);
                    if buffers[to].len() == BATCH {
                        let next = Vec::with_capacity(BATCH);
                        let full = std::mem::replace(&mut buffers[to], next);
                        ends[to].send(full).await.unwrap();
                    }
                }
                for (end, rest) in ends.into_iter().zip(buffers) {
                    end.send(rest).await.unwrap();
                }
            });
            let mut sum = 0u64;
            for worker in workers {
                sum = sum.wrapping_add(worker.await.unwrap());
            }
            sum
        })
    })
}
