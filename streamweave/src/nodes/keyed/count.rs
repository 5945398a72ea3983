//! `count`: how many of each key so far.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::state::Keyed;
use crate::{NodeResult, StableKey, node};

/// Counts records by key. Made by [`count`].
#[node(crate = crate, key = K)]
#[derive(Debug)]
pub struct Count<K: StableKey + Serialize + DeserializeOwned, T: Send + 'static> {
    /// Keys and records.
    #[input(key = |item| &item.0)]
    input: &(K, T),
    /// The key and how many records it has had, after each record.
    #[output]
    out: (K, u64),
    /// How many records each key has had.
    #[state]
    counts: Keyed<K, u64>,
    items: PhantomData<fn(K, T)>,
}

impl<K: StableKey + Serialize + DeserializeOwned, T: Send + 'static> CountHandlers<K, T>
    for Count<K, T>
{
    fn on_input(
        &self,
        state: &mut CountState<K, T>,
        input: &(K, T),
        out: &mut impl CountOut<K, T>,
    ) -> NodeResult {
        let count = state.counts.entry_ref(&input.0);
        *count += 1;
        out.out((input.0.clone(), *count));
        Ok(())
    }
}

/// Sends, for each record, its key and how many records of this key there have been.
///
/// Records come with their key in front, as [`key_by`](crate::nodes::key_by) sends them: on several
/// workers each record must find the instance that counts its key before that instance sees it.
///
/// ```
/// use streamweave::nodes::{count, from_iter, key_by};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     words: from_iter(["b", "a", "b"]),
///     keyed: key_by(|word: &&str| word.to_string()),
///     count: count(),
///     words.out => keyed.input,
///     keyed.out => count.input,
///     count.out => graph.counts,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// let counts: Vec<_> = std::iter::from_fn(|| run.outputs.counts.try_recv()).collect();
/// let expected = [("b", 1), ("a", 1), ("b", 2)].map(|(word, n)| (word.to_owned(), n));
/// assert_eq!(counts, expected);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn count<K: StableKey + Serialize + DeserializeOwned, T: Send + 'static>() -> Count<K, T> {
    Count { items: PhantomData }
}
