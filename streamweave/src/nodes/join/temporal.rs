//! `temporal_join`: each record with what was valid at its time.

use std::marker::PhantomData;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::broken::{Broken, broken};
use crate::node::{Context, Timer, TimerAt};
use crate::nodes::join::stash::{Place, Stash, passed, put, time_of};
use crate::nodes::{Storable, millis};
use crate::state::{Keyed, KeyedMap};
use crate::{Frontier, LogicalTime, NodeResult, StableKey, node};

/// Where a record's version is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Backward,
    Forward,
    Nearest,
}

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
    /// Each record with its version, or none.
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
    direction: Direction,
    /// How far from a record its version may be.
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
    /// A version that is further from a record than this is not the record's: it has none then.
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

    /// A record's version is none of its own time, but one of before it, or of behind it.
    ///
    /// ```
    /// use streamweave::nodes::temporal_join;
    /// use streamweave::prelude::*;
    ///
    /// let graph = graph! {
    ///     quoted: temporal_join().strictly(),
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
    pub fn strictly(self) -> Self {
        TemporalJoin { strictly: true, ..self }
    }

    /// A record's version is the first one that is not before its time, instead of the last one that is not
    /// after it. The result has the time of the version, or where there is none the last time at which
    /// there might have been one: so without a [tolerance](Self::tolerance) a record may wait to the
    /// end, and its result be of the latest time there is. No version is kept behind the frontier.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streamweave::nodes::temporal_join;
    /// use streamweave::prelude::*;
    ///
    /// let graph = graph! {
    ///     filled: temporal_join().forward().tolerance(Duration::from_millis(10)),
    ///     graph.orders => filled.left,
    ///     graph.prices => filled.right,
    ///     filled.out => graph.filled,
    /// };
    /// let mut run = graph.inline()?;
    /// for time in [3, 7] {
    ///     run.inputs.orders.try_send_at(LogicalTime(time), ("ACME".to_owned(), time))?;
    /// }
    /// for (time, price) in [(5, 720_u64), (18, 730)] {
    ///     run.inputs.prices.try_send_at(LogicalTime(time), ("ACME".to_owned(), price))?;
    /// }
    /// let mut run = run.close_inputs()?;
    /// let filled: Vec<_> = std::iter::from_fn(|| run.outputs.filled.try_recv_timed())
    ///     .map(|(time, (_, filled))| (time, filled))
    ///     .collect();
    /// let expected = [(Some(LogicalTime(5)), (3, Some(720))), (Some(LogicalTime(17)), (7, None))];
    /// assert_eq!(filled, expected);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn forward(self) -> Self {
        TemporalJoin { direction: Direction::Forward, ..self }
    }

    /// A record's version is the one nearest to it, before or after; of two as near the one before. The
    /// result has the last time at which a nearer one might have come, or that of a version after
    /// the record.
    ///
    /// ```
    /// use streamweave::nodes::temporal_join;
    /// use streamweave::prelude::*;
    ///
    /// let graph = graph! {
    ///     placed: temporal_join().nearest(),
    ///     graph.events => placed.left,
    ///     graph.positions => placed.right,
    ///     placed.out => graph.placed,
    /// };
    /// let mut run = graph.inline()?;
    /// for time in [13, 15, 16] {
    ///     run.inputs.events.try_send_at(LogicalTime(time), ("bus".to_owned(), time))?;
    /// }
    /// for (time, place) in [(10, 'a'), (20, 'b')] {
    ///     run.inputs.positions.try_send_at(LogicalTime(time), ("bus".to_owned(), place))?;
    /// }
    /// let mut run = run.close_inputs()?;
    /// let placed: Vec<_> = std::iter::from_fn(|| run.outputs.placed.try_recv()).map(|(_, placed)| placed).collect();
    /// assert_eq!(placed, [(13, Some('a')), (15, Some('a')), (16, Some('b'))]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn nearest(self) -> Self {
        TemporalJoin { direction: Direction::Nearest, ..self }
    }

    /// Up to which time a version from before may be that of a record of `time`; `None` where nothing is so
    /// early.
    fn until(&self, time: i64) -> Option<i64> {
        if self.strictly { time.checked_sub(1) } else { Some(time) }
    }

    /// From which time on one from behind may be.
    fn from(&self, time: i64) -> Option<i64> {
        if self.strictly { time.checked_add(1) } else { Some(time) }
    }

    /// The versions before and behind `time` that may be a record's, nearest first.
    fn candidates<'a>(
        &self,
        versions: &'a KeyedMap<K, i64, B>,
        key: &K,
        time: i64,
    ) -> [Option<(i64, &'a B)>; 2] {
        let Some(versions) = versions.get(key) else { return [None, None] };
        let is_near = |(at, _): &(i64, &B)| {
            self.tolerance
                .is_none_or(|tolerance| at.saturating_sub(time).saturating_abs() <= tolerance)
        };
        let (until, from) = (self.until(time), self.from(time));
        let before = until.and_then(|until| versions.range(..=until).next_back());
        let behind = from.and_then(|from| versions.range(from..).next());
        let wanted = match self.direction {
            Direction::Backward if broken(Broken::AsOfTakesLater) => [behind.or(before), None],
            Direction::Backward => [before, None],
            Direction::Forward => [None, behind],
            Direction::Nearest => [before, behind],
        };
        wanted.map(|version| version.map(|(at, version)| (*at, version)).filter(is_near))
    }

    /// The version of a record of `time`, as far as is known.
    fn version(&self, versions: &KeyedMap<K, i64, B>, key: &K, time: i64) -> Option<B> {
        let [before, behind] = self.candidates(versions, key, time);
        let is_nearer = |(before, _): &(i64, &B)| {
            let behind = behind.map(|(behind, _)| behind.saturating_sub(time));
            behind.is_none_or(|behind| time.saturating_sub(*before) <= behind)
        };
        before.filter(is_nearer).or(behind).map(|(_, version)| version.clone())
    }

    /// The last time at which a version may come that would be that of a record of `time`, as far as is
    /// known.
    fn sure_at(&self, versions: &KeyedMap<K, i64, B>, key: &K, time: i64) -> i64 {
        if self.direction == Direction::Backward {
            return time;
        }
        let [before, behind] = self.candidates(versions, key, time);
        let first = broken(Broken::NearestIsFirst);
        let nearer = |at: i64| if first { 0 } else { time.saturating_sub(at).saturating_sub(1) };
        let nearer = before.map(|(at, _)| nearer(at));
        let reach = nearer.into_iter().chain(self.tolerance).min();
        let last = reach.map_or(i64::MAX, |reach| time.saturating_add(reach));
        last.min(behind.map_or(i64::MAX, |(at, _)| at)).max(time)
    }

    /// The records of a key that are sure, each with its time; and when the first of the others is.
    fn look(
        &self,
        state: &TemporalJoinState<K, A, B>,
        key: &K,
        is_sure: impl Fn(i64) -> bool,
    ) -> (Vec<(Place, i64)>, Option<i64>) {
        let (mut sure, mut next) = (Vec::new(), None);
        let Some(waiting) = state.waiting.get(key) else { return (sure, next) };
        for (place, _) in waiting.iter() {
            let at = self.sure_at(&state.versions, key, place.0);
            if is_sure(at) {
                sure.push((*place, at));
                continue;
            }
            next = Some(next.unwrap_or(at).min(at));
            if self.goes_in_order() {
                break;
            }
        }
        (sure, next)
    }

    /// No record is sure before one of an earlier time is. Only the one that has a version of its own time
    /// and looks for others on both sides waits for longer than those behind it.
    fn goes_in_order(&self) -> bool {
        self.direction != Direction::Nearest || !self.strictly
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
        let (all, next) = self.look(state, key, |at| at <= sure || passed(frontier, at));
        for (place, at) in all {
            let Some(left) = state.waiting.entry_ref(key).remove(&place) else { continue };
            let version = self.version(&state.versions, key, place.0);
            // A version from behind the frontier may have made it sure before that.
            let at = out.promised().map_or(at, |promised| promised.0.max(at));
            out.at(LogicalTime(at)).out((key.clone(), (left, version)));
        }
        next
    }

    /// Drops the versions that were over before the frontier or by `sure`; when the first of the
    /// others is: when the next one begins, or where only later ones are asked for by itself. A record that
    /// still waits may need the one before that of its own time.
    fn drop_versions(
        &self,
        state: &mut TemporalJoinState<K, A, B>,
        key: &K,
        sure: i64,
        frontier: Option<Frontier>,
    ) -> Option<i64> {
        state.versions.get(key)?;
        let waiting = state.waiting.get(key).and_then(|waiting| Some(waiting.iter().next()?.0.0));
        let mut versions = state.versions.entry_ref(key);
        let ends = usize::from(self.direction != Direction::Forward);
        loop {
            let next = *versions.iter().nth(ends)?.0;
            if next > sure && !passed(frontier, next) {
                return Some(next);
            }
            if waiting.is_some_and(|waiting| waiting <= next) {
                return None;
            }
            let (over, _) = versions.pop_first()?;
            let dropped = state.dropped.get_or_insert_with(key.clone(), || (over, over));
            *dropped = (dropped.0.min(over), dropped.1.max(over));
        }
    }

    /// Whether the version that was valid at `time` may be one that was dropped.
    fn is_forgotten(&self, state: &TemporalJoinState<K, A, B>, key: &K, time: i64) -> bool {
        let Some((first, last)) = state.dropped.get(key) else { return false };
        let kept = state.versions.get(key);
        let before = self.until(time).is_some_and(|until| {
            let kept = kept.and_then(|kept| kept.range(..=until).next_back().map(|(at, _)| *at));
            *first <= until && kept.is_none_or(|kept| kept < *last)
        });
        let behind = self.from(time).is_some_and(|from| from <= *last);
        let forgotten = match self.direction {
            Direction::Backward => before,
            Direction::Forward => behind,
            Direction::Nearest => before || behind,
        };
        forgotten && !broken(Broken::LateGetsNone)
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
        if passed(out.frontier(), time) && self.is_forgotten(state, &key, time) {
            out.count_late();
            out.late_left((key, left));
            return Ok(());
        }
        let sure = self.sure_at(&state.versions, &key, time);
        if passed(out.frontier(), sure) {
            let version = self.version(&state.versions, &key, time);
            out.out((key, (left, version)));
        } else if put(&mut state.waiting.entry_ref(&key), time, left).1 || !self.goes_in_order() {
            out.set_timer_at_end("sure", LogicalTime(sure));
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
        // A version is over when the next one begins, or by itself.
        let next = match versions.range(..time).next_back() {
            None if self.direction != Direction::Forward => {
                versions.iter().nth(1).map(|(next, _)| *next)
            }
            _ => Some(time),
        };
        drop(versions);
        // And it may be the one that a record waits for.
        let sure = match self.direction {
            Direction::Backward => None,
            _ => self.look(state, &key, |_| false).1,
        };
        for at in next.into_iter().chain(sure) {
            out.set_timer_at_end("sure", LogicalTime(at));
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
        let over = self.drop_versions(state, &timer.key, at, out.frontier());
        for time in [sure, over].into_iter().flatten() {
            out.set_timer_at_end("sure", LogicalTime(time));
        }
        Ok(())
    }
}

/// Joins each record of `left`, as of its own time, with the latest version of its key in `right`:
/// the one with the greatest time that is not after the record's. Each record gives one result, of its time, with
/// `None` where there was no version.
///
/// | | pandas' `merge_asof` |
/// |---|---|
/// | as it is | `direction="backward"` |
/// | [`forward`](TemporalJoin::forward), [`nearest`](TemporalJoin::nearest) | the other directions |
/// | [`tolerance`](TemporalJoin::tolerance) | the same |
/// | [`strictly`](TemporalJoin::strictly) | `allow_exact_matches=False` |
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
    TemporalJoin {
        direction: Direction::Backward,
        tolerance: None,
        strictly: false,
        items: PhantomData,
    }
}
