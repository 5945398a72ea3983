//! `throttle`: the first record, then quiet for a while.

use std::marker::PhantomData;
use std::time::Duration;

use crate::node::Context;
use crate::nodes::{millis, needs_clock};
use crate::state::Value;
use crate::{NodeResult, node};

/// Lets at most one record through in a length of time. Made by [`throttle`].
#[node(crate = crate)]
#[derive(Debug)]
pub struct Throttle<T: Send + 'static> {
    /// Records.
    #[input]
    input: T,
    /// The records that go on.
    #[output]
    out: T,
    /// When the next one may go on, by the run's clock.
    #[state]
    open: Value<Option<i64>>,
    period: i64,
    items: PhantomData<fn(T)>,
}

impl<T: Send + 'static> ThrottleHandlers<T> for Throttle<T> {
    fn on_start(&self, _: &mut ThrottleState<T>, out: &mut impl ThrottleOut<T>) -> NodeResult {
        needs_clock(out, "throttle")
    }

    fn on_input(
        &self,
        state: &mut ThrottleState<T>,
        input: T,
        out: &mut impl ThrottleOut<T>,
    ) -> NodeResult {
        let now = out.now();
        // Further off than a period: the clock is another one than when this was saved.
        let closed = |open| open > now && open - now <= self.period;
        if !state.open.is_some_and(closed) {
            state.open.set(Some(now.saturating_add(self.period)));
            out.out(input);
        }
        Ok(())
    }
}

/// Lets a record through, then drops all others until `period` of the run's clock has passed.
/// To hold records back instead of dropping them use [`rate_limit`](crate::nodes::rate_limit), to
/// keep the last of each period [`sample`](crate::nodes::sample).
///
/// ```
/// use std::time::Duration;
/// use streamweave::nodes::throttle;
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     calm: throttle(Duration::from_secs(1)),
///     graph.numbers => calm.input,
///     calm.out => graph.calm,
/// };
/// let mut run = graph.inline()?;
/// for n in 0..3_u64 {
///     run.inputs.numbers.try_send(n)?;
///     run.step()?;
///     run.advance(Duration::from_millis(600))?;
/// }
/// let calm: Vec<_> = std::iter::from_fn(|| run.outputs.calm.try_recv()).collect();
/// assert_eq!(calm, [0, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn throttle<T: Send + 'static>(period: Duration) -> Throttle<T> {
    Throttle { period: millis(period), items: PhantomData }
}
