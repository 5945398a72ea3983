//! `interval`: a tick now and then.

use std::time::Duration;

use crate::node::{AsyncContext, Context, More};
use crate::nodes::{duration, millis, needs_clock};
use crate::state::Value;
use crate::{NodeResult, node};

/// Sends a number at regular times. Made by [`interval`].
#[node(crate = crate, source, rewindable)]
#[derive(Debug)]
pub struct Interval {
    /// 0, 1, 2 and so on.
    #[output]
    out: u64,
    /// The number of the next tick.
    #[state]
    next: Value<u64>,
    /// When it is due, by the run's clock.
    #[scratch]
    due: Option<i64>,
    period: i64,
}

impl Interval {
    fn due(&self, state: &mut IntervalState, now: i64) -> i64 {
        *state.due.get_or_insert_with(|| now.saturating_add(self.period))
    }
}

impl IntervalHandlers for Interval {
    fn on_start(&self, _: &mut IntervalState, out: &mut impl IntervalOut) -> NodeResult {
        needs_clock(out, "interval")
    }

    async fn next(
        &self,
        state: &mut IntervalState,
        out: &mut impl IntervalOut,
    ) -> NodeResult<More> {
        let now = out.now();
        let due = self.due(state, now);
        if due <= now {
            let number = *state.next;
            out.out(number);
            state.next.set(number + 1);
            // Ticks that were missed are left out, and the rhythm is kept.
            let late = (now - due) / self.period * self.period;
            state.due = Some(due.saturating_add(late).saturating_add(self.period));
        }
        Ok(More::Later)
    }
    async fn wait(&self, state: &mut IntervalState, out: &mut impl IntervalOut) -> NodeResult {
        let now = out.now();
        let wait = self.due(state, now).saturating_sub(now);
        out.sleep(duration(wait)).await;
        Ok(())
    }
}

/// Sends 0, 1, 2 and so on, one each `period` (at least a millisecond) of the run's clock, the
/// first after one period; it never ends by itself.
///
/// Ticks that come due while the graph cannot take them are left out, not made up for. The next
/// number is saved.
///
/// ```
/// use std::time::Duration;
/// use streamweave::nodes::interval;
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     ticks: interval(Duration::from_secs(1)),
///     ticks.out => graph.ticks,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// assert_eq!(run.outputs.ticks.try_recv(), None);
/// run.advance(Duration::from_secs(1))?;
/// assert_eq!(run.outputs.ticks.try_recv(), Some(0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn interval(period: Duration) -> Interval {
    Interval { period: millis(period).max(1) }
}
