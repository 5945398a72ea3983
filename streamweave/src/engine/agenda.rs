//! What a node instance has to do and how far it has come: its timers, deduplicated by (key, name,
//! time) and fired in (time, key) order; the frontier it has seen; what it promises and holds.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::broken::{Broken, broken};
use crate::engine::due::DueTimers;
use crate::engine::turns::Turn;
use crate::node::{AtRest, Timer, TimerAt, Timing};
use crate::state::StableKey;
use crate::time::{Frontier, LogicalTime, Promise, Rounds, Stamp};

/// The agenda of one instance of a node.
///
/// What a unit changes is staged, and applies when the unit stands.
pub struct Agenda<K> {
    pub(super) event: DueTimers<Stamp, K>,
    pub(super) clock: DueTimers<i64, K>,
    staged: Vec<Change<K>>,
    timing: Timing,
    pub(crate) reached: Reached,
    /// Nothing is promised beyond the stamps of records that are kept: so many of each.
    pub(super) kept: BTreeMap<Stamp, u64>,
    /// The node is idle when nothing has come for so long.
    pub(crate) idle_after: Option<Duration>,
    /// What the node promises when nothing comes for now.
    pub(crate) at_rest: Option<AtRest>,
    /// Records that came too late for the node.
    pub(crate) late: u64,
    /// Timers of the clock are not missed at the end of the input.
    pub(crate) clock_lapses: bool,
    /// Timers that will not fire, because the input has ended.
    pub(crate) dropped: u64,
    /// A turn of a loop that waits for what the node still holds.
    pub(crate) turn: Option<Turn>,
    /// The turns of a loop come by.
    pub(crate) in_loop: bool,
    /// The latest stamp at which a timer of the clock was set.
    set_at: Option<Stamp>,
    /// `Clone::clone`, so that setting a timer needs no bound on the key: a node whose key is no
    /// key is told so in one place, and not again by whatever uses its key.
    pub(crate) copy: fn(&K) -> K,
}

/// How far a node has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reached {
    /// The frontier that has come in: it is complete here, or is being completed.
    pub(crate) frontier: Option<Promise>,
    /// The frontier up to which all is done that was due.
    pub(crate) completed: Option<Promise>,
    /// What has been promised to what is behind, and its last stamp.
    forwarded: Option<Promise>,
    floor: Option<Stamp>,
    /// The promise that the node makes by itself.
    pub(crate) own: Option<Promise>,
    /// Nothing is promised beyond this.
    hold: Option<Stamp>,
}

impl Reached {
    /// How far both have come.
    pub(super) fn least(self, other: Reached) -> Reached {
        Reached {
            frontier: self.frontier.min(other.frontier),
            completed: self.completed.min(other.completed),
            forwarded: self.forwarded.min(other.forwarded),
            floor: self.floor.min(other.floor),
            own: self.own.min(other.own),
            hold: self.hold.min(other.hold),
        }
    }

    pub(super) fn holds(&self) -> bool {
        self.hold.is_some()
    }
}

enum Change<K> {
    /// With the stamp that an event timer waits for.
    Set(Timer<K>, Option<Stamp>),
    Cancel(Timer<K>, Option<Stamp>),
    Promise(Promise),
    Hold(Option<Stamp>),
    Keep(Stamp),
    Release(Stamp),
    Late,
}

impl<K> Agenda<K> {
    pub(crate) fn timing(&self) -> Timing {
        self.timing
    }

    /// The stamp that a timer waits for, set when it is `now`: of the current time its current
    /// round, of a later one all of its rounds. In a loop the past is over: nothing more can be sent
    /// there.
    fn waits_for(&self, at: TimerAt, now: Option<Stamp>) -> Option<Stamp> {
        match (at, now) {
            (TimerAt::Event(time), Some(now)) if now.time > time && self.in_loop => Some(now),
            (TimerAt::Event(time), Some(now)) if now.time >= time => Some(Stamp { time, ..now }),
            (TimerAt::Event(time), _) => Some(self.end_of(time)),
            (TimerAt::Clock(_), _) => None,
        }
    }

    /// What waits for all rounds of a time waits for this.
    fn end_of(&self, time: LogicalTime) -> Stamp {
        let over = self.in_loop && !broken(Broken::TimersFireInRounds);
        let rounds = if over { Rounds::LAST } else { Rounds::default() };
        Stamp { time, rounds }
    }

    /// Sets a timer, at the stamp of the current unit.
    pub(crate) fn set_timer(&mut self, timer: Timer<K>, now: Option<Stamp>) {
        let waits_for = self.waits_for(timer.at, now);
        if waits_for.is_none() {
            self.set_at = self.set_at.max(now);
        }
        self.staged.push(Change::Set(timer, waits_for));
    }

    /// Sets a timer that waits for all rounds of its time, also of the current one; unless that has
    /// come to its end before.
    pub(crate) fn set_timer_at_end(
        &mut self,
        timer: Timer<K>,
        time: LogicalTime,
        now: Option<Stamp>,
    ) {
        let waits_for = self.waits_for(timer.at, now).max(Some(self.end_of(time)));
        self.staged.push(Change::Set(timer, waits_for));
    }

    /// Takes back what [`Agenda::set_timer`] set in a unit of the same stamp, or was to wait for the
    /// end of the timer's time.
    pub(crate) fn cancel_timer(&mut self, timer: Timer<K>, now: Option<Stamp>) {
        let waits_for = self.waits_for(timer.at, now);
        if let TimerAt::Event(time) = timer.at
            && let end = Some(self.end_of(time))
            && waits_for != end
        {
            let timer = Timer { key: (self.copy)(&timer.key), ..timer };
            self.staged.push(Change::Cancel(timer, end));
        }
        self.staged.push(Change::Cancel(timer, waits_for));
    }

    /// The timer fires, which waited for this.
    pub(crate) fn fires(&mut self, timer: Timer<K>, waited_for: Option<Stamp>) {
        self.staged.push(Change::Cancel(timer, waited_for));
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
    pub(crate) fn is_held_by(&self, stamp: Stamp) -> bool {
        let first = self.kept.first_key_value().is_none_or(|(first, _)| stamp <= *first);
        first && (self.timing.is_own() || self.reached.completed > Some(stamp.into()))
    }

    /// Whether something is still to be sent, whatever comes in: while it is, the node is not idle.
    pub(crate) fn is_holding(&self) -> bool {
        self.reached.hold.is_some() || !self.kept.is_empty()
    }

    fn first_kept(&self) -> Option<Stamp> {
        self.kept.first_key_value().map(|(stamp, _)| *stamp)
    }

    pub(crate) fn count_late(&mut self) {
        self.staged.push(Change::Late);
    }

    /// The earliest stamp that something can be emitted with without being late.
    pub(crate) fn floor(&self) -> Option<Stamp> {
        self.reached.floor
    }

    pub(super) fn has_ended(&self) -> bool {
        self.reached.frontier == Some(Promise::ENDED)
    }

    /// No timer is left, and nothing holds the node's promise any more.
    pub(crate) fn forget(&mut self) {
        self.event = DueTimers::default();
        self.clock = DueTimers::default();
        self.kept.clear();
        self.reached.hold = None;
    }

    /// It is as it was at the beginning.
    pub(crate) fn renew(&mut self) {
        self.forget();
        self.reached = Reached::default();
    }

    /// The input has ended: what waits for the clock will not fire.
    pub(crate) fn drop_clock_timers(&mut self) {
        if !self.clock_lapses {
            self.dropped += self.clock.len() as u64;
        }
        self.clock = DueTimers::default();
    }
}

impl<K> fmt::Debug for Agenda<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Agenda({} event, {} clock)", self.event.len(), self.clock.len())
    }
}

impl<K: StableKey> Agenda<K> {
    pub(crate) fn new(timing: Timing) -> Self {
        Agenda {
            event: DueTimers::default(),
            clock: DueTimers::default(),
            staged: Vec::new(),
            timing,
            reached: Reached::default(),
            kept: BTreeMap::new(),
            idle_after: None,
            at_rest: None,
            clock_lapses: false,
            late: 0,
            dropped: 0,
            turn: None,
            in_loop: false,
            set_at: None,
            copy: K::clone,
        }
    }

    /// The unit stands: what it staged applies.
    pub(crate) fn commit(&mut self) {
        if self.staged.is_empty() {
            return;
        }
        let mut staged = std::mem::take(&mut self.staged);
        for change in staged.drain(..) {
            match change {
                Change::Promise(promise) => self.reached.own = self.reached.own.max(Some(promise)),
                Change::Hold(until) => self.reached.hold = until,
                Change::Keep(stamp) => *self.kept.entry(stamp).or_default() += 1,
                Change::Release(stamp) => {
                    if let Entry::Occupied(mut kept) = self.kept.entry(stamp) {
                        *kept.get_mut() -= 1;
                        if *kept.get() == 0 {
                            kept.remove();
                        }
                    }
                }
                Change::Late => self.late += 1,
                // A timer that is set while the last ones fire does not, or one that sets itself
                // again would never end.
                Change::Set(_, waits_for) if self.has_ended() => {
                    self.dropped += u64::from(waits_for.is_some() || !self.clock_lapses);
                }
                Change::Set(Timer { key, name, at }, stamp) => match (stamp, at) {
                    (Some(stamp), _) => self.event.set(stamp, key, name),
                    (None, TimerAt::Clock(at)) => self.clock.set(at, key, name),
                    (None, _) => {}
                },
                Change::Cancel(Timer { key, name, at }, stamp) => match (stamp, at) {
                    (Some(stamp), _) => self.event.cancel(stamp, &key, name),
                    (None, TimerAt::Clock(at)) => self.clock.cancel(at, &key, name),
                    (None, _) => {}
                },
            }
        }
        self.staged = staged;
    }

    /// The unit failed: what it staged is forgotten.
    pub(crate) fn rollback(&mut self) {
        self.staged.clear();
    }

    /// The first timer that is due, and what it waited for.
    pub(crate) fn due_at_frontier(&mut self, promise: Promise) -> Option<(Timer<K>, Stamp)> {
        let early = |stamp: Stamp| broken(Broken::TimersFireAtFrontier) && promise == stamp.into();
        self.event.earliest().filter(|stamp| promise.is_past(*stamp) || early(*stamp))?;
        let (stamp, key, name) = self.event.first()?;
        let at = TimerAt::Event(stamp.time);
        Some((Timer { key: key.clone(), name, at }, stamp))
    }

    /// The first clock timer that is due at `now`.
    pub(crate) fn due_at_clock(&mut self, now: i64) -> Option<Timer<K>> {
        self.clock.earliest().filter(|time| *time <= now)?;
        let (time, key, name) = self.clock.first()?;
        Some(Timer { key: key.clone(), name, at: TimerAt::Clock(time) })
    }

    /// When the earliest clock timer is due.
    pub(crate) fn deadline(&self) -> Option<i64> {
        self.clock.earliest()
    }

    /// Takes note of what can be promised now to what is behind; the promise, once there is one.
    ///
    /// A node of its own timing promises what it said; the others what they have completed. None
    /// promises beyond what it holds, a record that it keeps or a timer that is still to fire, and a
    /// promise never falls.
    pub(crate) fn forward(&mut self) -> Option<Promise> {
        let kept = self.first_kept();
        let reached = &mut self.reached;
        let ended = reached.completed == Some(Promise::ENDED);
        let next = if self.timing.is_own() && !ended { reached.own } else { reached.completed };
        let held = [reached.hold, kept].map(|limit| limit.filter(|_| !ended));
        let limits = held.into_iter().chain([self.event.earliest()]).flatten();
        let next = limits.fold(next, |next, limit| next.map(|next| next.min(limit.into())));
        reached.forwarded = reached.forwarded.max(next);
        reached.floor = reached.floor.max(reached.forwarded.and_then(Promise::stamp));
        reached.forwarded
    }

    /// The stamp of what a timer emits that waited for `stamp`, or for the clock: unless that is
    /// already behind. In a loop it is also not before the timer was set: the turn that is on its
    /// way has passed what led to it.
    pub(crate) fn stamp_of_timer(&self, stamp: Option<Stamp>) -> Option<Stamp> {
        let set_at = self.set_at.filter(|_| self.in_loop);
        let at_end = |stamp: Stamp| match stamp.rounds {
            Rounds::LAST => Stamp { rounds: Rounds::END, ..stamp },
            _ => stamp,
        };
        stamp.map(at_end).or(set_at).max(self.floor())
    }

    /// The earliest thing that is still to be done, as the turns of a loop must know: timers, and
    /// what the node holds and keeps. While timers wait for the clock no turn goes on.
    pub(crate) fn pending(&self) -> Option<Stamp> {
        let all = [self.event.earliest(), self.reached.hold, self.first_kept()];
        all.into_iter().flatten().min()
    }

    /// Whether there is something to tell or to wait for before anything has come in.
    pub(crate) fn is_restored(&self) -> bool {
        self.reached != Reached::default() || self.clock.len() > 0
    }

    /// Whether a turn with this promise can go on from here: what is due before it has been sent,
    /// and nothing waits for the clock.
    pub(crate) fn lets_pass(&mut self, turn: Promise) -> bool {
        let kept = turn == Promise::LOWEST || self.forward() >= Some(turn);
        kept && self.clock.earliest().is_none()
    }

    /// The stamp of what `on_frontier` emits.
    pub(crate) fn stamp_of_frontier(&self, to: Promise) -> Option<Stamp> {
        match to.frontier {
            Frontier::At(_) => to.stamp(),
            Frontier::Ended => self.floor(),
        }
    }
}

#[cfg(test)]
mod tests;
