//! `from_iter`: an iterator as a source.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

use crate::lent::Lent;
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
    /// With how many it has yielded: less than the position after a restore.
    #[scratch(init = Lent::from(&self.items))]
    iterator: Lent<(I, u64)>,
    items: Arc<Mutex<Option<(I, u64)>>>,
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
        let Some((items, taken)) = state.iterator.get() else {
            return Err(NodeError::new("an iterator can feed one instance: leave out `workers`"));
        };
        let position = *state.position;
        if position < *taken {
            return Err(NodeError::new(format!(
                "the iterator has yielded {taken} records, and the source's state knows of {position}: the \
                 others went with a call that failed, or with the state, and are not yielded again. Let an \
                 iterator that can fail yield a `Result`, and take that apart in a node with a policy"
            )));
        }
        // After a restore the iterator, which starts anew, has to catch up.
        while *taken < position {
            if items.next().is_none() {
                return Ok(More::End);
            }
            *taken += 1;
        }
        if items.size_hint().0 >= BATCH {
            // That many will come, and if one panics instead the next call tells that they are gone.
            *taken += BATCH as u64;
            out.out_all(items.by_ref().take(BATCH));
        } else {
            out.out_all(items.by_ref().take(BATCH).inspect(|_| *taken += 1));
        }
        let sent = *taken - position;
        state.position.set(*taken);
        Ok(if sent < BATCH as u64 { More::End } else { More::Now })
    }
}

/// Sends what `items` yields, then ends.
///
/// How many records were sent is saved: on a restore the same iterator, made anew, is advanced to
/// there. A restart by a policy goes on with the same iterator; what it had yielded in a call that
/// panicked is gone, and the source says so instead of leaving it out. The iterator runs in the source's task; one that blocks holds its thread up, so read
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
    let items = Arc::new(Mutex::new(Some((items.into_iter(), 0))));
    FromIter { items, records: PhantomData }
}
