//! `rate_limit`: not too many at a time, and none lost.

use std::marker::PhantomData;
use std::time::Duration;

use crate::node::{AsyncContext, Context};
use crate::nodes::{duration, millis, needs_clock};
use crate::state::KeyedList;
use crate::{NodeResult, node};

/// Holds records back so that no more than so many go on in a length of time. Made by
/// [`rate_limit`].
#[node(crate = crate, async, single)]
#[derive(Debug)]
pub struct RateLimit<T: Send + 'static> {
    /// Records.
    #[input]
    input: T,
    /// The same records in the same order.
    #[output]
    out: T,
    /// When the last records went on, by the run's clock: as many as the limit.
    #[state]
    sent: KeyedList<(), i64>,
    count: usize,
    period: i64,
    items: PhantomData<fn(T)>,
}

impl<T: Send + 'static> RateLimitHandlers<T> for RateLimit<T> {
    async fn on_start(
        &self,
        _: &mut RateLimitState<T>,
        out: &mut impl RateLimitOut<T>,
    ) -> NodeResult {
        needs_clock(out, "rate_limit")
    }

    async fn on_input(
        &self,
        state: &mut RateLimitState<T>,
        input: T,
        out: &mut impl RateLimitOut<T>,
    ) -> NodeResult {
        let sent = state.sent.get(&());
        let full = sent.filter(|sent| sent.len() >= self.count);
        if let Some(first) = full.and_then(|sent| sent.front()) {
            let now = out.now();
            let wait = first.saturating_add(self.period).saturating_sub(now);
            // No longer than a period, whatever clock the times were saved by.
            if wait > 0 {
                out.sleep(duration(wait.min(self.period))).await;
            }
        }
        let now = out.now();
        let mut sent = state.sent.entry(());
        while sent.len() >= self.count && sent.pop_front().is_some() {}
        sent.push(now);
        drop(sent);
        out.out(input);
        Ok(())
    }
}

/// Lets at most `count` records (at least 1) through in any `period` of the run's clock, in order.
///
/// The others wait, and whatever feeds the node waits with them: nothing is dropped and nothing
/// piles up. To drop them use [`throttle`](crate::nodes::throttle). When the last records went on
/// is saved. It does not start on several workers, each of which would let so many through.
///
/// ```
/// use std::time::Duration;
/// use streamweave::nodes::{from_iter, rate_limit};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     numbers: from_iter(0..5_u64),
///     calm: rate_limit(2, Duration::from_secs(1)),
///     numbers.out => calm.input,
///     calm.out => graph.calm,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// let calm: Vec<_> = std::iter::from_fn(|| run.outputs.calm.try_recv()).collect();
/// assert_eq!(calm, [0, 1]);
/// run.advance(Duration::from_secs(1))?;
/// let calm: Vec<_> = std::iter::from_fn(|| run.outputs.calm.try_recv()).collect();
/// assert_eq!(calm, [2, 3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn rate_limit<T: Send + 'static>(count: usize, period: Duration) -> RateLimit<T> {
    RateLimit { count: count.max(1), period: millis(period), items: PhantomData }
}
