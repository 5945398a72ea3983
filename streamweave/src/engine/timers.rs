//! A node instance's timers: deduplicated by (key, name, time), fired in (time, key) order.

use std::collections::BTreeMap;
use std::fmt;

use crate::node::{Timer, TimerAt};
use crate::state::StableKey;
use crate::time::{Frontier, LogicalTime};

/// (time, encoded key, name): the order in which timers of one instant fire.
type Due = (i64, Vec<u8>, &'static str);

/// The timers of one instance of a node.
///
/// What a unit sets or cancels is staged, and applies when the unit stands.
pub struct Timers<K> {
    event: BTreeMap<Due, K>,
    clock: BTreeMap<Due, K>,
    staged: Vec<(Timer<K>, bool)>,
    /// `Clone::clone`, so that setting a timer needs no bound on the key: a node whose key is no
    /// key is told so in one place, and not again by whatever uses its key.
    copy: fn(&K) -> K,
}

impl<K> fmt::Debug for Timers<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timers({} event, {} clock)", self.event.len(), self.clock.len())
    }
}

impl<K> Timers<K> {
    /// As [`Timers::stage`], for the key of the current record.
    pub(crate) fn stage_for(&mut self, key: &K, name: &'static str, at: TimerAt, set: bool) {
        self.staged.push((Timer { key: (self.copy)(key), name, at }, set));
    }
}

impl<K: StableKey> Timers<K> {
    /// No timers.
    pub(crate) fn new() -> Self {
        Timers {
            event: BTreeMap::new(),
            clock: BTreeMap::new(),
            staged: Vec::new(),
            copy: K::clone,
        }
    }

    pub(crate) fn stage(&mut self, timer: Timer<K>, set: bool) {
        self.staged.push((timer, set));
    }

    /// The unit stands: what it staged applies.
    pub(crate) fn commit(&mut self) {
        for (timer, set) in self.staged.drain(..) {
            let mut encoded = Vec::new();
            timer.key.encode(&mut encoded);
            let (timers, time) = match timer.at {
                TimerAt::Event(time) => (&mut self.event, time.0),
                TimerAt::Clock(time) => (&mut self.clock, time),
            };
            let due = (time, encoded, timer.name);
            if set {
                timers.insert(due, timer.key);
            } else {
                timers.remove(&due);
            }
        }
    }

    /// The unit failed: what it staged is forgotten.
    pub(crate) fn rollback(&mut self) {
        self.staged.clear();
    }

    /// The first timer that is due; its removal is to be staged with
    /// its unit.
    pub(crate) fn due_at_frontier(&self, frontier: Frontier) -> Option<Timer<K>> {
        let ((time, _, name), key) = self.event.first_key_value()?;
        let due = match frontier {
            Frontier::At(at) => at.0 > *time,
            Frontier::Ended => true,
        };
        due.then(|| Timer { key: key.clone(), name, at: TimerAt::Event(LogicalTime(*time)) })
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
}
