//! `temporal_join`: each record with what was valid at its time.

use std::marker::PhantomData;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::broken::{Broken, broken};
use crate::node::{Context, Timer, TimerAt};
use crate::nodes::join::stash::{Stash, passed, put, time_of};
use crate::nodes::{Storable, millis};
use crate::state::{Keyed, KeyedMap};
use crate::{Frontier, LogicalTime, NodeResult, StableKey, node};

/// Joins records with versions. Made by [`temporal_join`].
#[node(crate = crate, key = K, strict)]
#[derive(Debug)]
pub struct TemporalJoin<K: StableKey + Serialize + DeserializeOwned, A: Storable, B: Storable> {
    /// Records.
    #[input(key = |item| &item.0)]
    left: (K, A),
    /// Versions: each is valid from its time on, until the key's next one.
    #[input(key = |item| &item.0)]
    right: (K, B),
    /// Each record, at its time, with the version that was valid; none before the key's first.
    #[output]
    out: (K, (A, Option<B>)),
    /// Records of the left that came when the version that was valid at their time, or one that may
    /// have been, was no longer kept.
    #[output(optional)]
    late_left: (K, A),
    /// Versions that came when records of their time may have been answered without them. They are valid
    /// for those that come after them.
    #[output(optional)]
    late_right: (K, B),
    /// Records of which it is not sure yet which version is theirs.
    #[state]
    waiting: Stash<K, A>,
    /// The versions that a record may still ask for.
    #[state]
    versions: KeyedMap<K, i64, B>,
    /// The times of the first and of the last version that were dropped.
    #[state]
    dropped: Keyed<K, (i64, i64)>,
    /// How much older than a record its version may be.
    tolerance: Option<i64>,
    /// A version of a record's own time is not the record's.
    strictly: bool,
    items: PhantomData<fn(K, A, B)>,
}

impl<K, A, B> TemporalJoin<K, A, B>
where
    K: StableKey + Serialize + DeserializeOwned,
    A: Storable,
    B: Storable,
{
    /// A version that is older than a record by more than this is not the record's: it has none then.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streamweave::nodes::temporal_join;
    /// use streamweave::prelude::*;
    ///
    /// let graph = graph! {
    ///     quoted: temporal_join().tolerance(Duration::from_millis(5)),
    ///     graph.trades => quoted.left,
    ///     graph.quotes => quoted.right,
    ///     quoted.out => graph.quoted,
    /// };
    /// let mut run = graph.inline()?;
    /// run.inputs.quotes.try_send_at(LogicalTime(10), ("ACME".to_owned(), 720_u64))?;
    /// for time in [15, 16] {
    ///     run.inputs.trades.try_send_at(LogicalTime(time), ("ACME".to_owned(), time))?;
    /// }
    /// let mut run = run.close_inputs()?;
    /// let quoted: Vec<_> = std::iter::from_fn(|| run.outputs.quoted.try_recv()).map(|(_, quoted)| quoted).collect();
    /// assert_eq!(quoted, [(15, Some(720)), (16, None)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn tolerance(self, tolerance: Duration) -> Self {
        TemporalJoin { tolerance: Some(millis(tolerance)), ..self }
    }

    /// A record's version is one of before its time: of those of its own time it has none.
    ///
    /// ```
    /// use streamweave::nodes::temporal_join;
    /// use streamweave::prelude::*;
    ///
    /// let graph = graph! {
    ///     quoted: temporal_join().strictly_before(),
    ///     graph.trades => quoted.left,
    ///     graph.quotes => quoted.right,
    ///     quoted.out => graph.quoted,
    /// };
    /// let mut run = graph.inline()?;
    /// for (time, quote) in [(10, 720_u64), (15, 730)] {
    ///     run.inputs.quotes.try_send_at(LogicalTime(time), ("ACME".to_owned(), quote))?;
    /// }
    /// run.inputs.trades.try_send_at(LogicalTime(15), ("ACME".to_owned(), 3_u64))?;
    /// let mut run = run.close_inputs()?;
    /// assert_eq!(run.outputs.quoted.try_recv(), Some(("ACME".to_owned(), (3, Some(720)))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn strictly_before(self) -> Self {
        TemporalJoin { strictly: true, ..self }
    }

    /// Up to which time a version may be that of a record of `time`; `None` where nothing is so early.
    fn until(&self, time: i64) -> Option<i64> {
        if self.strictly { time.checked_sub(1) } else { Some(time) }
    }

    /// The version that was valid at `time`.
    fn version(&self, versions: &KeyedMap<K, i64, B>, key: &K, time: i64) -> Option<B> {
        let versions = versions.get(key)?;
        let later = broken(Broken::AsOfTakesLater).then(|| versions.range(time..).next()).flatten();
        let (at, version) = match later {
            Some(later) => later,
            None => versions.range(..=self.until(time)?).next_back()?,
        };
        let is_valid = |tolerance| time.saturating_sub(*at) <= tolerance;
        self.tolerance.is_none_or(is_valid).then(|| version.clone())
    }

    /// Sends what is sure now, as everything of times up to `sure` is; when the first of the others
    /// will be.
    fn send(
        &self,
        state: &mut TemporalJoinState<K, A, B>,
        key: &K,
        sure: i64,
        out: &mut impl TemporalJoinOut<K, A, B>,
    ) -> Option<i64> {
        let frontier = out.frontier();
        state.waiting.get(key)?;
        let mut waiting = state.waiting.entry_ref(key);
        loop {
            let time = waiting.first()?.0.0;
            if time > sure && !passed(frontier, time) {
                return Some(time);
            }
            if let Some((_, left)) = waiting.pop_first() {
                let version = self.version(&state.versions, key, time);
                out.at(LogicalTime(time)).out((key.clone(), (left, version)));
            }
        }
    }

    /// Drops the versions that were over before the frontier or by `sure`; when the first of the
    /// others is.
    fn drop_versions(
        state: &mut TemporalJoinState<K, A, B>,
        key: &K,
        sure: i64,
        frontier: Option<Frontier>,
    ) -> Option<i64> {
        state.versions.get(key)?;
        let mut versions = state.versions.entry_ref(key);
        loop {
            let next = *versions.iter().nth(1)?.0;
            if next > sure && !passed(frontier, next) {
                return Some(next);
            }
            let (over, _) = versions.pop_first()?;
            let dropped = state.dropped.get_or_insert_with(key.clone(), || (over, over));
            *dropped = (dropped.0.min(over), dropped.1.max(over));
        }
    }

    /// Whether the version that was valid at `time` may be one that was dropped.
    fn is_forgotten(&self, state: &TemporalJoinState<K, A, B>, key: &K, time: i64) -> bool {
        let Some((first, last)) = state.dropped.get(key) else { return false };
        let Some(until) = self.until(time) else { return false };
        let kept = state.versions.get(key);
        let kept = kept.and_then(|kept| kept.range(..=until).next_back().map(|(at, _)| *at));
        *first <= until && kept.is_none_or(|kept| kept < *last) && !broken(Broken::LateGetsNone)
    }
}

impl<K, A, B> TemporalJoinHandlers<K, A, B> for TemporalJoin<K, A, B>
where
    K: StableKey + Serialize + DeserializeOwned,
    A: Storable,
    B: Storable,
{
    fn on_left(
        &self,
        state: &mut TemporalJoinState<K, A, B>,
        (key, left): (K, A),
        out: &mut impl TemporalJoinOut<K, A, B>,
    ) -> NodeResult {
        let time = time_of(out)?;
        if passed(out.frontier(), time) {
            if self.is_forgotten(state, &key, time) {
                out.count_late();
                out.late_left((key, left));
                return Ok(());
            }
            let version = self.version(&state.versions, &key, time);
            out.out((key, (left, version)));
        } else if put(&mut state.waiting.entry_ref(&key), time, left).1 {
            out.set_timer_at_end("sure", LogicalTime(time));
        }
        Ok(())
    }

    fn on_right(
        &self,
        state: &mut TemporalJoinState<K, A, B>,
        (key, right): (K, B),
        out: &mut impl TemporalJoinOut<K, A, B>,
    ) -> NodeResult {
        let time = time_of(out)?;
        if passed(out.frontier(), time) && !broken(Broken::LateVersionIsSilent) {
            out.count_late();
            out.late_right((key.clone(), right.clone()));
        }
        let mut versions = state.versions.entry_ref(&key);
        versions.insert(time, right);
        // A version is over when the next one begins.
        let next = match versions.range(..time).next_back() {
            Some(_) => Some(time),
            None => versions.iter().nth(1).map(|(next, _)| *next),
        };
        if let Some(next) = next {
            out.set_timer_at_end("sure", LogicalTime(next));
        }
        Ok(())
    }

    /// Records first: they may need the versions that are over.
    fn on_timer(
        &self,
        state: &mut TemporalJoinState<K, A, B>,
        timer: Timer<K>,
        out: &mut impl TemporalJoinOut<K, A, B>,
    ) -> NodeResult {
        let TimerAt::Event(LogicalTime(at)) = timer.at else { return Ok(()) };
        let sure = self.send(state, &timer.key, at, out);
        let over = Self::drop_versions(state, &timer.key, at, out.frontier());
        for time in [sure, over].into_iter().flatten() {
            out.set_timer_at_end("sure", LogicalTime(time));
        }
        Ok(())
    }
}

/// Joins each record of `left`, as of its own time, with the latest version of its key in `right`:
/// the one with the greatest time that is not after the record's, or is
/// [before it](TemporalJoin::strictly_before), and is no older than a
/// [tolerance](TemporalJoin::tolerance). Each record gives one result, of
/// its time, with `None` where there was no version.
///
/// A record waits in saved state until the frontier is past its time, so that no version can come
/// in between any more; `right` therefore has to promise something too, or be idle. Of two
/// versions of one time the one that comes later stands. The latest version of each key is kept to
/// the end; the others go when the frontier is past the next one's time. What an input that was idle
/// brings behind the frontier is answered as long as the version that it asks for is kept; then it
/// leaves by `late_left`. A version from behind the frontier is valid from then on, and leaves by `late_right`,
/// too, as records of its time may have been answered without it. Both are counted in
/// [`NodeMetrics::late`](crate::engine::NodeMetrics::late) whether that is connected or not.
///
/// ```
/// use streamweave::nodes::temporal_join;
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     rated: temporal_join(),
///     graph.orders => rated.left,
///     graph.rates => rated.right,
///     rated.out => graph.rated,
/// };
/// let mut run = graph.inline()?;
/// run.inputs.orders.try_send_at(LogicalTime(25), ("EUR".to_owned(), 100_u64))?;
/// for (time, rate) in [(10, 107), (20, 108), (30, 109)] {
///     run.inputs.rates.try_send_at(LogicalTime(time), ("EUR".to_owned(), rate))?;
/// }
/// let mut run = run.close_inputs()?;
/// let rated = ("EUR".to_owned(), (100, Some(108)));
/// assert_eq!(run.outputs.rated.try_recv_timed(), Some((Some(LogicalTime(25)), rated)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn temporal_join<K, A, B>() -> TemporalJoin<K, A, B>
where
    K: StableKey + Serialize + DeserializeOwned,
    A: Storable,
    B: Storable,
{
    TemporalJoin { tolerance: None, strictly: false, items: PhantomData }
}
