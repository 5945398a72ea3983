//! `top_n`: the greatest few records of each key.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::nodes::{Change, Storable};
use crate::state::KeyedMap;
use crate::{NodeResult, StableKey, node};

/// By falling score, then by rising order of arrival.
type Rank<S> = (std::cmp::Reverse<S>, u64);

/// Keeps the greatest records of each key. Made by [`top_n`].
#[node(crate = crate, key = K)]
#[derive(Debug)]
pub struct TopN<
    K: StableKey + Serialize + DeserializeOwned,
    A: Storable,
    S: Storable + Ord,
    F: Fn(&A) -> S + Send + Sync + 'static,
> {
    /// Keys and records.
    #[input(key = |item| &item.0)]
    input: (K, A),
    /// What becomes one of the greatest, and what no longer is.
    #[output]
    out: (K, Change<A>),
    /// The greatest so far.
    #[state]
    top: KeyedMap<K, Rank<S>, A>,
    count: usize,
    score: F,
    items: PhantomData<fn(K, A) -> S>,
}

impl<K, A, S, F> TopNHandlers<K, A, S, F> for TopN<K, A, S, F>
where
    K: StableKey + Serialize + DeserializeOwned,
    A: Storable,
    S: Storable + Ord,
    F: Fn(&A) -> S + Send + Sync + 'static,
{
    fn on_input(
        &self,
        state: &mut TopNState<K, A, S, F>,
        (key, record): (K, A),
        out: &mut impl TopNOut<K, A, S, F>,
    ) -> NodeResult {
        let score = std::cmp::Reverse((self.score)(&record));
        let mut top = state.top.entry_ref(&key);
        if top.len() >= self.count {
            match top.last().map(|(last, _)| last.clone()) {
                Some(last) if score < last.0 => {
                    if let Some(least) = top.remove(&last) {
                        out.out((key.clone(), Change::Remove(least)));
                    }
                }
                _ => return Ok(()),
            }
        }
        let equal = (score.clone(), 0)..=(score.clone(), u64::MAX);
        let before = top.range(equal).next_back().map(|((_, number), _)| *number);
        top.insert((score, before.map_or(0, |number| number + 1)), record.clone());
        drop(top);
        out.out((key, Change::Add(record)));
        Ok(())
    }
}

/// Keeps the `count` records of each key with the greatest `score(record)` so far, and sends how
/// that changes: `Change::Remove` of the one that is no longer among them, then `Change::Add` of
/// the new one. Of equal ones those that came first stay; a score that tells all records apart
/// makes the result independent of their order.
///
/// For the greatest of each window, when it is complete, aggregate the window with `top`.
///
/// ```
/// use streamweave::nodes::{Change, from_iter, top_n};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     bids: from_iter([("pen", 3), ("pen", 5), ("pen", 4)].map(|(item, bid)| (item.to_owned(), bid))),
///     best: top_n(1, |bid: &u32| *bid),
///     bids.out => best.input,
///     best.out => graph.changes,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// let changes: Vec<_> = std::iter::from_fn(|| run.outputs.changes.try_recv()).collect();
/// let expected = [Change::Add(3), Change::Remove(3), Change::Add(5)];
/// assert_eq!(changes, expected.map(|change| ("pen".to_owned(), change)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn top_n<K, A, S, F>(count: usize, score: F) -> TopN<K, A, S, F>
where
    K: StableKey + Serialize + DeserializeOwned,
    A: Storable,
    S: Storable + Ord,
    F: Fn(&A) -> S + Send + Sync + 'static,
{
    TopN { count, score, items: PhantomData }
}
