//! State by key, spread over workers: every key is always handled by the same one.

use streamweave::state::Keyed;
use streamweave::{NodeResult, graph, node};

/// Counts words.
#[node(key = String)]
struct CountWords {
    /// The words, lent: nothing is cloned but the first of each.
    #[input(key = |word| word)]
    words: &String,
    /// Each word with its count so far.
    #[output]
    counts: (String, u64),
    #[state]
    seen: Keyed<String, u64>,
}

impl CountWordsHandlers for CountWords {
    fn on_words(
        &self,
        state: &mut CountWordsState,
        words: &String,
        out: &mut impl CountWordsOut,
    ) -> NodeResult {
        let count = state.seen.entry_ref(words);
        *count += 1;
        let count = *count;
        out.counts((words.clone(), count));
        Ok(())
    }
}

#[node]
fn split(line: String) -> Vec<String> {
    line.split_whitespace().map(str::to_lowercase).collect()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let graph = graph! {
        #![name = "keyed_workers"]
        split: Split,
        #[workers(4)]
        count: CountWords {},
        graph.lines  => split.input,
        split.out    => count.words,
        count.counts => graph.counts,
    };
    let (inputs, mut outputs, run) = graph.start()?.split();
    tokio::spawn(async move {
        for line in ["the quick brown fox", "jumps over the lazy dog", "The end"] {
            let Ok(()) = inputs.lines.send(line.to_owned()).await else { break };
        }
    });
    let mut totals = std::collections::BTreeMap::new();
    while let Some((word, count)) = outputs.counts.recv().await {
        totals.insert(word, count);
    }
    for (word, count) in &totals {
        println!("{count} {word}");
    }
    assert_eq!(totals["the"], 3);
    run.drain().await?;
    Ok(())
}
