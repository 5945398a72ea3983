//! `zip`: pairs, by order of arrival.

use std::marker::PhantomData;

use crate::nodes::Storable;
use crate::state::KeyedList;
use crate::{NodeResult, node};

/// Pairs the records of two streams. Made by [`zip`].
#[node(crate = crate)]
#[derive(Debug)]
pub struct Zip<A: Storable, B: Storable> {
    /// One stream.
    #[input]
    left: A,
    /// The other.
    #[input]
    right: B,
    /// The first of both, the second of both, and so on.
    #[output]
    out: (A, B),
    /// Records whose partner has not come.
    #[state]
    lefts: KeyedList<(), A>,
    /// The same of the other stream; one of the two lists is always empty.
    #[state]
    rights: KeyedList<(), B>,
    items: PhantomData<fn(A, B)>,
}

impl<A: Storable, B: Storable> ZipHandlers<A, B> for Zip<A, B> {
    fn on_left(
        &self,
        state: &mut ZipState<A, B>,
        left: A,
        out: &mut impl ZipOut<A, B>,
    ) -> NodeResult {
        match state.rights.entry(()).pop_front() {
            Some(right) => out.out((left, right)),
            None => state.lefts.entry(()).push(left),
        }
        Ok(())
    }
    fn on_right(
        &self,
        state: &mut ZipState<A, B>,
        right: B,
        out: &mut impl ZipOut<A, B>,
    ) -> NodeResult {
        match state.lefts.entry(()).pop_front() {
            Some(left) => out.out((left, right)),
            None => state.rights.entry(()).push(right),
        }
        Ok(())
    }
}

/// Pairs the first record of one stream with the first of the other, the second with the second,
/// and so on.
///
/// Neither stream waits for the other: what is ahead is kept in saved state (so records are
/// [`Storable`]), which grows with the distance between the two. Records whose partner never comes
/// are dropped at the end.
///
/// ```
/// use streamweave::nodes::{from_iter, zip};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     names: from_iter(["Ada".to_owned(), "Grace".to_owned()]),
///     numbers: from_iter(1..9_u64),
///     numbered: zip(),
///     numbers.out => numbered.left,
///     names.out => numbered.right,
///     numbered.out => graph.numbered,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// assert_eq!(run.outputs.numbered.try_recv(), Some((1, "Ada".to_owned())));
/// assert_eq!(run.outputs.numbered.try_recv(), Some((2, "Grace".to_owned())));
/// assert_eq!(run.outputs.numbered.try_recv(), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn zip<A: Storable, B: Storable>() -> Zip<A, B> {
    Zip { items: PhantomData }
}
