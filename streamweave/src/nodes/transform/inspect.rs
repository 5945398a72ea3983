//! `inspect`: look at what goes by.

use std::marker::PhantomData;

use crate::{NodeResult, node};

/// Looks at each record and lets it through. Made by [`inspect`].
#[node(crate = crate)]
#[derive(Debug)]
pub struct Inspect<T: Send + 'static, F: Fn(&T) + Send + Sync + 'static> {
    /// Records.
    #[input]
    input: T,
    /// The same records.
    #[output(optional)]
    out: T,
    f: F,
    items: PhantomData<fn(T)>,
}

impl<T: Send + 'static, F: Fn(&T) + Send + Sync + 'static> InspectHandlers<T, F> for Inspect<T, F> {
    fn on_input(&self, input: T, out: &mut impl InspectOut<T, F>) -> NodeResult {
        (self.f)(&input);
        out.out(input);
        Ok(())
    }
}

/// Calls `f` with each record and lets it through.
///
/// A record may be seen again after a failure: `f` must not do what may happen only once.
///
/// ```
/// use streamweave::nodes::{from_iter, inspect};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     numbers: from_iter(0..3_u64),
///     seen: inspect(|n: &u64| println!("{n}")),
///     numbers.out => seen.input,
///     seen.out => graph.same,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// let same: Vec<_> = std::iter::from_fn(|| run.outputs.same.try_recv()).collect();
/// assert_eq!(same, [0, 1, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn inspect<T: Send + 'static, F: Fn(&T) + Send + Sync + 'static>(f: F) -> Inspect<T, F> {
    Inspect { f, items: PhantomData }
}
