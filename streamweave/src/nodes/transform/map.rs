//! `map`: each record becomes another.

use std::marker::PhantomData;

use crate::{NodeResult, node};

/// Turns each record into another. Made by [`map`].
#[node(crate = crate)]
#[derive(Debug)]
pub struct Map<A: Send + 'static, B: Send + 'static, F: Fn(A) -> B + Send + Sync + 'static> {
    /// Records.
    #[input]
    input: A,
    /// What the closure gives.
    #[output]
    out: B,
    f: F,
    items: PhantomData<fn(A) -> B>,
}

impl<A: Send + 'static, B: Send + 'static, F: Fn(A) -> B + Send + Sync + 'static>
    MapHandlers<A, B, F> for Map<A, B, F>
{
    fn on_input(&self, input: A, out: &mut impl MapOut<A, B, F>) -> NodeResult {
        out.out((self.f)(input));
        Ok(())
    }
}

/// Turns each record into what `f` returns for it.
///
/// ```
/// use streamweave::nodes::{from_iter, map};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     numbers: from_iter(0..3_u64),
///     next: map(|n: u64| n + 1),
///     numbers.out => next.input,
///     next.out => graph.next,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// let next: Vec<_> = std::iter::from_fn(|| run.outputs.next.try_recv()).collect();
/// assert_eq!(next, [1, 2, 3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn map<A: Send + 'static, B: Send + 'static, F: Fn(A) -> B + Send + Sync + 'static>(
    f: F,
) -> Map<A, B, F> {
    Map { f, items: PhantomData }
}
