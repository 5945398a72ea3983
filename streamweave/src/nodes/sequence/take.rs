//! `take`: the first records.

use std::marker::PhantomData;

use crate::state::Value;
use crate::{NodeResult, node};

/// Lets the first records through. Made by [`take`].
#[node(crate = crate, enough = *state.taken >= self.count)]
#[derive(Debug)]
pub struct Take<T: Send + 'static> {
    /// Records.
    #[input]
    input: T,
    /// The records that go on.
    #[output]
    out: T,
    /// How many there were so far, up to the limit.
    #[state]
    taken: Value<u64>,
    count: u64,
    items: PhantomData<fn(T)>,
}

impl<T: Send + 'static> TakeHandlers<T> for Take<T> {
    fn on_input(
        &self,
        state: &mut TakeState<T>,
        input: T,
        out: &mut impl TakeOut<T>,
    ) -> NodeResult {
        if *state.taken < self.count {
            state.taken.set(*state.taken + 1);
            out.out(input);
        }
        Ok(())
    }
}

/// Lets the first `count` records through and drops the others.
///
/// A source that feeds nothing else ends then, when it has handed over what it has begun, and so does an input of
/// the graph: its [`send`](crate::graph::Input::send) gives the record back. How many records
/// have come to the nodes before `take` by then depends on batches and on edges between them. A source goes on where
/// another node wants its records, on another branch or by its dead letters, and where they go through a loop: nobody
/// in a loop says that it wants no more.
///
/// ```
/// use streamweave::nodes::{from_iter, take};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     numbers: from_iter(0_u64..),
///     some: take(2),
///     numbers.out => some.input,
///     some.out => graph.some,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// let some: Vec<_> = std::iter::from_fn(|| run.outputs.some.try_recv()).collect();
/// assert_eq!(some, [0, 1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn take<T: Send + 'static>(count: u64) -> Take<T> {
    Take { count, items: PhantomData }
}
