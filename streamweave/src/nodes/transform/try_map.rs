//! `try_map`: a record becomes another, or an error.

use std::marker::PhantomData;

use crate::{NodeError, NodeResult, node};

/// Turns each record into another, or an error. Made by [`try_map`].
#[node(crate = crate)]
#[derive(Debug)]
pub struct TryMap<
    A: Send + 'static,
    B: Send + 'static,
    E: Into<NodeError> + Send + 'static,
    F: Fn(A) -> Result<B, E> + Send + Sync + 'static,
> {
    /// Records.
    #[input]
    input: A,
    /// Results.
    #[output]
    out: B,
    /// Errors; where this is not connected, an error fails the record.
    #[output(optional)]
    errors: E,
    f: F,
    items: PhantomData<fn(A) -> (B, E)>,
}

impl<
    A: Send + 'static,
    B: Send + 'static,
    E: Into<NodeError> + Send + 'static,
    F: Fn(A) -> Result<B, E> + Send + Sync + 'static,
> TryMapHandlers<A, B, E, F> for TryMap<A, B, E, F>
{
    fn on_input(&self, input: A, out: &mut impl TryMapOut<A, B, E, F>) -> NodeResult {
        match (self.f)(input) {
            Ok(item) => out.out(item),
            Err(error) if out.errors_connected() => out.errors(error),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

/// Turns each record into what `f` returns for it: results go to `out`, errors to `errors`. Where
/// `errors` is not connected an error fails the record; it is never dropped.
///
/// ```
/// use streamweave::nodes::{from_iter, try_map};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     words: from_iter(["1", "x", "3"]),
///     parse: try_map(|word: &str| word.parse::<u64>()),
///     words.out => parse.input,
///     parse.out => graph.numbers,
///     parse.errors => graph.errors,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// let numbers: Vec<_> = std::iter::from_fn(|| run.outputs.numbers.try_recv()).collect();
/// assert_eq!(numbers, [1, 3]);
/// assert!(run.outputs.errors.try_recv().is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn try_map<
    A: Send + 'static,
    B: Send + 'static,
    E: Into<NodeError> + Send + 'static,
    F: Fn(A) -> Result<B, E> + Send + Sync + 'static,
>(
    f: F,
) -> TryMap<A, B, E, F> {
    TryMap { f, items: PhantomData }
}
