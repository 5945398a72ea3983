//! W2: the running count of 100,000 keys, one output a record.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use foldhash::fast::FixedState;
use streamweave::graph;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::harness::{compare, one_thread, records, start_and_drain, timed, variant};
use crate::input::zipf_keys;
use crate::nodes::{RunningCount, items, sum, timed_items};

pub type Map<V> = hashbrown::HashMap<u64, V, FixedState>;
pub const BATCH: usize = 2048;

pub fn map<V>() -> Map<V> {
    Map::with_hasher(FixedState::with_seed(1))
}

pub fn run() {
    let keys = zipf_keys(records(10_000_000));
    let runtime = one_thread();
    let variants = vec![
        variant("plain loop", || plain_loop(&keys)),
        variant("tokio by hand, batches of 2048", || by_hand(&runtime, keys.clone())).reference(),
        variant("graph, change tracking", || counted(&runtime, keys.clone(), false)),
        variant("graph, change tracking, timed", || counted_timed(&runtime, keys.clone())),
        variant("graph, change tracking and undo", || counted(&runtime, keys.clone(), true)),
    ];
    compare("W2 running count", keys.len(), variants);
}

pub fn plain_loop(keys: &[u64]) -> (Duration, u64) {
    timed(|| count(&mut map(), keys.iter().copied()))
}

pub fn count(counts: &mut Map<u64>, keys: impl Iterator<Item = u64>) -> u64 {
    let mut sum = 0u64;
    for key in keys {
        let count = counts.entry(key).or_default();
        *count += 1;
        sum = sum.wrapping_add(*count);
    }
    sum
}

fn counted(runtime: &Runtime, keys: Vec<u64>, undo: bool) -> (Duration, u64) {
    let (sum, total) = sum();
    let mut graph = graph! {
        keys: items(keys.into_iter(), BATCH),
        count: RunningCount {},
        sum: sum,
        keys.items => count.input,
        count.out => sum.input,
    };
    graph.set_undo(undo);
    (start_and_drain(runtime, graph), total.load(Relaxed))
}

fn counted_timed(runtime: &Runtime, keys: Vec<u64>) -> (Duration, u64) {
    let (sum, total) = sum();
    let graph = graph! {
        keys: timed_items(keys.into_iter(), BATCH),
        count: RunningCount {},
        sum: sum,
        keys.items => count.input,
        count.out => sum.input,
    };
    (start_and_drain(runtime, graph), total.load(Relaxed))
}

/// Source, count and sum as tasks.
fn by_hand(runtime: &Runtime, keys: Vec<u64>) -> (Duration, u64) {
    timed(|| {
        runtime.block_on(async {
            let (send, mut receive) = mpsc::channel::<Vec<u64>>(8);
            let (send_counts, mut counts) = mpsc::channel::<Vec<u64>>(8);
            tokio::spawn(async move {
                for batch in keys.chunks(BATCH) {
                    send.send(batch.to_vec()).await.unwrap();
                }
            });
            tokio::spawn(async move {
                let mut map = map::<u64>();
                while let Some(mut batch) = receive.recv().await {
                    for key in &mut batch {
                        let count = map.entry(*key).or_default();
                        *count += 1;
                        *key = *count;
                    }
                    send_counts.send(batch).await.unwrap();
                }
            });
            let mut sum = 0u64;
            while let Some(batch) = counts.recv().await {
                sum = batch.iter().fold(sum, |sum, count| sum.wrapping_add(*count));
            }
            sum
        })
    })
}
