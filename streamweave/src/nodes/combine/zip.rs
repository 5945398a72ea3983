//! `zip`: pairs, by order of arrival.

use std::marker::PhantomData;

use crate::node::Context;
use crate::nodes::Storable;
use crate::state::KeyedList;
use crate::{LogicalTime, NodeResult, node};

/// Pairs the records of two streams. Made by [`zip`].
#[node(crate = crate, single)]
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
    /// Records whose partner has not come, with their times.
    #[state]
    lefts: KeyedList<(), (Option<LogicalTime>, A)>,
    /// The same of the other stream; one of the two lists is always empty.
    #[state]
    rights: KeyedList<(), (Option<LogicalTime>, B)>,
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
            Some((time, right)) => send(time, (left, right), out),
            None => state.lefts.entry(()).push((out.time(), left)),
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
            Some((time, left)) => send(time, (left, right), out),
            None => state.rights.entry(()).push((out.time(), right)),
        }
        Ok(())
    }
}

/// Sends a pair of which the half that waited has this time. The other half is the current record,
/// so that the pair is never behind the frontier, which need not wait for it.
fn send<A: Storable, B: Storable>(
    waited: Option<LogicalTime>,
    pair: (A, B),
    out: &mut impl ZipOut<A, B>,
) {
    let current = out.time().or(out.promised());
    match waited {
        Some(time) if waited > out.time() => {
            out.at(current.map_or(time, |current| current.max(time))).out(pair)
        }
        _ => out.out(pair),
    }
}

/// Pairs the first record of one stream with the first of the other, the second with the second,
/// and so on.
///
/// Neither stream waits for the other: what is ahead is kept in saved state (so records are
/// [`Storable`]), which grows with the distance between the two. Records whose partner never comes
/// are dropped at the end. A pair has the later time of its two records. It does not start on several
/// workers, which would count their shares apart.
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
