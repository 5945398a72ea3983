//! `Versioned`: values by key, of which it can be asked what they were some time ago.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::kind::names;
use super::queue::Queue;
use super::stable_key::{StableHash, StableKey};
use super::{Begun, Coverage, KeyedMap, MapRef, Shape, State, StateError, StateKind};
use crate::LogicalTime;
use crate::time::millis;

/// A unit looks at so many keys that may have versions to be dropped, and at two for each version that the one
/// before has put in, so that more go than come.
const AT_ONCE: usize = 4;

/// A version, or from when on there is none.
type Version<V> = Option<V>;

/// One value for each key, with those that it had before: what was valid at some time can be asked for at least as
/// long as its time-to-live says, after something else took its place.
///
/// What a unit writes is valid from the time of its record or timer on, until the next time at which the key is
/// written. It never changes what was valid before the node's frontier: a late record counts as of that. So
/// once the node has completed a time, what was valid then is settled, on every worker; see
/// [`Running::query_at`](crate::graph::Running::query_at), which waits for that.
///
/// ```
/// use streamweave::prelude::*;
/// use streamweave::state::Versioned;
///
/// /// What is in stock, item by item, an hour back.
/// #[node(sink, key = String)]
/// struct Stock {
///     #[input(key = |(item, _)| item)]
///     moves: (String, i64),
///     #[state(ttl = "1h")]
///     stock: Versioned<String, i64>,
/// }
///
/// impl StockHandlers for Stock {
///     fn on_moves(
///         &self,
///         state: &mut StockState,
///         (item, more): (String, i64),
///         _: &mut impl StockOut,
///     ) -> NodeResult {
///         state.stock.update(item, |stock| *stock += more);
///         Ok(())
///     }
/// }
///
/// let mut run = graph! { stock: Stock {}, graph.moves => stock.moves }.inline()?;
/// // They need not come in the order of their times.
/// for (time, more) in [(100, 5), (300, -2), (200, 10)] {
///     run.inputs.moves.try_send_at(LogicalTime(time), ("tea".to_owned(), more))?;
/// }
/// run.inputs.moves.advance(LogicalTime(301));
/// let at = LogicalTime(250);
/// let tea = move |state: &StockState| state.stock.at("tea", at).map(|stock| stock.copied());
/// assert_eq!(run.query_at("stock", at, tea)?.of_each, [Ok(Some(15))]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Where records have no times the run's clock has them, and before the first time there is what is written counts
/// as valid all along. Versions that nobody can ask for any more are dropped, a few in a unit, and before a snapshot is
/// taken; times and versions are saved with the state, as a `KeyedMap<K, LogicalTime, Option<V>>` is.
pub struct Versioned<K, V> {
    versions: KeyedMap<K, LogicalTime, Version<V>>,
    keep: i64,
    /// The time of the current unit, and what no later unit is before.
    now: i64,
    floor: i64,
    /// Keys of which something may have to be dropped, by when.
    queue: Queue<K>,
    /// The queue does not know what was restored.
    restored: bool,
    undo: bool,
    put_in: usize,
}

/// What was valid at a time is no longer kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what was valid at {} is no longer kept, but at {} and later: keep it for longer (`ttl`)", time.0, since.0)]
pub struct Forgotten {
    /// The time that was asked for.
    pub time: LogicalTime,
    /// The earliest that can be asked for.
    pub since: LogicalTime,
}

impl<K, V> Versioned<K, V> {
    /// No keys. What was valid at a time can be asked for at least until the frontier is so much later.
    /// `#[state(ttl = "1h")]` says the same.
    pub fn keeping(span: Duration) -> Self {
        Versioned {
            versions: KeyedMap::new(),
            keep: millis(span),
            now: i64::MIN,
            floor: i64::MIN,
            queue: Queue::default(),
            restored: false,
            undo: false,
            put_in: 0,
        }
    }

    /// The earliest time that can be asked for.
    pub fn since(&self) -> LogicalTime {
        LogicalTime(self.floor.saturating_sub(self.keep))
    }

    fn kept_at(&self, time: LogicalTime) -> Result<(), Forgotten> {
        let since = self.since();
        if time < since { Err(Forgotten { time, since }) } else { Ok(()) }
    }
}

impl<K: StableKey, V: Clone> Versioned<K, V> {
    /// What is valid of the key at the time of this unit.
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        valid(self.versions.get(key)?, LogicalTime(self.now))
    }

    /// What was valid of the key at this time. Behind the node's frontier nothing changes that any more; of what is
    /// not complete, it is what has come so far.
    ///
    /// # Errors
    /// When it is no longer kept.
    pub fn at<Q>(&self, key: &Q, time: LogicalTime) -> Result<Option<&V>, Forgotten>
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        self.kept_at(time)?;
        Ok(self.versions.get(key).and_then(|versions| valid(versions, time)))
    }

    /// What was valid at this time, of all keys, in an order that must not reach a deterministic output.
    ///
    /// # Errors
    /// When it is no longer kept.
    pub fn iter_at(&self, time: LogicalTime) -> Result<impl Iterator<Item = (&K, &V)>, Forgotten> {
        self.kept_at(time)?;
        let all = self.versions.iter();
        Ok(all.filter_map(move |(key, versions)| Some((key, valid(versions, time)?))))
    }

    /// Sets what is valid of the key from now on, until the next time at which something was written.
    pub fn set(&mut self, key: K, value: V) {
        self.put(key, Some(value));
    }

    /// From now on, until the next time at which something was written, the key has no value.
    pub fn remove(&mut self, key: K) {
        self.put(key, None);
    }

    /// Changes what is valid of the key from now on, and so what has been written for later times: `change` is
    /// called for each. So a sum is right whatever order its records come in. Where the key has no value now
    /// it begins with the default; where it has been removed at a later time, it stays so.
    pub fn update(&mut self, key: K, mut change: impl FnMut(&mut V))
    where
        V: Default,
    {
        let now = LogicalTime(self.now);
        let mut versions = self.versions.entry(key.clone());
        let value = valid(versions.view(), now).cloned().unwrap_or_default();
        let put_in = versions.insert(now, Some(value)).is_none();
        let from_now: Vec<_> = versions.range(now..).map(|(time, _)| *time).collect();
        for time in from_now {
            if let Some(Some(value)) = versions.get_mut(&time) {
                change(value);
            }
        }
        drop(versions);
        self.written(key, put_in);
    }

    fn put(&mut self, key: K, version: Version<V>) {
        let now = LogicalTime(self.now);
        let put_in = self.versions.entry(key.clone()).insert(now, version).is_none();
        self.written(key, put_in);
    }

    /// Once nobody can ask for a time before that of a new version, the one before it can go.
    fn written(&mut self, key: K, put_in: bool) {
        if put_in {
            self.put_in += 1;
            self.queue.push(self.now.saturating_add(self.keep), key);
        }
    }

    /// Looks at this many keys whose turn it is.
    fn look_at(&mut self, keys: usize) {
        // There is no time yet.
        if self.floor == i64::MIN {
            return;
        }
        for _ in 0..keys {
            let Some((_, key)) = self.queue.pop(self.floor, self.undo) else { return };
            self.drop_old(key);
        }
    }

    /// Drops versions of the key that were replaced before all that can be asked for.
    fn drop_old(&mut self, key: K) {
        let since = self.since();
        if self.versions.get(&key).is_none() {
            return;
        }
        let mut versions = self.versions.entry(key);
        loop {
            let mut first = versions.iter().take_while(|(time, _)| **time <= since);
            let is_old = match (first.next(), first.next()) {
                (Some(_), Some(_)) => true,
                // That there was none needs no saying: nothing is written before it any more.
                (first, _) => first.is_some_and(|(_, version)| version.is_none()),
            };
            drop(first);
            if !is_old {
                return;
            }
            versions.pop_first();
        }
    }

    /// Tells the queue of what was restored.
    fn tidy(&mut self) {
        if !std::mem::take(&mut self.restored) {
            return;
        }
        self.queue = Queue::default();
        for (key, versions) in self.versions.iter() {
            for (time, _) in versions.iter() {
                self.queue.push(time.0.saturating_add(self.keep), key.clone());
            }
        }
    }
}

/// What is valid at that time.
fn valid<V>(versions: MapRef<'_, LogicalTime, Version<V>>, time: LogicalTime) -> Option<&V> {
    versions.range(..=time).next_back()?.1.as_ref()
}

impl<K, V> fmt::Debug for Versioned<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Versioned").field("since", &self.since()).finish_non_exhaustive()
    }
}

/// Saved as the map that it is, so that what kept one may become the other.
impl<K, V> State for Versioned<K, V>
where
    K: StableKey + Serialize + DeserializeOwned,
    V: Clone + Serialize + DeserializeOwned + Send + 'static,
{
    const KIND: StateKind = StateKind::ByKeyGroup;
    const EXPIRES: bool = true;

    fn shape() -> Shape {
        Shape::keyed::<K, BTreeMap<LogicalTime, Version<V>>>(names::KEYED_MAP)
    }

    fn set_undo(&mut self, on: bool) {
        self.undo = on;
        self.queue.begin();
        self.versions.set_undo(on);
    }

    #[inline(always)]
    fn begin(&mut self) {
        self.queue.begin();
        self.versions.begin();
    }

    fn rollback(&mut self) {
        self.versions.rollback();
        self.queue.rollback();
    }

    fn tell_time(&mut self, now: i64, floor: i64) {
        (self.now, self.floor) = (now, floor);
        self.tidy();
        let keys = AT_ONCE + 2 * std::mem::take(&mut self.put_in);
        self.look_at(keys);
    }

    fn before_snapshot(&mut self) {
        self.tidy();
        self.look_at(usize::MAX);
        self.queue.begin();
    }

    fn set_epoch(&mut self, epoch: u32) {
        // What nobody can ask for is not part of what is saved as of now.
        self.before_snapshot();
        self.versions.set_epoch(epoch);
    }

    fn settle(&mut self, epoch: u32) {
        self.versions.settle(epoch);
    }

    fn snapshot(&self, groups: Range<u16>, into: &mut Vec<u8>) -> Result<(), StateError> {
        self.versions.snapshot(groups, into)
    }

    fn snapshot_changes(
        &self,
        since: u32,
        groups: Range<u16>,
        into: &mut Vec<u8>,
    ) -> Result<Coverage, StateError> {
        self.versions.snapshot_changes(since, groups, into)
    }

    fn begin_snapshot(&mut self, since: Option<u32>) -> Result<Begun, StateError> {
        self.versions.begin_snapshot(since)
    }

    fn advance_snapshot(&mut self, entries: usize) -> Option<Result<Vec<u8>, StateError>> {
        self.versions.advance_snapshot(entries)
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        self.restored = true;
        self.versions.restore(bytes)
    }

    fn clear_groups(&mut self, groups: Range<u16>) {
        self.restored = true;
        self.versions.clear_groups(groups);
    }

    fn retain_splits(&mut self, owns: &dyn Fn(&str) -> bool) -> bool {
        self.restored = true;
        self.versions.retain_splits(owns)
    }
}
