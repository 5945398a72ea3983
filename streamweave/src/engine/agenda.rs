//! What a node instance has to do and how far it has come: its timers, deduplicated by (key, name,
//! time) and fired in (time, key) order; the frontier it has seen; what it promises and holds.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::time::Duration;

use crate::engine::saved::{self, SavedAgenda, SavedTimer};
use crate::node::{Timer, TimerAt, Timing};
use crate::state::{StableKey, StateError};
use crate::time::{Frontier, LogicalTime, Promise, Rounds, Stamp};

/// (when, encoded key, name): the order in which timers of one instant fire.
type Due<T> = (T, Vec<u8>, &'static str);

/// The agenda of one instance of a node.
///
/// What a unit changes is staged, and applies when the unit stands.
pub struct Agenda<K> {
    event: BTreeMap<Due<Stamp>, K>,
    clock: BTreeMap<Due<i64>, K>,
    staged: Vec<Change<K>>,
    timing: Timing,
    /// The frontier that has come in: it is complete here, or is being completed.
    pub(crate) frontier: Option<Promise>,
    /// The frontier up to which all is done that was due.
    pub(crate) completed: Option<Promise>,
    /// What has been promised to what is behind, and its last stamp.
    forwarded: Option<Promise>,
    floor: Option<Stamp>,
    /// The promise that the node makes by itself.
    own: Option<Promise>,
    /// Nothing is promised beyond this.
    hold: Option<Stamp>,
    /// Nor beyond the stamps of records that are kept: so many of each.
    kept: BTreeMap<Stamp, u64>,
    /// The node is idle when nothing has come for so long.
    pub(crate) idle_after: Option<Duration>,
    /// Timers that will not fire, because the input has ended.
    pub(crate) dropped: u64,
}

enum Change<K> {
    Set(Timer<K>),
    Cancel(Timer<K>),
    Promise(Promise),
    Hold(Option<Stamp>),
    Keep(Stamp),
    Release(Stamp),
}

impl<K> Agenda<K> {
    pub(crate) fn new(timing: Timing) -> Self {
        Agenda {
            event: BTreeMap::new(),
            clock: BTreeMap::new(),
            staged: Vec::new(),
            timing,
            frontier: None,
            completed: None,
            forwarded: None,
            floor: None,
            own: None,
            hold: None,
            kept: BTreeMap::new(),
            idle_after: None,
            dropped: 0,
        }
    }

    pub(crate) fn timing(&self) -> Timing {
        self.timing
    }

    fn has_ended(&self) -> bool {
        self.frontier == Some(Promise::ENDED)
    }

    /// The input has ended: what waits for the clock will not fire.
    pub(crate) fn drop_clock_timers(&mut self) {
        self.dropped += self.clock.len() as u64;
        self.clock.clear();
    }
}

impl<K> fmt::Debug for Agenda<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Agenda({} event, {} clock)", self.event.len(), self.clock.len())
    }
}

/// The timer that waits for a stamp.
fn waits_for(stamp: Stamp) -> TimerAt {
    if stamp.rounds == Rounds::MAX { TimerAt::Event(stamp.time) } else { TimerAt::Round(stamp) }
}

/// The stamp that a timer waits for.
fn stamp_of(at: TimerAt) -> Option<Stamp> {
    match at {
        TimerAt::Event(time) => Some(Stamp::end_of(time)),
        TimerAt::Round(stamp) => Some(stamp),
        TimerAt::Clock(_) => None,
    }
}

impl<K: StableKey> Agenda<K> {
    pub(crate) fn set_timer(&mut self, timer: Timer<K>) {
        self.staged.push(Change::Set(timer));
    }

    pub(crate) fn cancel_timer(&mut self, timer: Timer<K>) {
        self.staged.push(Change::Cancel(timer));
    }

    pub(crate) fn promise(&mut self, promise: Promise) {
        self.staged.push(Change::Promise(promise));
    }

    pub(crate) fn hold(&mut self, until: Option<Stamp>) {
        self.staged.push(Change::Hold(until));
    }

    pub(crate) fn keep(&mut self, stamp: Stamp) {
        self.staged.push(Change::Keep(stamp));
    }

    pub(crate) fn release(&mut self, stamp: Stamp) {
        self.staged.push(Change::Release(stamp));
    }

    /// Whether more may be promised once a record of this stamp is no longer kept.
    pub(crate) fn waits_for(&self, stamp: Stamp) -> bool {
        let first = self.kept.first_key_value().is_none_or(|(first, _)| stamp <= *first);
        first && (self.timing.is_own() || self.completed > Some(stamp.into()))
    }

    /// Whether something is still to be sent, whatever comes in: while it is, the node is not idle.
    pub(crate) fn is_holding(&self) -> bool {
        self.hold.is_some() || !self.kept.is_empty()
    }

    /// The unit stands: what it staged applies.
    pub(crate) fn commit(&mut self) {
        for change in std::mem::take(&mut self.staged) {
            match change {
                Change::Promise(promise) => self.own = self.own.max(Some(promise)),
                Change::Hold(until) => self.hold = until,
                Change::Keep(stamp) => *self.kept.entry(stamp).or_default() += 1,
                Change::Release(stamp) => {
                    if let Entry::Occupied(mut kept) = self.kept.entry(stamp) {
                        *kept.get_mut() -= 1;
                        if *kept.get() == 0 {
                            kept.remove();
                        }
                    }
                }
                // A timer that is set while the last ones fire does not, or one that sets itself
                // again would never end.
                Change::Set(_) if self.has_ended() => self.dropped += 1,
                Change::Set(timer) => self.insert(timer),
                Change::Cancel(timer) => {
                    let (key, name) = (encoded(&timer.key), timer.name);
                    match (stamp_of(timer.at), timer.at) {
                        (Some(stamp), _) => self.event.remove(&(stamp, key, name)),
                        (None, TimerAt::Clock(at)) => self.clock.remove(&(at, key, name)),
                        (None, _) => None,
                    };
                }
            }
        }
    }

    fn insert(&mut self, timer: Timer<K>) {
        let (key, name) = (encoded(&timer.key), timer.name);
        match (stamp_of(timer.at), timer.at) {
            (Some(stamp), _) => self.event.insert((stamp, key, name), timer.key),
            (None, TimerAt::Clock(at)) => self.clock.insert((at, key, name), timer.key),
            (None, _) => None,
        };
    }

    /// The unit failed: what it staged is forgotten.
    pub(crate) fn rollback(&mut self) {
        self.staged.clear();
    }

    /// The first timer that is due; its removal is to be staged with its unit.
    pub(crate) fn due_at_frontier(&self, promise: Promise) -> Option<Timer<K>> {
        let ((stamp, _, name), key) = self.event.first_key_value()?;
        let at = waits_for(*stamp);
        promise.is_past(*stamp).then(|| Timer { key: key.clone(), name, at })
    }

    /// The first clock timer that is due at `now`.
    pub(crate) fn due_at_clock(&self, now: i64) -> Option<Timer<K>> {
        let ((time, _, name), key) = self.clock.first_key_value()?;
        (*time <= now).then(|| Timer { key: key.clone(), name, at: TimerAt::Clock(*time) })
    }

    /// When the earliest clock timer is due.
    pub(crate) fn deadline(&self) -> Option<i64> {
        self.clock.first_key_value().map(|(due, _)| due.0)
    }

    /// Takes note of what can be promised now to what is behind; the promise, once there is one.
    ///
    /// A node of its own timing promises what it said; the others what they have completed. None
    /// promises beyond what it holds, a record that it keeps or a timer that is still to fire, and a
    /// promise never falls.
    pub(crate) fn forward(&mut self) -> Option<Promise> {
        let ended = self.completed == Some(Promise::ENDED);
        let next = if self.timing.is_own() && !ended { self.own } else { self.completed };
        let timer = self.event.first_key_value().map(|(due, _)| due.0);
        let kept = self.kept.first_key_value().map(|(stamp, _)| *stamp);
        let held = [self.hold, kept].map(|limit| limit.filter(|_| !ended));
        let limits = held.into_iter().chain([timer]).flatten();
        let next = limits.fold(next, |next, limit| next.map(|next| next.min(limit.into())));
        self.forwarded = self.forwarded.max(next);
        self.floor = self.floor.max(self.forwarded.and_then(Promise::stamp));
        self.forwarded
    }

    /// The earliest stamp that something can be emitted with without being late.
    pub(crate) fn floor(&self) -> Option<Stamp> {
        self.floor
    }

    /// The stamp of a unit that no record asked for: `natural`, unless that is already behind.
    pub(crate) fn stamp_for(&self, natural: Option<LogicalTime>) -> Option<Stamp> {
        natural.map(Stamp::from).max(self.floor())
    }

    /// The stamp of what a timer emits.
    pub(crate) fn stamp_of_timer(&self, at: TimerAt) -> Option<Stamp> {
        match at {
            TimerAt::Event(time) => self.stamp_for(Some(time)),
            TimerAt::Round(stamp) => Some(stamp).max(self.floor()),
            TimerAt::Clock(_) => self.floor(),
        }
    }

    /// The stamp of what `on_frontier` emits.
    pub(crate) fn stamp_of_frontier(&self, to: Promise) -> Option<Stamp> {
        match to.frontier {
            Frontier::At(_) => to.stamp(),
            Frontier::Ended => self.floor(),
        }
    }
}

/// What outlives the run.
impl<K: StableKey> Agenda<K> {
    /// What is to be saved, if there is anything. After the end of the input nothing is: whoever
    /// goes on from there begins with other input.
    pub(crate) fn save(&self) -> Option<SavedAgenda> {
        let timer =
            |key: &[u8], name: &str, at| SavedTimer { key: key.into(), name: name.into(), at };
        let events =
            self.event.keys().map(|(stamp, key, name)| timer(key, name, waits_for(*stamp)));
        let clock = self.clock.keys().map(|(at, key, name)| timer(key, name, TimerAt::Clock(*at)));
        let mut saved = SavedAgenda { timers: events.chain(clock).collect(), ..Default::default() };
        if !self.has_ended() {
            saved.completed = self.completed;
            saved.forwarded = self.forwarded;
            saved.own = self.own;
            saved.hold = self.hold;
            saved.kept = self.kept.iter().map(|(stamp, count)| (*stamp, *count)).collect();
        }
        (saved != SavedAgenda::default()).then_some(saved)
    }

    /// Takes the place of a saved one.
    pub(crate) fn restore(&mut self, saved: SavedAgenda) -> Result<(), StateError> {
        for SavedTimer { key: bytes, name, at } in saved.timers {
            let mut rest = &bytes[..];
            let key = K::decode(&mut rest).filter(|_| rest.is_empty()).ok_or_else(|| {
                let key = std::any::type_name::<K>();
                StateError::Decode { reason: format!("the key of timer `{name}` is no `{key}`") }
            })?;
            self.insert(Timer { key, name: saved::name(&name), at });
        }
        self.frontier = saved.completed;
        self.completed = saved.completed;
        self.forwarded = saved.forwarded;
        self.floor = saved.forwarded.and_then(Promise::stamp);
        self.own = saved.own;
        self.hold = saved.hold;
        self.kept = saved.kept.into_iter().collect();
        Ok(())
    }

    /// Whether there is something to tell or to wait for before anything has come in.
    pub(crate) fn is_restored(&self) -> bool {
        self.completed.is_some() || self.own.is_some() || !self.clock.is_empty()
    }
}

fn encoded<K: StableKey>(key: &K) -> Vec<u8> {
    let mut encoded = Vec::new();
    key.encode(&mut encoded);
    encoded
}

#[cfg(test)]
mod tests;
