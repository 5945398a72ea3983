//! `distinct`: each value once.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::state::Keyed;
use crate::{NodeResult, StableKey, node};

/// Lets each value through once. Made by [`distinct`].
#[node(crate = crate, key = T)]
#[derive(Debug)]
pub struct Distinct<T: StableKey + Serialize + DeserializeOwned> {
    /// Values.
    #[input(key = |item| item)]
    input: &T,
    /// Each of them once, when it first came.
    #[output]
    out: T,
    /// What has been seen.
    #[state]
    seen: Keyed<T, ()>,
    items: PhantomData<fn(T)>,
}

impl<T: StableKey + Serialize + DeserializeOwned> DistinctHandlers<T> for Distinct<T> {
    fn on_input(
        &self,
        state: &mut DistinctState<T>,
        input: &T,
        out: &mut impl DistinctOut<T>,
    ) -> NodeResult {
        if state.seen.insert_absent(input) {
            out.out(input.clone());
        }
        Ok(())
    }
}

/// Lets each value through the first time it comes. All values are remembered and saved, so the
/// state grows with their number; [`dedup`](crate::nodes::dedup) remembers only the last.
///
/// ```
/// use streamweave::nodes::{distinct, from_iter};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     numbers: from_iter([1, 2, 1_u64]),
///     each: distinct(),
///     numbers.out => each.input,
///     each.out => graph.each,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// let each: Vec<_> = std::iter::from_fn(|| run.outputs.each.try_recv()).collect();
/// assert_eq!(each, [1, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn distinct<T: StableKey + Serialize + DeserializeOwned>() -> Distinct<T> {
    Distinct { items: PhantomData }
}
