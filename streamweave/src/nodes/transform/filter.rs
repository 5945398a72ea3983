//! `filter`: some records go on, the others do not.

use std::marker::PhantomData;

use crate::{NodeResult, node};

/// Lets some records through. Made by [`filter`].
#[node(crate = crate)]
#[derive(Debug)]
pub struct Filter<T: Send + 'static, F: Fn(&T) -> bool + Send + Sync + 'static> {
    /// Records.
    #[input]
    input: T,
    /// Those that passed.
    #[output]
    out: T,
    f: F,
    items: PhantomData<fn(T)>,
}

impl<T: Send + 'static, F: Fn(&T) -> bool + Send + Sync + 'static> FilterHandlers<T, F>
    for Filter<T, F>
{
    fn on_input(&self, input: T, out: &mut impl FilterOut<T, F>) -> NodeResult {
        if (self.f)(&input) {
            out.out(input);
        }
        Ok(())
    }
}

/// Lets the records through for which `f` says `true`.
///
/// ```
/// use streamweave::nodes::{filter, from_iter};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     numbers: from_iter(0..6_u64),
///     even: filter(|n: &u64| n.is_multiple_of(2)),
///     numbers.out => even.input,
///     even.out => graph.even,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// let even: Vec<_> = std::iter::from_fn(|| run.outputs.even.try_recv()).collect();
/// assert_eq!(even, [0, 2, 4]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn filter<T: Send + 'static, F: Fn(&T) -> bool + Send + Sync + 'static>(f: F) -> Filter<T, F> {
    Filter { f, items: PhantomData }
}
