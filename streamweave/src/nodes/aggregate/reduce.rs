//! `reduce`: all records into one of their kind.

use std::marker::PhantomData;

use crate::node::Context;
use crate::nodes::Storable;
use crate::state::Value;
use crate::{LogicalTime, NodeResult, node};

/// Reduces all records to one. Made by [`reduce`].
#[node(crate = crate)]
#[derive(Debug)]
pub struct Reduce<T: Storable, F: Fn(T, T) -> T + Send + Sync + 'static> {
    /// Records.
    #[input]
    input: T,
    /// The one that is left, once all records are in.
    #[output]
    out: T,
    /// What is left of the records so far.
    #[state]
    value: Value<Option<T>>,
    /// The latest time of a record so far.
    #[state]
    latest: Value<Option<LogicalTime>>,
    f: F,
    items: PhantomData<fn(T)>,
}

impl<T: Storable, F: Fn(T, T) -> T + Send + Sync + 'static> ReduceHandlers<T, F> for Reduce<T, F> {
    fn on_input(
        &self,
        state: &mut ReduceState<T, F>,
        input: T,
        out: &mut impl ReduceOut<T, F>,
    ) -> NodeResult {
        if out.time() > *state.latest {
            state.latest.set(out.time());
        }
        let value = state.value.get_mut();
        *value = Some(match value.take() {
            Some(before) => (self.f)(before, input),
            None => input,
        });
        Ok(())
    }
    fn on_stop(&self, state: &mut ReduceState<T, F>, out: &mut impl ReduceOut<T, F>) -> NodeResult {
        if let Some(value) = &*state.value {
            match *state.latest {
                Some(latest) if *state.latest > out.time() => out.at(latest).out(value.clone()),
                _ => out.out(value.clone()),
            }
        }
        Ok(())
    }
}

/// Makes one record of the result so far and the next with `f`, and sends what is left when the
/// input ends: nothing where there were no records. Its time is that of the latest record, or the
/// frontier where that went on: nothing waits for the end. Records are saved, so they are
/// [`Storable`].
///
/// ```
/// use streamweave::nodes::{from_iter, reduce};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     numbers: from_iter([3, 9, 4_u64]),
///     most: reduce(|a: u64, b| a.max(b)),
///     numbers.out => most.input,
///     most.out => graph.most,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// assert_eq!(run.outputs.most.try_recv(), Some(9));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn reduce<T: Storable, F: Fn(T, T) -> T + Send + Sync + 'static>(f: F) -> Reduce<T, F> {
    Reduce { f, items: PhantomData }
}
