//! `merge`: two streams of one type into one.

use std::marker::PhantomData;

use crate::{NodeResult, node};

/// Brings two streams together. Made by [`merge`].
#[node(crate = crate)]
#[derive(Debug)]
pub struct Merge<T: Send + 'static> {
    /// One stream.
    #[input]
    left: T,
    /// The other.
    #[input]
    right: T,
    /// The records of both.
    #[output]
    out: T,
    items: PhantomData<fn(T)>,
}

impl<T: Send + 'static> MergeHandlers<T> for Merge<T> {
    fn on_left(&self, left: T, out: &mut impl MergeOut<T>) -> NodeResult {
        out.out(left);
        Ok(())
    }
    fn on_right(&self, right: T, out: &mut impl MergeOut<T>) -> NodeResult {
        out.out(right);
        Ok(())
    }
}

/// Brings two streams of one type together, each record as it comes: the order within each is
/// kept, the order between them is not defined.
///
/// Two edges to one input do the same without a node: `a.out => c.input, b.out => c.input`. A node
/// is for where the place in the graph needs a name, or both streams are to be connected.
///
/// ```
/// use streamweave::nodes::{from_iter, merge};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     small: from_iter(0..2_u64),
///     large: from_iter(100..102_u64),
///     all: merge(),
///     small.out => all.left,
///     large.out => all.right,
///     all.out => graph.all,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// let mut all: Vec<_> = std::iter::from_fn(|| run.outputs.all.try_recv()).collect();
/// all.sort();
/// assert_eq!(all, [0, 1, 100, 101]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn merge<T: Send + 'static>() -> Merge<T> {
    Merge { items: PhantomData }
}
