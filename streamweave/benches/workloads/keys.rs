//! W2: the running count of 100,000 keys, one output a record.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use foldhash::fast::FixedState;
use streamweave::graph;
use tokio::runtime::Runtime;

use crate::by_hand::{batched, looped, piped};
use crate::harness::{compare, one_thread, records, start_and_drain, variant};
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
        variant("plain loop", || looped(keys.iter().copied(), counting())),
        variant("loop over batches of 2048", || batched(keys.iter().copied(), BATCH, counting())),
        variant("tokio by hand, batches of 2048", || {
            piped(&runtime, keys.clone().into_iter(), BATCH, counting())
        })
        .reference(),
        variant("graph, change tracking", || counted(&runtime, keys.clone(), false)),
        variant("graph, change tracking, timed", || counted_timed(&runtime, keys.clone())),
        variant("graph, change tracking and undo", || counted(&runtime, keys.clone(), true)),
    ];
    compare("W2 running count", keys.len(), variants);
}

/// Counts keys, and tells how often each has come.
pub fn counting() -> impl FnMut(&u64) -> Option<u64> + Send + 'static {
    let mut counts = map::<u64>();
    move |key| {
        let count = counts.entry(*key).or_default();
        *count += 1;
        Some(*count)
    }
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
