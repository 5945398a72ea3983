//! `dedup_within`: one record of a key within a span of time.

use std::marker::PhantomData;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::node::{Context, TimeError, Timer, TimerAt};
use crate::nodes::join::stash::{look_again, passed};
use crate::nodes::millis;
use crate::state::KeyedMap;
use crate::{LogicalTime, NodeResult, StableKey, node};

/// Drops what repeats a key within a horizon. Made by [`dedup_within`].
#[node(crate = crate, key = K)]
#[derive(Debug)]
pub struct DedupWithin<K: StableKey + Serialize + DeserializeOwned, T: Send + 'static> {
    /// Keys and records.
    #[input(key = |item| &item.0)]
    input: (K, T),
    /// Those that repeat nothing.
    #[output]
    out: (K, T),
    /// The times of what was let through, as long as something may repeat it.
    #[state]
    seen: KeyedMap<K, i64, ()>,
    horizon: i64,
    items: PhantomData<fn(K, T)>,
}

impl<K, T> DedupWithin<K, T>
where
    K: StableKey + Serialize + DeserializeOwned,
    T: Send + 'static,
{
    /// The last time at which a record repeats one of `time`.
    fn last(&self, time: i64) -> i64 {
        time.saturating_add(self.horizon.saturating_sub(1))
    }
}

impl<K, T> DedupWithinHandlers<K, T> for DedupWithin<K, T>
where
    K: StableKey + Serialize + DeserializeOwned,
    T: Send + 'static,
{
    fn on_input(
        &self,
        state: &mut DedupWithinState<K, T>,
        input: (K, T),
        out: &mut impl DedupWithinOut<K, T>,
    ) -> NodeResult {
        let Some(LogicalTime(time)) = out.time() else { return Err(TimeError::Untimed.into()) };
        let last = LogicalTime(self.last(time));
        if self.horizon > 0 {
            let mut seen = state.seen.entry_ref(&input.0);
            let first = time.saturating_sub(self.horizon.saturating_sub(1));
            if seen.range(first..=last.0).next().is_some() {
                return Ok(());
            }
            if passed(out.frontier(), time) {
                out.count_late();
            }
            if !passed(out.frontier(), last.0) {
                seen.insert(time, ());
                if seen.first().is_some_and(|(first, ())| *first == time) {
                    out.set_timer("forget", TimerAt::Event(last));
                }
            }
        }
        out.out(input);
        Ok(())
    }

    fn on_timer(
        &self,
        state: &mut DedupWithinState<K, T>,
        timer: Timer<K>,
        out: &mut impl DedupWithinOut<K, T>,
    ) -> NodeResult {
        let mut seen = state.seen.entry_ref(&timer.key);
        while let Some((time, ())) = seen.first() {
            let last = LogicalTime(self.last(*time));
            if !passed(out.frontier(), last.0) {
                look_again(out, "forget", last.0);
                break;
            }
            seen.pop_first();
        }
        Ok(())
    }
}

/// Lets a record through unless one of its key that was let through has a time less than `horizon`
/// (in whole milliseconds) away from its own, before or after. Records are judged as they come, by
/// their event times; what may still be repeated is kept, until the frontier says that it cannot. One from
/// behind the frontier may repeat what is forgotten: it is let through unless it is known to, and counted in
/// [`NodeMetrics::late`](crate::engine::NodeMetrics::late).
///
/// A record without a time fails. [`dedup`](crate::nodes::dedup) looks at the record before only,
/// [`distinct`](crate::nodes::distinct) at all there were.
///
/// ```
/// use std::time::Duration;
/// use streamweave::nodes::dedup_within;
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     once: dedup_within(Duration::from_millis(10)),
///     graph.alerts => once.input,
///     once.out => graph.alerts,
/// };
/// let mut run = graph.inline()?;
/// for time in [100, 109, 110] {
///     run.inputs.alerts.try_send_at(LogicalTime(time), ("disk full".to_owned(), time))?;
/// }
/// run.step()?;
/// let alerts: Vec<_> = std::iter::from_fn(|| run.outputs.alerts.try_recv()).collect();
/// assert_eq!(alerts, [100, 110].map(|time| ("disk full".to_owned(), time)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn dedup_within<K, T>(horizon: Duration) -> DedupWithin<K, T>
where
    K: StableKey + Serialize + DeserializeOwned,
    T: Send + 'static,
{
    DedupWithin { horizon: millis(horizon), items: PhantomData }
}
