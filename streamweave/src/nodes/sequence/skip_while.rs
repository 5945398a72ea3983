//! `skip_while`: records from the first that fails.

use std::marker::PhantomData;

use crate::state::Value;
use crate::{NodeResult, node};

/// Drops records until one fails a test. Made by [`skip_while`].
#[node(crate = crate)]
#[derive(Debug)]
pub struct SkipWhile<T: Send + 'static, F: Fn(&T) -> bool + Send + Sync + 'static> {
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

impl<T: Send + 'static, F: Fn(&T) -> bool + Send + Sync + 'static> SkipWhileHandlers<T, F>
    for SkipWhile<T, F>
{
    fn on_input(
        &self,
        state: &mut SkipWhileState<T, F>,
        input: T,
        out: &mut impl SkipWhileOut<T, F>,
    ) -> NodeResult {
        if *state.over || !(self.f)(&input) {
            if !*state.over {
                state.over.set(true);
            }
            out.out(input);
        }
        Ok(())
    }
}

/// Drops records as long as `f` says `true`; from the first `false` on it lets everything through.
///
/// ```
/// use streamweave::nodes::{from_iter, skip_while};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     numbers: from_iter([1, 2, 5, 1_u64]),
///     some: skip_while(|n: &u64| *n < 3),
///     numbers.out => some.input,
///     some.out => graph.some,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// let some: Vec<_> = std::iter::from_fn(|| run.outputs.some.try_recv()).collect();
/// assert_eq!(some, [5, 1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn skip_while<T: Send + 'static, F: Fn(&T) -> bool + Send + Sync + 'static>(
    f: F,
) -> SkipWhile<T, F> {
    SkipWhile { f, items: PhantomData }
}
