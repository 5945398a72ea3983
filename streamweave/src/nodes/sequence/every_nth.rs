//! `every_nth`: one record of n.

use std::marker::PhantomData;

use crate::state::Value;
use crate::{NodeResult, node};

/// Lets one record of `n` through. Made by [`every_nth`].
#[node(crate = crate)]
#[derive(Debug)]
pub struct EveryNth<T: Send + 'static> {
    /// Records.
    #[input]
    input: T,
    /// The records that go on.
    #[output]
    out: T,
    /// How many have come since the last that went on.
    #[state]
    seen: Value<u64>,
    n: u64,
    items: PhantomData<fn(T)>,
}

impl<T: Send + 'static> EveryNthHandlers<T> for EveryNth<T> {
    fn on_input(
        &self,
        state: &mut EveryNthState<T>,
        input: T,
        out: &mut impl EveryNthOut<T>,
    ) -> NodeResult {
        if *state.seen + 1 >= self.n {
            state.seen.set(0);
            out.out(input);
        } else {
            state.seen.set(*state.seen + 1);
        }
        Ok(())
    }
}

/// Lets every `n`th record through: the `n`th, the `2n`th and so on; all where `n` is 0 or 1. For
/// one record in a length of time see [`sample`](crate::nodes::sample).
///
/// ```
/// use streamweave::nodes::{every_nth, from_iter};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     numbers: from_iter(1..8_u64),
///     third: every_nth(3),
///     numbers.out => third.input,
///     third.out => graph.third,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// let third: Vec<_> = std::iter::from_fn(|| run.outputs.third.try_recv()).collect();
/// assert_eq!(third, [3, 6]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn every_nth<T: Send + 'static>(n: u64) -> EveryNth<T> {
    EveryNth { n, items: PhantomData }
}
