//! `filter_map`: a record becomes another, or nothing.

use std::marker::PhantomData;

use crate::{NodeResult, node};

/// Turns each record into another, or nothing. Made by [`filter_map`].
#[node(crate = crate)]
#[derive(Debug)]
pub struct FilterMap<
    A: Send + 'static,
    B: Send + 'static,
    F: Fn(A) -> Option<B> + Send + Sync + 'static,
> {
    /// Records.
    #[input]
    input: A,
    /// What the closure gives.
    #[output]
    out: B,
    f: F,
    items: PhantomData<fn(A) -> B>,
}

impl<A: Send + 'static, B: Send + 'static, F: Fn(A) -> Option<B> + Send + Sync + 'static>
    FilterMapHandlers<A, B, F> for FilterMap<A, B, F>
{
    fn on_input(&self, input: A, out: &mut impl FilterMapOut<A, B, F>) -> NodeResult {
        if let Some(item) = (self.f)(input) {
            out.out(item);
        }
        Ok(())
    }
}

/// Turns each record into what `f` returns for it, and drops it where that is `None`.
///
/// ```
/// use streamweave::nodes::{filter_map, from_iter};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     words: from_iter(["1", "x", "3"]),
///     numbers: filter_map(|word: &str| word.parse::<u64>().ok()),
///     words.out => numbers.input,
///     numbers.out => graph.numbers,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// let numbers: Vec<_> = std::iter::from_fn(|| run.outputs.numbers.try_recv()).collect();
/// assert_eq!(numbers, [1, 3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn filter_map<
    A: Send + 'static,
    B: Send + 'static,
    F: Fn(A) -> Option<B> + Send + Sync + 'static,
>(
    f: F,
) -> FilterMap<A, B, F> {
    FilterMap { f, items: PhantomData }
}
