//! `flat_map`: a record becomes any number of others.

use std::marker::PhantomData;

use crate::{NodeResult, node};

/// Turns each record into any number of others. Made by [`flat_map`].
#[node(crate = crate)]
#[derive(Debug)]
pub struct FlatMap<
    A: Send + 'static,
    I: IntoIterator<Item: Send + 'static> + 'static,
    F: Fn(A) -> I + Send + Sync + 'static,
> {
    /// Records.
    #[input]
    input: A,
    /// What the closure gives.
    #[output]
    out: I::Item,
    f: F,
    items: PhantomData<fn(A) -> I>,
}

impl<
    A: Send + 'static,
    I: IntoIterator<Item: Send + 'static> + 'static,
    F: Fn(A) -> I + Send + Sync + 'static,
> FlatMapHandlers<A, I, F> for FlatMap<A, I, F>
{
    fn on_input(&self, input: A, out: &mut impl FlatMapOut<A, I, F>) -> NodeResult {
        for item in (self.f)(input) {
            out.out(item);
        }
        Ok(())
    }
}

/// Turns each record into all that the iterator yields which `f` returns for it. All of it is one
/// unit: whole or not at all.
///
/// ```
/// use streamweave::nodes::{flat_map, from_iter};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     lines: from_iter(["a b", "c"]),
///     words: flat_map(|line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>()),
///     lines.out => words.input,
///     words.out => graph.words,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// let words: Vec<_> = std::iter::from_fn(|| run.outputs.words.try_recv()).collect();
/// assert_eq!(words, ["a", "b", "c"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn flat_map<
    A: Send + 'static,
    I: IntoIterator<Item: Send + 'static> + 'static,
    F: Fn(A) -> I + Send + Sync + 'static,
>(
    f: F,
) -> FlatMap<A, I, F> {
    FlatMap { f, items: PhantomData }
}
