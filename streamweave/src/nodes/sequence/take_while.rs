//! `take_while`: records until one fails.

use std::marker::PhantomData;

use crate::state::Value;
use crate::{NodeResult, node};

/// Lets records through until one fails a test. Made by [`take_while`].
#[node(crate = crate, enough = *state.over)]
#[derive(Debug)]
pub struct TakeWhile<T: Send + 'static, F: Fn(&T) -> bool + Send + Sync + 'static> {
    /// Records.
    #[input]
    input: T,
    /// The records that go on.
    #[output]
    out: T,
    /// Whether `f` has said `false`.
    #[state]
    over: Value<bool>,
    f: F,
    items: PhantomData<fn(T)>,
}

impl<T: Send + 'static, F: Fn(&T) -> bool + Send + Sync + 'static> TakeWhileHandlers<T, F>
    for TakeWhile<T, F>
{
    fn on_input(
        &self,
        state: &mut TakeWhileState<T, F>,
        input: T,
        out: &mut impl TakeWhileOut<T, F>,
    ) -> NodeResult {
        if !*state.over && (self.f)(&input) {
            out.out(input);
        } else if !*state.over {
            state.over.set(true);
        }
        Ok(())
    }
}

/// Lets records through as long as `f` says `true`; from the first `false` on it drops everything, and a source
/// that feeds nothing else ends: see [`take`](crate::nodes::take).
///
/// ```
/// use streamweave::nodes::{from_iter, take_while};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     numbers: from_iter([1, 2, 5, 1_u64].into_iter().cycle()),
///     some: take_while(|n: &u64| *n < 3),
///     numbers.out => some.input,
///     some.out => graph.some,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// let some: Vec<_> = std::iter::from_fn(|| run.outputs.some.try_recv()).collect();
/// assert_eq!(some, [1, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn take_while<T: Send + 'static, F: Fn(&T) -> bool + Send + Sync + 'static>(
    f: F,
) -> TakeWhile<T, F> {
    TakeWhile { f, items: PhantomData }
}
