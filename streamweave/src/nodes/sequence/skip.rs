//! `skip`: all but the first records.

use std::marker::PhantomData;

use crate::state::Value;
use crate::{NodeResult, node};

/// Drops the first records. Made by [`skip`].
#[node(crate = crate)]
#[derive(Debug)]
pub struct Skip<T: Send + 'static> {
    /// Records.
    #[input]
    input: T,
    /// The records that go on.
    #[output]
    out: T,
    /// How many there were so far, up to the limit.
    #[state]
    skipped: Value<u64>,
    count: u64,
    items: PhantomData<fn(T)>,
}

impl<T: Send + 'static> SkipHandlers<T> for Skip<T> {
    fn on_input(
        &self,
        state: &mut SkipState<T>,
        input: T,
        out: &mut impl SkipOut<T>,
    ) -> NodeResult {
        if *state.skipped < self.count {
            state.skipped.set(*state.skipped + 1);
        } else {
            out.out(input);
        }
        Ok(())
    }
}

/// Drops the first `count` records and lets the others through.
///
/// ```
/// use streamweave::nodes::{from_iter, skip};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     numbers: from_iter(0..5_u64),
///     some: skip(2),
///     numbers.out => some.input,
///     some.out => graph.some,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// let some: Vec<_> = std::iter::from_fn(|| run.outputs.some.try_recv()).collect();
/// assert_eq!(some, [2, 3, 4]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn skip<T: Send + 'static>(count: u64) -> Skip<T> {
    Skip { count, items: PhantomData }
}
