//! `split`: two ways, by a test.

use std::marker::PhantomData;

use crate::{NodeResult, node};

/// Sends each record one of two ways. Made by [`split`].
#[node(crate = crate)]
#[derive(Debug)]
pub struct Split<T: Send + 'static, F: Fn(&T) -> bool + Send + Sync + 'static> {
    /// Records.
    #[input]
    input: T,
    /// Those that pass the test.
    #[output]
    yes: T,
    /// Those that do not.
    #[output]
    no: T,
    f: F,
    items: PhantomData<fn(T)>,
}

impl<T: Send + 'static, F: Fn(&T) -> bool + Send + Sync + 'static> SplitHandlers<T, F>
    for Split<T, F>
{
    fn on_input(&self, input: T, out: &mut impl SplitOut<T, F>) -> NodeResult {
        if (self.f)(&input) {
            out.yes(input);
        } else {
            out.no(input);
        }
        Ok(())
    }
}

/// Sends the records for which `f` says `true` to `yes` and the others to `no`. For more ways, or
/// for another type on each, see [`route3`](crate::nodes::route3).
///
/// ```
/// use streamweave::nodes::{from_iter, split};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     numbers: from_iter(0..4_u64),
///     parity: split(|n: &u64| n.is_multiple_of(2)),
///     numbers.out => parity.input,
///     parity.yes => graph.even,
///     parity.no => graph.odd,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// let even: Vec<_> = std::iter::from_fn(|| run.outputs.even.try_recv()).collect();
/// let odd: Vec<_> = std::iter::from_fn(|| run.outputs.odd.try_recv()).collect();
/// assert_eq!((even, odd), (vec![0, 2], vec![1, 3]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn split<T: Send + 'static, F: Fn(&T) -> bool + Send + Sync + 'static>(f: F) -> Split<T, F> {
    Split { f, items: PhantomData }
}
