//! `from_iter`: an iterator as a source.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};

use crate::node::More;
use crate::state::Value;
use crate::{NodeError, NodeResult, node};

/// How many records go into a batch.
const BATCH: usize = 2048;

/// Sends what an iterator yields. Made by [`from_iter`].
#[node(crate = crate, source, rewindable)]
pub struct FromIter<I: Iterator<Item = T> + Send + 'static, T: Send + 'static> {
    /// What the iterator yields.
    #[output]
    out: T,
    /// How many records have been sent.
    #[state]
    position: Value<u64>,
    /// How many the iterator has yielded: less than the position after a restore.
    #[scratch]
    taken: u64,
    #[scratch(init = self.items.lock().unwrap_or_else(PoisonError::into_inner).take())]
    iterator: Option<I>,
    items: Mutex<Option<I>>,
    records: PhantomData<fn() -> T>,
}

impl<I, T> fmt::Debug for FromIter<I, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromIter")
    }
}

impl<I: Iterator<Item = T> + Send + 'static, T: Send + 'static> FromIterHandlers<I, T>
    for FromIter<I, T>
{
    async fn next(
        &self,
        state: &mut FromIterState<I, T>,
        out: &mut impl FromIterOut<I, T>,
    ) -> NodeResult<More> {
        let Some(items) = &mut state.iterator else {
            return Err(NodeError::new("an iterator can feed one instance: leave out `workers`"));
        };
        // After a restore the iterator, which starts anew, has to catch up.
        while state.taken < *state.position {
            if items.next().is_none() {
                return Ok(More::End);
            }
            state.taken += 1;
        }
        let mut sent = 0;
        if items.size_hint().0 >= BATCH {
            // That many will come: nothing has to be counted.
            out.out_all(items.by_ref().take(BATCH));
            sent = BATCH;
        } else {
            out.out_all(items.by_ref().take(BATCH).inspect(|_| sent += 1));
        }
        state.taken += sent as u64;
        state.position.set(state.taken);
        Ok(if sent < BATCH { More::End } else { More::Now })
    }
}

/// Sends what `items` yields, then ends.
///
/// How many records were sent is saved: on a restore the same iterator, made anew, is advanced to
/// there. The iterator runs in the source's task; one that blocks holds its thread up, so read
/// files and sockets with sources made for them. It feeds one instance, not several workers.
///
/// ```
/// use streamweave::nodes::from_iter;
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     numbers: from_iter(0..3_u64),
///     numbers.out => graph.numbers,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// assert_eq!(run.outputs.numbers.try_recv(), Some(0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn from_iter<I: IntoIterator>(items: I) -> FromIter<I::IntoIter, I::Item> {
    FromIter { items: Mutex::new(Some(items.into_iter())), records: PhantomData }
}
