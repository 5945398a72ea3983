//! `route3`: three ways, each with its own type.

use std::marker::PhantomData;

use crate::{NodeResult, node};

/// What a record becomes, and so which way it goes; see [`route3`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To3<A, B, C> {
    /// To the output `first`.
    First(A),
    /// To the output `second`.
    Second(B),
    /// To the output `third`.
    Third(C),
}

/// Sends each record one of three ways. Made by [`route3`].
#[node(crate = crate)]
#[derive(Debug)]
pub struct Route3<
    T: Send + 'static,
    A: Send + 'static,
    B: Send + 'static,
    C: Send + 'static,
    F: Fn(T) -> To3<A, B, C> + Send + Sync + 'static,
> {
    /// Records.
    #[input]
    input: T,
    /// The records that `f` made `To3::First`.
    #[output]
    first: A,
    /// The records that `f` made `To3::Second`.
    #[output]
    second: B,
    /// The records that `f` made `To3::Third`.
    #[output]
    third: C,
    f: F,
    items: PhantomData<fn(T) -> To3<A, B, C>>,
}

impl<
    T: Send + 'static,
    A: Send + 'static,
    B: Send + 'static,
    C: Send + 'static,
    F: Fn(T) -> To3<A, B, C> + Send + Sync + 'static,
> Route3Handlers<T, A, B, C, F> for Route3<T, A, B, C, F>
{
    fn on_input(&self, input: T, out: &mut impl Route3Out<T, A, B, C, F>) -> NodeResult {
        match (self.f)(input) {
            To3::First(record) => out.first(record),
            To3::Second(record) => out.second(record),
            To3::Third(record) => out.third(record),
        }
        Ok(())
    }
}

/// Sends each record to the output that `f` chooses, as the record that `f` makes of it.
///
/// `f` returns a variant for each output, so there is no output that does not exist, every output
/// has its own type, and what a record was found to be needs no second look behind the node.
///
/// ```
/// use streamweave::nodes::{To3, from_iter, route3};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     words: from_iter(["7", "x", "-2"]),
///     by_kind: route3(|word: &str| match word.parse::<i64>() {
///         Ok(n) if n >= 0 => To3::First(n),
///         Ok(n) => To3::Second(n),
///         Err(_) => To3::Third(word.to_owned()),
///     }),
///     words.out => by_kind.input,
///     by_kind.first => graph.positive,
///     by_kind.second => graph.negative,
///     by_kind.third => graph.words,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// assert_eq!(run.outputs.positive.try_recv(), Some(7));
/// assert_eq!(run.outputs.negative.try_recv(), Some(-2));
/// assert_eq!(run.outputs.words.try_recv().as_deref(), Some("x"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn route3<
    T: Send + 'static,
    A: Send + 'static,
    B: Send + 'static,
    C: Send + 'static,
    F: Fn(T) -> To3<A, B, C> + Send + Sync + 'static,
>(
    f: F,
) -> Route3<T, A, B, C, F> {
    Route3 { f, items: PhantomData }
}
