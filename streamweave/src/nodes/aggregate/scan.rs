//! `scan`: a running result.

use std::marker::PhantomData;

use crate::nodes::Storable;
use crate::state::Value;
use crate::{NodeResult, node};

/// Sends a running result. Made by [`scan`].
#[node(crate = crate)]
#[derive(Debug)]
pub struct Scan<
    A: Storable + Sync,
    T: Send + 'static,
    B: Send + 'static,
    F: Fn(&mut A, T) -> B + Send + Sync + 'static,
> {
    /// Records.
    #[input]
    input: T,
    /// A result for each record.
    #[output]
    out: B,
    /// The value so far.
    #[state(init = Value::new(self.init.clone()))]
    value: Value<A>,
    init: A,
    f: F,
    items: PhantomData<fn(T) -> B>,
}

impl<
    A: Storable + Sync,
    T: Send + 'static,
    B: Send + 'static,
    F: Fn(&mut A, T) -> B + Send + Sync + 'static,
> ScanHandlers<A, T, B, F> for Scan<A, T, B, F>
{
    fn on_input(
        &self,
        state: &mut ScanState<A, T, B, F>,
        input: T,
        out: &mut impl ScanOut<A, T, B, F>,
    ) -> NodeResult {
        let result = (self.f)(state.value.get_mut(), input);
        out.out(result);
        Ok(())
    }
}

/// Lets `f` work each record into a value, at first `init`, and sends what it returns each time.
///
/// The value is saved, so it is [`Storable`]; where changes are logged it is cloned once a unit, so
/// let it be small.
///
/// ```
/// use streamweave::nodes::{from_iter, scan};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     numbers: from_iter(1..5_u64),
///     sums: scan(0, |sum: &mut u64, n: u64| {
///         *sum += n;
///         *sum
///     }),
///     numbers.out => sums.input,
///     sums.out => graph.sums,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// let sums: Vec<_> = std::iter::from_fn(|| run.outputs.sums.try_recv()).collect();
/// assert_eq!(sums, [1, 3, 6, 10]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn scan<A, T, B, F: Fn(&mut A, T) -> B>(init: A, f: F) -> Scan<A, T, B, F> {
    Scan { init, f, items: PhantomData }
}
