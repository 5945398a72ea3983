//! `for_each`: records end in a closure.

use std::marker::PhantomData;

use crate::{NodeResult, node};

/// Ends the stream in a closure. Made by [`for_each`].
#[node(crate = crate, sink)]
#[derive(Debug)]
pub struct ForEach<T: Send + 'static, F: Fn(T) + Send + Sync + 'static> {
    /// Records.
    #[input]
    input: T,
    f: F,
    items: PhantomData<fn(T)>,
}

impl<T: Send + 'static, F: Fn(T) + Send + Sync + 'static> ForEachHandlers<T, F> for ForEach<T, F> {
    fn on_input(&self, input: T, _: &mut impl ForEachOut<T, F>) -> NodeResult {
        (self.f)(input);
        Ok(())
    }
}

/// Calls `f` with each record; nothing comes out. To have the records in the program, connect
/// the graph's own output instead: `x.out => graph.records`.
///
/// ```
/// use streamweave::nodes::{for_each, from_iter};
/// use streamweave::prelude::*;
///
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
///
/// let sum = Arc::new(AtomicU64::new(0));
/// let adding = Arc::clone(&sum);
///
/// let graph = graph! {
///     numbers: from_iter(1..4_u64),
///     sum: for_each(move |n: u64| drop(adding.fetch_add(n, Relaxed))),
///     numbers.out => sum.input,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// assert_eq!(sum.load(Relaxed), 6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn for_each<T: Send + 'static, F: Fn(T) + Send + Sync + 'static>(f: F) -> ForEach<T, F> {
    ForEach { f, items: PhantomData }
}
