//! `route4`: four ways, each with its own type.

use std::marker::PhantomData;

use crate::{NodeResult, node};

/// What a record becomes, and so which way it goes; see [`route4`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To4<A, B, C, D> {
    /// To the output `first`.
    First(A),
    /// To the output `second`.
    Second(B),
    /// To the output `third`.
    Third(C),
    /// To the output `fourth`.
    Fourth(D),
}

/// Sends each record one of four ways. Made by [`route4`].
#[node(crate = crate)]
#[derive(Debug)]
pub struct Route4<
    T: Send + 'static,
    A: Send + 'static,
    B: Send + 'static,
    C: Send + 'static,
    D: Send + 'static,
    F: Fn(T) -> To4<A, B, C, D> + Send + Sync + 'static,
> {
    /// Records.
    #[input]
    input: T,
    /// The records that `f` made `To4::First`.
    #[output]
    first: A,
    /// The records that `f` made `To4::Second`.
    #[output]
    second: B,
    /// The records that `f` made `To4::Third`.
    #[output]
    third: C,
    /// The records that `f` made `To4::Fourth`.
    #[output]
    fourth: D,
    f: F,
    items: PhantomData<fn(T) -> To4<A, B, C, D>>,
}

impl<
    T: Send + 'static,
    A: Send + 'static,
    B: Send + 'static,
    C: Send + 'static,
    D: Send + 'static,
    F: Fn(T) -> To4<A, B, C, D> + Send + Sync + 'static,
> Route4Handlers<T, A, B, C, D, F> for Route4<T, A, B, C, D, F>
{
    fn on_input(&self, input: T, out: &mut impl Route4Out<T, A, B, C, D, F>) -> NodeResult {
        match (self.f)(input) {
            To4::First(record) => out.first(record),
            To4::Second(record) => out.second(record),
            To4::Third(record) => out.third(record),
            To4::Fourth(record) => out.fourth(record),
        }
        Ok(())
    }
}

/// Sends each record to one of four outputs: see [`route3`](crate::nodes::route3).
///
/// ```
/// use streamweave::nodes::{To4, from_iter, route4};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     degrees: from_iter([-5_i64, 12, 25, 40]),
///     feel: route4(|degrees: i64| match degrees {
///         ..0 => To4::First("frost"),
///         0..20 => To4::Second(degrees),
///         20..30 => To4::Third(degrees),
///         _ => To4::Fourth(degrees > 45),
///     }),
///     degrees.out => feel.input,
///     feel.first => graph.frost,
///     feel.second => graph.cool,
///     feel.third => graph.warm,
///     feel.fourth => graph.extreme,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// assert_eq!(run.outputs.frost.try_recv(), Some("frost"));
/// assert_eq!((run.outputs.cool.try_recv(), run.outputs.warm.try_recv()), (Some(12), Some(25)));
/// assert_eq!(run.outputs.extreme.try_recv(), Some(false));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn route4<
    T: Send + 'static,
    A: Send + 'static,
    B: Send + 'static,
    C: Send + 'static,
    D: Send + 'static,
    F: Fn(T) -> To4<A, B, C, D> + Send + Sync + 'static,
>(
    f: F,
) -> Route4<T, A, B, C, D, F> {
    Route4 { f, items: PhantomData }
}
