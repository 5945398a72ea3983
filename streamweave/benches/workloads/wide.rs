//! W2 with large values: 1,000 keys, each with a map of 1,000 entries that are touched one by one.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use streamweave::state::KeyedMap;
use streamweave::{NodeResult, graph, node};
use tokio::runtime::Runtime;

use crate::by_hand::{batched, looped, piped};
use crate::harness::{compare, one_thread, records, start_and_drain, variant};
use crate::input::{Random, key, zipf};
use crate::keys::{BATCH, Map, map};
use crate::nodes::{items, sum};

#[node(key = u64)]
struct CountInner {
    #[input(key = |pair| &pair.0)]
    input: &(u64, u32),
    #[output]
    out: u64,
    #[state]
    counts: KeyedMap<u64, u32, u64>,
}

impl CountInnerHandlers for CountInner {
    fn on_input(
        &self,
        state: &mut CountInnerState,
        input: &(u64, u32),
        out: &mut impl CountInnerOut,
    ) -> NodeResult {
        let mut inner = state.counts.entry(input.0);
        let count = inner.or_default(input.1);
        *count += 1;
        out.out(*count);
        Ok(())
    }
}

pub fn run() {
    let n = records(5_000_000);
    let ranks = zipf(n, 1000, 1);
    let pairs: Vec<(u64, u32)> =
        ranks.into_iter().zip(Random(2)).map(|(rank, r)| (key(rank), (r % 1000) as u32)).collect();
    let runtime = one_thread();
    let variants = vec![
        variant("plain loop, ordered maps", || looped(pairs.iter().copied(), ordered())),
        variant("plain loop, hash maps", || looped(pairs.iter().copied(), hashed())),
        variant("loop over batches of 2048, ordered maps", || {
            batched(pairs.iter().copied(), BATCH, ordered())
        }),
        variant("tokio by hand, ordered maps", || {
            piped(&runtime, pairs.clone().into_iter(), BATCH, ordered())
        }),
        variant("graph, change tracking", || counted(&runtime, pairs.clone(), false)),
        variant("graph, change tracking and undo", || counted(&runtime, pairs.clone(), true)),
    ];
    compare("W2 with values of 1,000 entries", n, variants);
}

fn ordered() -> impl FnMut(&(u64, u32)) -> Option<u64> + Send + 'static {
    let mut maps: Map<BTreeMap<u32, u64>> = map();
    move |(key, inner)| {
        let count = maps.entry(*key).or_default().entry(*inner).or_default();
        *count += 1;
        Some(*count)
    }
}

fn hashed() -> impl FnMut(&(u64, u32)) -> Option<u64> + Send + 'static {
    let mut maps: Map<Map<u64>> = map();
    move |(key, inner)| {
        let count = maps.entry(*key).or_insert_with(map).entry(u64::from(*inner)).or_default();
        *count += 1;
        Some(*count)
    }
}

fn counted(runtime: &Runtime, pairs: Vec<(u64, u32)>, undo: bool) -> (Duration, u64) {
    let (sum, total) = sum();
    let mut graph = graph! {
        pairs: items(pairs.into_iter(), BATCH),
        count: CountInner {},
        sum: sum,
        pairs.items => count.input,
        count.out => sum.input,
    };
    graph.set_undo(undo);
    (start_and_drain(runtime, graph), total.load(Relaxed))
}
