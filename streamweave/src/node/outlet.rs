//! `Outlet`: what handlers are handed as `out`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::broken::{Broken, broken};
use crate::engine::{Agenda, Attempts, Cx, Failure, Mark};
use crate::node::{
    AsyncContext, AtRest, BoxFuture, Context, Kept, NodeError, NodeResult, TimeError, Timer,
    TimerAt, Timing,
};
use crate::time::{AlignedPlace, Frontier, LogicalTime, Rounds, Stamp};

/// A node's `out`: its emitters, and the context of the current unit.
///
/// The macro implements the node's own `..Out` trait for it. `K` is the key type of the node and
/// `O` its emitters.
pub struct Outlet<'a, K, O> {
    /// The state of the step.
    pub cx: &'a mut Cx,
    /// The emitters.
    pub to: &'a mut O,
    pub(crate) agenda: &'a mut Agenda<K>,
    pub(crate) node: &'a Arc<str>,
    pub(crate) key: Option<&'a K>,
}

impl<K, O> fmt::Debug for Outlet<'_, K, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outlet").field("node", self.node).finish_non_exhaustive()
    }
}

impl<K, O> Outlet<'_, K, O> {
    /// The same outlet while the record with `key` is handled.
    #[inline(always)]
    pub fn keyed<'b>(&'b mut self, key: &'b K) -> Outlet<'b, K, O> {
        Outlet { cx: self.cx, to: self.to, agenda: self.agenda, node: self.node, key: Some(key) }
    }

    /// Sends in a node of its own timing: what `#[node]` writes there. The record's time may be behind what
    /// the node has promised, and whether it is late says that promise alone, not those before the node.
    #[doc(hidden)]
    #[inline(always)]
    pub fn __send(&mut self, send: impl FnOnce(&mut Self)) {
        let carried = self.cx.mark.carried;
        let late = match (self.cx.mark.stamp(), self.agenda.floor()) {
            (Some(stamp), Some(floor)) if stamp < floor => self.is_late_behind(stamp, floor),
            _ => false,
        };
        self.cx.mark.carried = carried.late(late && !broken(Broken::BehindOwnPromise));
        send(self);
        self.cx.mark.carried = carried;
    }

    /// As [`Context::at`], where nothing else is sent in the unit: what `#[node(stamps = ..)]` writes. Where
    /// the record has no time there is none to be put back.
    #[doc(hidden)]
    #[inline(always)]
    pub fn __stamped(&mut self, time: LogicalTime, send: impl FnOnce(&mut Self))
    where
        K: Send + Sync,
        O: Send,
    {
        let mark = Mark::at(self.__stamp(time));
        let outer = self.__enter(mark);
        send(self);
        self.cx.mark.carried = outer.carried;
        if outer.carried.is_stamped() {
            self.cx.mark.stamp = outer.stamp;
        }
    }
}

impl<K: Send + Sync, O: Send> Context for Outlet<'_, K, O> {
    type Key = K;

    fn time(&self) -> Option<LogicalTime> {
        self.cx.mark.time()
    }

    fn rounds(&self) -> Rounds {
        self.cx.mark.stamp().unwrap_or_default().rounds
    }

    fn is_late(&self) -> bool {
        self.cx.mark.carried.is_late()
    }

    fn count_late(&mut self) {
        self.agenda.count_late();
        self.cx.set_staged();
    }

    fn owns_split(&self, split: &str) -> bool {
        self.cx.share.as_ref().is_none_or(|share| share.owns(split))
    }

    fn frontier(&self) -> Option<Frontier> {
        self.agenda.reached.frontier.map(|promise| promise.frontier)
    }

    fn promised(&self) -> Option<LogicalTime> {
        // Where nothing has a time, there are rounds only.
        self.agenda.floor().map(|stamp| stamp.time).filter(|time| *time > LogicalTime::MIN)
    }

    // Nothing here borrows the outlet as a whole: where no handler does, its parts stay in registers.
    #[inline(always)]
    fn promise(&mut self, time: LogicalTime) {
        if self.agenda.timing().is_own() {
            self.agenda.promise(Frontier::At(time).into());
            self.cx.set_staged();
            self.cx.set_promised();
        } else {
            let error = NodeError::new(
                "the node makes a promise without being declared to: write `#[node(promises)]`, or \
                 `#[node(estimates)]` if records may come behind the promise",
            );
            fail(self.cx, self.node, error);
        }
    }

    fn keep(&mut self) -> Kept {
        let kept = Kept::of(self.cx.mark);
        if let Some(stamp) = kept.held() {
            self.agenda.keep(stamp);
            self.cx.set_staged();
        }
        kept
    }

    fn release(&mut self, kept: Kept) {
        if let Some(stamp) = kept.held() {
            if self.agenda.is_held_by(stamp) {
                self.cx.set_promised();
            }
            self.agenda.release(stamp);
            self.cx.set_staged();
        }
    }

    fn hold(&mut self, until: Option<LogicalTime>) {
        self.agenda.hold(until.map(|time| self.__stamp(time)));
        self.cx.set_staged();
        self.cx.set_promised();
    }

    fn __is_divided(&self) -> bool {
        self.node.rsplit_once('#').is_some_and(|(_, worker)| worker != "0")
    }

    fn __align(&mut self, place: AlignedPlace) {
        self.cx.aligned.push(place);
    }

    fn __at_rest(&mut self, promise: AtRest) {
        self.agenda.at_rest = Some(promise);
    }

    fn __clock_lapses(&mut self) {
        self.agenda.clock_lapses = true;
    }

    fn idle_after(&mut self, limit: Duration) {
        self.agenda.idle_after = Some(limit);
    }

    fn key(&self) -> Option<&K> {
        self.key
    }

    #[inline(always)]
    fn now(&self) -> i64 {
        self.cx.clock.now()
    }

    fn attempt(&self) -> u64 {
        self.cx.attempt
    }

    #[inline(always)]
    fn set_timer(&mut self, name: &'static str, at: TimerAt) {
        set_timer(self.cx, self.agenda, (self.node, self.key), name, at);
    }

    fn set_timer_at_end(&mut self, name: &'static str, time: LogicalTime) {
        let Some(key) = self.key else { return has_no_key(self.cx, self.node, "set_timer_at_end") };
        let timer = Timer { key: (self.agenda.copy)(key), name, at: TimerAt::Event(time) };
        self.agenda.set_timer_at_end(timer, time, self.cx.mark.stamp());
        self.cx.set_staged();
    }

    fn cancel_timer(&mut self, name: &'static str, at: TimerAt) {
        let Some(key) = self.key else { return has_no_key(self.cx, self.node, "cancel_timer") };
        let key = (self.agenda.copy)(key);
        self.agenda.cancel_timer(Timer { key, name, at }, self.cx.mark.stamp());
        self.cx.set_staged();
        // The promise, or a turn, may have waited for it.
        if self.agenda.turn.is_some() || self.agenda.timing().is_own() {
            self.cx.set_promised();
        }
    }

    fn spawn(&mut self, task: BoxFuture<'static, NodeResult>) -> NodeResult {
        if self.cx.chance.is_seeded() {
            return Err(NodeError::new(
                "a simulation cannot run tasks that a node spawns: await in the handler instead",
            ));
        }
        self.cx.spawned.spawn(Arc::clone(self.node), task)
    }

    #[inline(always)]
    fn __stamp(&self, time: LogicalTime) -> Stamp {
        // Outside of loops there is nothing to look for.
        if !self.agenda.in_loop {
            return time.into();
        }
        stamp_in_loop(time, self.cx.mark.stamp(), self.agenda.floor())
    }

    fn __clock_moves(&self) -> bool {
        self.cx.clock.moves()
    }

    #[inline(always)]
    fn __enter(&mut self, mut mark: Mark) -> Mark {
        let outer = self.cx.mark.fields();
        if let (Some(stamp), Some(floor)) = (mark.stamp(), self.agenda.floor())
            && !mark.carried.is_late()
            && stamp < floor
        {
            mark.carried = mark.carried.late(self.is_late_behind(stamp, floor));
        }
        self.cx.mark = mark.fields();
        outer
    }

    #[inline(always)]
    fn __leave(&mut self, outer: Mark) {
        self.cx.mark = outer.fields();
    }
}

impl<K, O> Outlet<'_, K, O> {
    /// Whether what is sent behind the promise is late; otherwise the unit fails.
    #[inline(always)]
    fn is_late_behind(&mut self, stamp: Stamp, floor: Stamp) -> bool {
        let late = match self.agenda.timing() {
            Timing::Estimates => true,
            Timing::Promises => false,
            Timing::Passes | Timing::Settles => self.cx.mark.carried.is_late(),
        };
        if !late && !broken(Broken::BehindOwnPromise) {
            let (time, promised) = (stamp.time, floor.time);
            fail(self.cx, self.node, TimeError::BehindPromise { time, promised }.into());
        }
        late
    }
}

/// The stamp of what is sent at `time` in a unit of the stamp `now`, when `floor` was promised.
#[inline(never)]
fn stamp_in_loop(time: LogicalTime, now: Option<Stamp>, floor: Option<Stamp>) -> Stamp {
    let at_time = |stamp: &Stamp| stamp.time == time;
    now.filter(at_time).max(floor.filter(at_time)).unwrap_or(time.into())
}

/// Takes the parts of an [`Outlet`], which can stay in registers then.
#[inline(never)]
fn set_timer<K>(
    cx: &mut Cx,
    agenda: &mut Agenda<K>,
    (node, key): (&Arc<str>, Option<&K>),
    name: &'static str,
    at: TimerAt,
) {
    if matches!(at, TimerAt::Clock(_)) && !cx.clock.moves() {
        let error = "a timer of the clock in a deterministic run, in which nothing depends on the \
                     clock: use event time, or run the graph inline, where the clock is moved by hand";
        return fail(cx, node, NodeError::new(error));
    }
    let Some(key) = key else { return has_no_key(cx, node, "set_timer") };
    let key = (agenda.copy)(key);
    agenda.set_timer(Timer { key, name, at }, cx.mark.stamp());
    cx.set_staged();
}

/// Nobody would be told of a timer that belongs to no key.
#[cold]
fn has_no_key(cx: &mut Cx, node: &Arc<str>, method: &str) {
    if !broken(Broken::KeylessTimerIsForgotten) {
        let error = NodeError::new(format!(
            "`{method}` is about a timer of the current key, and there is none: call it where a record \
             or a timer of the key is handled, not in `on_start`, `on_frontier`, `on_stop` or for a \
             broadcast record"
        ));
        fail(cx, node, error);
    }
}

/// As [`set_timer`].
#[cold]
#[inline(never)]
fn fail(cx: &mut Cx, node: &Arc<str>, error: NodeError) {
    let node = Arc::clone(node);
    cx.fail(Failure::of_sending(node, error));
}

impl<K: Send + Sync, O: Send> AsyncContext for Outlet<'_, K, O> {
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        match &self.cx.sleeps {
            Some(sleeps) => sleeps.sleep(duration, &self.cx.clock),
            None => self.__attempts().sleep(duration),
        }
    }

    fn __attempts(&self) -> Attempts {
        Attempts::new(self.cx.clock.clone())
    }
}
