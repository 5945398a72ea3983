//! W2s: the count of words that are owned strings, taken by reference.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use foldhash::fast::FixedState;
use streamweave::state::Keyed;
use streamweave::{NodeResult, graph, node};
use tokio::runtime::Runtime;

use crate::by_hand::{batched, piped};
use crate::harness::{compare, one_thread, records, start_and_drain, variant};
use crate::input::zipf;
use crate::nodes::{items, sum};

/// So many are looked up, then freed in one go.
const BATCH: usize = 1024;

#[node(key = String)]
struct CountWords {
    #[input(key = |word| word)]
    input: &String,
    #[output]
    out: u64,
    #[state]
    counts: Keyed<String, u64>,
}

impl CountWordsHandlers for CountWords {
    fn on_input(
        &self,
        state: &mut CountWordsState,
        input: &String,
        out: &mut impl CountWordsOut,
    ) -> NodeResult {
        let count = state.counts.entry_ref(input.as_str());
        *count += 1;
        out.out(*count);
        Ok(())
    }
}

pub fn run() {
    let n = records(5_000_000);
    let words: Vec<String> =
        zipf(n, 100_000, 3).into_iter().map(|rank| format!("word-{rank:06}")).collect();
    let runtime = one_thread();
    let variants = vec![
        variant("plain loop: 1024 looked up, then freed", || {
            batched(words.clone().into_iter(), BATCH, counting())
        }),
        variant("tokio by hand, batches of 1024", || {
            piped(&runtime, words.clone().into_iter(), BATCH, counting())
        }),
        variant("graph, change tracking", || counted(&runtime, words.clone(), false)),
        variant("graph, change tracking and undo", || counted(&runtime, words.clone(), true)),
    ];
    compare("W2s words", n, variants);
}

fn counting() -> impl FnMut(&String) -> Option<u64> + Send + 'static {
    let mut counts: hashbrown::HashMap<String, u64, FixedState> =
        hashbrown::HashMap::with_hasher(FixedState::with_seed(1));
    move |word| {
        let count = counts.entry_ref(word.as_str()).or_default();
        *count += 1;
        Some(*count)
    }
}

fn counted(runtime: &Runtime, words: Vec<String>, undo: bool) -> (Duration, u64) {
    let (sum, total) = sum();
    let mut graph = graph! {
        words: items(words.into_iter(), BATCH),
        count: CountWords {},
        sum: sum,
        words.items => count.input,
        count.out => sum.input,
    };
    graph.set_undo(undo);
    (start_and_drain(runtime, graph), total.load(Relaxed))
}
