//! `Expiring`: state by key that is gone some time after it was last written.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::pending::Write;
use super::stable_key::{StableHash, StableKey};
use super::table::Table;
use super::{
    Begun, Coverage, Keyed, KeyedList, KeyedMap, ListEntry, MapEntry, MapRef, Shape, State,
    StateError, StateKind, wire,
};
use crate::broken::{Broken, broken};

/// Written before there was a time: counts as written at the first that comes.
const UNTIMED: i64 = i64::MAX;
/// In the queue nowhere.
const UNQUEUED: i64 = i64::MAX;
/// A unit looks at so many keys that may have expired, and at two for each that it has put in, so that
/// more go than come.
const AT_ONCE: usize = 4;

/// When a key was last written.
#[derive(Clone, Copy)]
struct Written {
    at: i64,
    /// Where the key is in the queue; not saved.
    queued: i64,
}

impl Serialize for Written {
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        self.at.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Written { at: i64::deserialize(deserializer)?, queued: UNQUEUED })
    }
}

/// State by key: what can be [`Expiring`].
pub trait ByKey: State + Default {
    /// Its keys.
    type Key: StableKey + Serialize + DeserializeOwned;
    /// Removes what there is of the key.
    fn forget(&mut self, key: &Self::Key);
    /// Shows every key.
    fn each_key(&self, show: impl FnMut(&Self::Key));
}

/// State by key ([`Keyed`], [`KeyedMap`] or [`KeyedList`]) of which a key's part is gone some time after
/// it was last written: sessions, caches, what was seen lately.
///
/// ```
/// use streamweave::LogicalTime;
/// use streamweave::nodes::event_time_by;
/// use streamweave::prelude::*;
/// use streamweave::state::Expiring;
///
/// /// Each user's first click, and those after half an hour of silence.
/// #[node(key = u64)]
/// struct Visits {
///     #[input(key = |(user, _)| user)]
///     clicks: (u64, i64),
///     #[output]
///     out: (u64, i64),
///     #[state(ttl = "30m")]
///     seen: Expiring<Keyed<u64, ()>>,
/// }
///
/// impl VisitsHandlers for Visits {
///     fn on_clicks(
///         &self,
///         state: &mut VisitsState,
///         click: (u64, i64),
///         out: &mut impl VisitsOut,
///     ) -> NodeResult {
///         if !state.seen.contains_key(&click.0) {
///             out.out(click);
///         }
///         state.seen.insert(click.0, ());
///         Ok(())
///     }
/// }
///
/// const MINUTE: i64 = 60_000;
/// let graph = graph! {
///     times: event_time_by(|click: &(u64, i64)| LogicalTime(click.1 * MINUTE)),
///     visits: Visits {},
///     graph.clicks => times.input,
///     times.out => visits.clicks,
///     visits.out => graph.visits,
/// };
/// let mut run = graph.inline()?;
/// for minute in [0, 20, 45, 75, 80] {
///     run.inputs.clicks.try_send((7, minute))?;
/// }
/// run.step()?;
/// let visits: Vec<_> = std::iter::from_fn(|| run.outputs.visits.try_recv()).collect();
/// assert_eq!(visits, [(7, 0), (7, 75)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # When it is gone
///
/// Where the node's records have times, these decide and no clock: for a record of time `t`, or a timer,
/// a key that was last written at `w` is there until `t` is `w` and the time-to-live, or the frontier is
/// (late records are as of the frontier). So results follow from the records and not from when they are
/// handled. Where records have no times the run's clock decides, and for what `on_start` writes before
/// there are any; in a deterministic run that stands still, and nothing expires.
///
/// What is gone is not seen from then on. It is removed, a few keys in a unit, when the frontier has come
/// so far that no record can see it any more; and before a snapshot is taken, so that it is in none. Writing is
/// `insert`, `entry` and `get_mut`, whatever comes of it; reading prolongs nothing. The times are saved
/// with the state, and move with it. Saved state of the same field without a time-to-live is restored as if it
/// was written when that run begins; and a field that loses its time-to-live keeps what is there.
pub struct Expiring<S: ByKey> {
    state: S,
    times: Table<S::Key, Written, Written>,
    ttl: i64,
    /// The time of the current unit, and what no later one is before; `i64::MIN` as long as there is none.
    now: i64,
    floor: i64,
    /// By the time when they are due to be looked at. What has been written since then goes on.
    queue: BTreeMap<i64, Vec<S::Key>>,
    /// The queue is to be made of what was restored.
    restored: bool,
    /// Taken from the queue in this unit, while undo is on.
    taken: Vec<(i64, S::Key)>,
    undo: bool,
    /// So many keys were put in since keys were looked at.
    put_in: usize,
    /// The state's part of a snapshot on its way, once it is complete.
    saved: Option<Vec<u8>>,
}

impl<S: ByKey> Expiring<S> {
    /// Empty; a key's part is gone so long after it was last written. `#[state(ttl = "30m")]` says the
    /// same.
    pub fn after(ttl: Duration) -> Self {
        Expiring {
            state: S::default(),
            times: Table::new(),
            ttl: i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX),
            now: i64::MIN,
            floor: i64::MIN,
            queue: BTreeMap::new(),
            restored: false,
            taken: Vec::new(),
            undo: false,
            put_in: 0,
            saved: None,
        }
    }

    /// How long a key's part is there after it was last written.
    pub fn ttl(&self) -> Duration {
        Duration::from_millis(self.ttl.unsigned_abs())
    }

    fn due(&self, at: i64) -> i64 {
        at.saturating_add(self.ttl)
    }

    /// The key's part is not gone, if there is one.
    fn is_live<Q>(&self, key: &Q) -> bool
    where
        S::Key: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        let gone = self
            .times
            .get(key)
            .is_some_and(|written| written.at != UNTIMED && self.due(written.at) <= self.now);
        !gone || broken(Broken::ExpiredIsSeen)
    }

    /// The key is written now; what is gone begins anew.
    fn write(&mut self, key: &S::Key) {
        if !self.is_live(key) {
            self.remove_key(key);
        }
        let (at, ttl) = (if self.now == i64::MIN { UNTIMED } else { self.now }, self.ttl);
        let make = |key: &S::Key| (key.clone(), Written { at, queued: UNQUEUED });
        let written = self.times.touch_or_insert(key, |key| *key, make, |written| *written);
        written.at = if written.at == UNTIMED { at } else { written.at.max(at) };
        if written.queued == UNQUEUED {
            let due = if at == UNTIMED { i64::MIN } else { at.saturating_add(ttl) };
            written.queued = due;
            self.put_in += 1;
            self.queue.entry(due).or_default().push(key.clone());
        }
    }

    /// As [`write`](Self::write), where there is something that is not gone; whether that is so.
    fn rewrite<Q>(&mut self, key: &Q) -> bool
    where
        S::Key: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        if !self.is_live(key) {
            return false;
        }
        if let Some(at) = self.times.find(key)
            && self.now != i64::MIN
        {
            let now = self.now;
            let written = self.times.touch(at, |written| *written);
            written.at = if written.at == UNTIMED { now } else { written.at.max(now) };
        }
        true
    }

    fn remove_key(&mut self, key: &S::Key) {
        self.state.forget(key);
        self.forget_time(key);
    }

    fn forget_time<Q>(&mut self, key: &Q)
    where
        S::Key: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        if let Some(at) = self.times.find(key) {
            self.times.remove(at, |_| (), drop);
        }
    }

    /// Looks at this many keys whose turn it is.
    fn look_at(&mut self, mut keys: usize) {
        if self.restored {
            self.queue_all();
        }
        while keys > 0
            && self.floor != i64::MIN
            && let Some(mut first) = self.queue.first_entry()
            && *first.key() <= self.floor
        {
            let due = *first.key();
            let Some(key) = first.get_mut().pop() else {
                first.remove();
                continue;
            };
            keys -= 1;
            if self.undo {
                self.taken.push((due, key.clone()));
            }
            self.look_at_one(due, key);
        }
    }

    fn look_at_one(&mut self, due: i64, key: S::Key) {
        let Some(at) = self.times.find(&key) else { return };
        let mut written = *self.times.slot(at);
        // It is somewhere else in the queue by now.
        if written.queued != due {
            return;
        }
        if written.at == UNTIMED {
            written.at = self.floor;
            self.times.touch(at, |written| *written).at = written.at;
        }
        let next = self.due(written.at);
        if next <= self.floor {
            self.remove_key(&key);
            return;
        }
        // Not saved, and taken back by nobody: what is in the queue twice counts once.
        self.times.slot_unlogged(at).queued = next;
        self.queue.entry(next).or_default().push(key);
    }

    /// Makes the queue of what was restored, in one pass.
    fn queue_all(&mut self) {
        self.restored = false;
        self.queue.clear();
        let mut all = Vec::new();
        self.state.each_key(|key| {
            let saved = self.times.get(key).filter(|_| !broken(Broken::LifeBeginsAnew));
            all.push((key.clone(), saved.map_or(UNTIMED, |written| written.at)));
        });
        self.times.restoring();
        for (key, at) in all {
            let queued = if at == UNTIMED { i64::MIN } else { self.due(at) };
            match self.times.find(&key) {
                Some(place) if at != UNTIMED => self.times.slot_unlogged(place).queued = queued,
                _ => self.times.restore_entry(key.clone(), Written { at, queued }),
            }
            self.queue.entry(queued).or_default().push(key);
        }
        self.times.restoring();
    }
}

impl<K, V> Expiring<Keyed<K, V>>
where
    K: StableKey + Serialize + DeserializeOwned,
    V: Clone + Serialize + DeserializeOwned + Send + 'static,
{
    /// The key's value.
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        self.state.get(key).filter(|_| self.is_live(key))
    }

    /// The key has a value.
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        self.get(key).is_some()
    }

    /// The key's value, to be changed.
    pub fn get_mut<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        if self.rewrite(key) { self.state.get_mut(key) } else { None }
    }

    /// The key's value, put in as the default if there was none.
    pub fn entry(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        self.get_or_insert_with(key, V::default)
    }

    /// The key's value, put in as what `make` returns if there was none.
    pub fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        self.write(&key);
        self.state.get_or_insert_with(key, make)
    }

    /// Sets the key's value and returns the one before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.write(&key);
        self.state.insert(key, value)
    }

    /// Removes the key and returns its value.
    pub fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        let live = self.is_live(key);
        self.forget_time(key);
        self.state.remove(key).filter(|_| live)
    }

    /// All entries, in an order that must not reach a deterministic output: sort them first.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.state.iter().filter(|(key, _)| self.is_live(*key))
    }
}

impl<K, V> ByKey for Keyed<K, V>
where
    K: StableKey + Serialize + DeserializeOwned,
    V: Clone + Serialize + DeserializeOwned + Send + 'static,
{
    type Key = K;

    fn forget(&mut self, key: &K) {
        self.remove(key);
    }

    fn each_key(&self, mut show: impl FnMut(&K)) {
        self.iter().for_each(|(key, _)| show(key));
    }
}

/// What a map or a list for each key has in common.
macro_rules! collection {
    ($kind:ident<$($param:ident),+>, [$($bounds:tt)*], $entry:ty, $read:ty, $what:literal) => {
        impl<$($param),+> Expiring<$kind<$($param),+>>
        where
            $($bounds)*
        {
            #[doc = concat!("The key's ", $what, ", if it has one.")]
            pub fn get<Q>(&self, key: &Q) -> Option<$read>
            where
                K: Borrow<Q>,
                Q: StableHash + Eq + ?Sized,
            {
                self.state.get(key).filter(|_| self.is_live(key))
            }

            #[doc = concat!("The key's ", $what, ", to be read and changed: it counts as written.")]
            pub fn entry(&mut self, key: K) -> $entry {
                self.write(&key);
                self.state.entry(key)
            }

            #[doc = concat!("Removes the key with its whole ", $what, ". Says whether it had one.")]
            pub fn remove<Q>(&mut self, key: &Q) -> bool
            where
                K: Borrow<Q>,
                Q: StableHash + Eq + ?Sized,
            {
                let live = self.is_live(key);
                self.forget_time(key);
                self.state.remove(key) && live
            }

            #[doc = concat!("All keys, each with its ", $what, ", in an order that must not reach a deterministic output.")]
            pub fn iter(&self) -> impl Iterator<Item = (&K, $read)> {
                self.state.iter().filter(|(key, _)| self.is_live(*key))
            }
        }

        impl<$($param),+> ByKey for $kind<$($param),+>
        where
            $($bounds)*
        {
            type Key = K;

            fn forget(&mut self, key: &K) {
                self.remove(key);
            }

            fn each_key(&self, mut show: impl FnMut(&K)) {
                self.iter().for_each(|(key, _)| show(key));
            }
        }
    };
}

collection!(
    KeyedMap<K, K2, V>,
    [
        K: StableKey + Serialize + DeserializeOwned,
        K2: Ord + Clone + Serialize + DeserializeOwned + Send + 'static,
        V: Clone + Serialize + DeserializeOwned + Send + 'static,
    ],
    MapEntry<'_, K, K2, V>,
    MapRef<'_, K2, V>,
    "map"
);
collection!(
    KeyedList<K, V>,
    [
        K: StableKey + Serialize + DeserializeOwned,
        V: Clone + Serialize + DeserializeOwned + Send + 'static,
    ],
    ListEntry<'_, K, V>,
    &std::collections::VecDeque<V>,
    "list"
);

impl<S: ByKey> fmt::Debug for Expiring<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expiring").field("ttl", &self.ttl()).finish_non_exhaustive()
    }
}

/// How the times are written.
fn write<K: StableKey + Serialize>() -> Write<K, Written> {
    Write {
        key: |key, into| wire::write(key, into),
        entry: |entry, into| wire::write(&(&entry.key, &entry.slot), into),
    }
}

impl<S: ByKey> State for Expiring<S> {
    const KIND: StateKind = S::KIND;
    const EXPIRES: bool = true;

    /// That of the state alone, so that a field may be given a time-to-live, or lose it.
    fn shape() -> Shape {
        S::shape()
    }

    fn set_undo(&mut self, on: bool) {
        self.undo = on;
        self.taken.clear();
        self.state.set_undo(on);
        self.times.set_undo(on);
    }

    #[inline(always)]
    fn begin(&mut self) {
        self.taken.clear();
        self.state.begin();
        self.times.begin();
    }

    fn rollback(&mut self) {
        self.state.rollback();
        self.times.rollback(|written, before| *written = before);
        for (due, key) in self.taken.drain(..) {
            self.queue.entry(due).or_default().push(key);
        }
    }

    fn tell_time(&mut self, now: i64, floor: i64) {
        (self.now, self.floor) = (now, floor);
        let keys = AT_ONCE + 2 * std::mem::take(&mut self.put_in);
        self.look_at(keys);
    }

    fn expire(&mut self) {
        self.look_at(usize::MAX);
        self.taken.clear();
    }

    fn set_epoch(&mut self, epoch: u32) {
        // What is gone is not part of what is saved as of now.
        self.expire();
        self.saved = None;
        self.state.set_epoch(epoch);
        self.times.set_epoch(epoch);
    }

    fn settle(&mut self, epoch: u32) {
        self.state.settle(epoch);
        self.times.settle(epoch);
    }

    fn snapshot(&self, groups: Range<u16>, into: &mut Vec<u8>) -> Result<(), StateError> {
        let (mut state, mut times) = (Vec::new(), Vec::new());
        self.state.snapshot(groups.clone(), &mut state)?;
        wire::write(&self.times.body(groups, None), &mut times)?;
        into.extend_from_slice(&wire::with_times(state, &times)?);
        Ok(())
    }

    fn snapshot_changes(
        &self,
        since: u32,
        groups: Range<u16>,
        into: &mut Vec<u8>,
    ) -> Result<Coverage, StateError> {
        let (mut state, mut times) = (Vec::new(), Vec::new());
        let coverage = self.state.snapshot_changes(since, groups.clone(), &mut state)?;
        let since = self.times.epochs().start_of(since);
        if since.is_none() || coverage == Coverage::Everything {
            self.snapshot(groups, into)?;
            return Ok(Coverage::Everything);
        }
        wire::write(&self.times.body(groups, since), &mut times)?;
        into.extend_from_slice(&wire::with_times(state, &times)?);
        Ok(Coverage::Changes)
    }

    fn begin_snapshot(&mut self, since: Option<u32>) -> Result<Begun, StateError> {
        self.saved = None;
        let begun = self.state.begin_snapshot(since)?;
        let times = self.times.begin_snapshot(since, write());
        if begun.coverage == times {
            return Ok(begun);
        }
        // One of them does not know its changes, so both give everything.
        self.times.begin_snapshot(None, write());
        self.state.begin_snapshot(None)
    }

    fn advance_snapshot(&mut self, entries: usize) -> Option<Result<Vec<u8>, StateError>> {
        if self.saved.is_none() {
            match self.state.advance_snapshot(entries)? {
                Ok(state) => self.saved = Some(state),
                Err(error) => return Some(Err(error)),
            }
        }
        let times = self.times.advance_snapshot(entries)?;
        let state = self.saved.take()?;
        Some(times.and_then(|times| wire::with_times(state, &times)))
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        self.state.restore(bytes)?;
        self.times.restoring();
        let read = wire::read_with(bytes, wire::TimesIntoTable(&mut self.times));
        self.times.restoring();
        self.restored = true;
        read
    }

    fn clear_groups(&mut self, groups: Range<u16>) {
        self.state.clear_groups(groups.clone());
        self.times.clear_groups(&groups);
        self.restored = true;
    }
}
