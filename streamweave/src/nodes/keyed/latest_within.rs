//! `latest_within`: of the records of a key within a span of time, the latest.

use std::marker::PhantomData;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::node::{Context, TimeError, Timer, TimerAt};
use crate::nodes::join::stash::passed;
use crate::nodes::{Storable, millis};
use crate::state::Keyed;
use crate::{LogicalTime, NodeResult, StableKey, node};

/// Lets the latest record of a key through once in a span of time. Made by [`latest_within`].
#[node(crate = crate, key = K)]
#[derive(Debug)]
pub struct LatestWithin<K: StableKey + Serialize + DeserializeOwned, T: Storable> {
    /// Keys and records.
    #[input(key = |item| &item.0)]
    input: (K, T),
    /// The latest of each span.
    #[output]
    out: (K, T),
    /// The latest record so far of the spans that have begun, with its time.
    #[state]
    waiting: Keyed<K, (i64, T)>,
    span: i64,
    items: PhantomData<fn(K, T)>,
}

impl<K, T> LatestWithinHandlers<K, T> for LatestWithin<K, T>
where
    K: StableKey + Serialize + DeserializeOwned,
    T: Storable,
{
    fn on_input(
        &self,
        state: &mut LatestWithinState<K, T>,
        (key, record): (K, T),
        out: &mut impl LatestWithinOut<K, T>,
    ) -> NodeResult {
        let Some(LogicalTime(time)) = out.time() else { return Err(TimeError::Untimed.into()) };
        if let Some((latest, waiting)) = state.waiting.get_mut(&key) {
            if time >= *latest {
                (*latest, *waiting) = (time, record);
            }
            return Ok(());
        }
        let until = time.saturating_add(self.span.saturating_sub(1));
        if passed(out.frontier(), until) {
            out.out((key, record));
        } else {
            state.waiting.insert(key, (time, record));
            out.set_timer_at_end("until", LogicalTime(until));
        }
        Ok(())
    }

    fn on_timer(
        &self,
        state: &mut LatestWithinState<K, T>,
        timer: Timer<K>,
        out: &mut impl LatestWithinOut<K, T>,
    ) -> NodeResult {
        let TimerAt::Event(at) = timer.at else { return Ok(()) };
        if let Some((time, record)) = state.waiting.remove(&timer.key) {
            out.at(at.max(LogicalTime(time))).out((timer.key, record));
        }
        Ok(())
    }
}

/// Of the records of a key within a span of time lets only the latest through: a key's span begins with
/// a record's time, lasts for `span` (in whole milliseconds), and when the frontier is past it the record
/// with the greatest time that has come so far is sent; of equal times the one that came last. With its
/// last time, or the record's own where that is later. The next record of the key begins the next span.
///
/// For what sends one update after the other, as Kafka Streams' `suppress(untilTimeLimit(..))`: one
/// record for each key waits, in saved state. What comes behind the frontier when its whole span is over is
/// sent at once. A record without a time fails. [`sample`](crate::nodes::sample) and
/// [`debounce`](crate::nodes::debounce) go by the run's clock, whatever the keys.
///
/// ```
/// use std::time::Duration;
/// use streamweave::nodes::latest_within;
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     latest: latest_within(Duration::from_millis(10)),
///     graph.totals => latest.input,
///     latest.out => graph.totals,
/// };
/// let mut run = graph.inline()?;
/// for (time, total) in [(100, 1), (104, 2), (109, 3)] {
///     run.inputs.totals.try_send_at(LogicalTime(time), ("a".to_owned(), total))?;
/// }
/// run.inputs.totals.advance(LogicalTime(110));
/// run.step()?;
/// let latest = Some((Some(LogicalTime(109)), ("a".to_owned(), 3)));
/// assert_eq!(run.outputs.totals.try_recv_timed(), latest);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn latest_within<K, T>(span: Duration) -> LatestWithin<K, T>
where
    K: StableKey + Serialize + DeserializeOwned,
    T: Storable,
{
    LatestWithin { span: millis(span), items: PhantomData }
}
