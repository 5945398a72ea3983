//! `route2`: two ways, each with its own type.

use std::marker::PhantomData;

use crate::{NodeResult, node};

/// What a record becomes, and so which way it goes; see [`route2`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To2<A, B> {
    /// To the output `first`.
    First(A),
    /// To the output `second`.
    Second(B),
}

/// Sends each record one of two ways. Made by [`route2`].
#[node(crate = crate)]
#[derive(Debug)]
pub struct Route2<
    T: Send + 'static,
    A: Send + 'static,
    B: Send + 'static,
    F: Fn(T) -> To2<A, B> + Send + Sync + 'static,
> {
    /// Records.
    #[input]
    input: T,
    /// The records that `f` made `To2::First`.
    #[output]
    first: A,
    /// The records that `f` made `To2::Second`.
    #[output]
    second: B,
    f: F,
    items: PhantomData<fn(T) -> To2<A, B>>,
}

impl<
    T: Send + 'static,
    A: Send + 'static,
    B: Send + 'static,
    F: Fn(T) -> To2<A, B> + Send + Sync + 'static,
> Route2Handlers<T, A, B, F> for Route2<T, A, B, F>
{
    fn on_input(&self, input: T, out: &mut impl Route2Out<T, A, B, F>) -> NodeResult {
        match (self.f)(input) {
            To2::First(record) => out.first(record),
            To2::Second(record) => out.second(record),
        }
        Ok(())
    }
}

/// Sends each record to one of two outputs: see [`route3`](crate::nodes::route3).
///
/// ```
/// use streamweave::nodes::{To2, from_iter, route2};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     words: from_iter(["7", "x"]),
///     numbers: route2(|word: &str| match word.parse::<i64>() {
///         Ok(n) => To2::First(n),
///         Err(_) => To2::Second(word.to_owned()),
///     }),
///     words.out => numbers.input,
///     numbers.first => graph.numbers,
///     numbers.second => graph.words,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// assert_eq!(run.outputs.numbers.try_recv(), Some(7));
/// assert_eq!(run.outputs.words.try_recv().as_deref(), Some("x"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn route2<
    T: Send + 'static,
    A: Send + 'static,
    B: Send + 'static,
    F: Fn(T) -> To2<A, B> + Send + Sync + 'static,
>(
    f: F,
) -> Route2<T, A, B, F> {
    Route2 { f, items: PhantomData }
}
