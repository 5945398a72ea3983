//! `fold`: all records into one value.

use std::marker::PhantomData;

use crate::node::Context;
use crate::nodes::Storable;
use crate::state::Value;
use crate::{LogicalTime, NodeResult, node};

/// Folds all records into one value. Made by [`fold`].
#[node(crate = crate)]
#[derive(Debug)]
pub struct Fold<A: Storable + Sync, T: Send + 'static, F: Fn(&mut A, T) + Send + Sync + 'static> {
    /// Records.
    #[input]
    input: T,
    /// The value, once all records are in.
    #[output]
    out: A,
    /// The value so far.
    #[state(init = Value::new(self.init.clone()))]
    value: Value<A>,
    /// The latest time of a record so far.
    #[state]
    latest: Value<Option<LogicalTime>>,
    init: A,
    f: F,
    items: PhantomData<fn(T)>,
}

impl<A: Storable + Sync, T: Send + 'static, F: Fn(&mut A, T) + Send + Sync + 'static>
    FoldHandlers<A, T, F> for Fold<A, T, F>
{
    fn on_input(
        &self,
        state: &mut FoldState<A, T, F>,
        input: T,
        out: &mut impl FoldOut<A, T, F>,
    ) -> NodeResult {
        if out.time() > *state.latest {
            state.latest.set(out.time());
        }
        (self.f)(state.value.get_mut(), input);
        Ok(())
    }
    fn on_stop(
        &self,
        state: &mut FoldState<A, T, F>,
        out: &mut impl FoldOut<A, T, F>,
    ) -> NodeResult {
        let value = A::clone(&state.value);
        match *state.latest {
            Some(latest) if *state.latest > out.time() => out.at(latest).out(value),
            _ => out.out(value),
        }
        Ok(())
    }
}

/// Lets `f` work each record into a value, at first `init`, and sends it when the input ends;
/// `init` itself where there were no records. Its time is that of the latest record, or the
/// frontier where that went on: nothing waits for the end.
///
/// The value is saved, so it is [`Storable`]; where changes are logged it is cloned once a unit, so
/// let it be small. For a result after every record use [`scan`](crate::nodes::scan).
///
/// ```
/// use streamweave::nodes::{fold, from_iter};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     numbers: from_iter(1..5_u64),
///     sum: fold(0, |sum: &mut u64, n: u64| *sum += n),
///     numbers.out => sum.input,
///     sum.out => graph.sum,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// assert_eq!(run.outputs.sum.try_recv(), Some(10));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn fold<A, T, F: Fn(&mut A, T)>(init: A, f: F) -> Fold<A, T, F> {
    Fold { init, f, items: PhantomData }
}
