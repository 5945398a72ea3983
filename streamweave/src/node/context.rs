//! What a handler can ask of its `out`, besides sending: time, key, timers, the clock.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::{Agenda, Cause, Cx, Failure, Mark};
use crate::node::{At, Kept, NodeError, NodeResult, Timing};
use crate::time::{Frontier, LogicalTime, Rounds, Stamp};

/// A future in a box, as the context hands them out.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What every handler can ask of its `out`.
pub trait Context: Send {
    /// The key type of the node; `()` for a node without keys.
    type Key;

    /// The time of the current record or timer; `None` where the stream is not timed.
    fn time(&self) -> Option<LogicalTime>;

    /// The rounds of the loops that the current record is in; 0 outside of loops.
    fn rounds(&self) -> Rounds;

    /// Whether the current record came behind a promise: it was late where that was made.
    fn is_late(&self) -> bool;

    /// Counts the current record as one that came too late for the node: see
    /// [`NodeMetrics::late`](crate::engine::NodeMetrics::late).
    fn count_late(&mut self);

    /// The node's frontier: no record that comes in later has an earlier time, but for late ones.
    /// `None` before there is one.
    fn frontier(&self) -> Option<Frontier>;

    /// What the node has promised to what is behind it: the earliest time at which it can still
    /// send. `None` before there is a promise.
    fn promised(&self) -> Option<LogicalTime>;

    /// The same `out`, for sending at `time` instead of the current time:
    /// `out.at(time).fills(fill)`.
    ///
    /// A time behind [`Context::promised`] fails the unit, unless the current record is late or
    /// the node estimates: then what is sent is late.
    fn at(&mut self, time: LogicalTime) -> At<'_, Self>
    where
        Self: Sized,
    {
        let stamp = self.__stamp(time);
        At::new(self, Mark::at(stamp))
    }

    /// Promises that everything sent from now on has at least `time`, unless it is late. Only for
    /// nodes that say so: `#[node(promises)]` or `#[node(estimates)]`. Takes effect when the unit
    /// does; a promise behind an earlier one changes nothing.
    fn promise(&mut self, time: LogicalTime);

    /// The current record is kept, to be sent later by [`Context::resume`]: until then the promise
    /// to what is behind stays at its time or earlier. Takes effect when the unit does; nothing
    /// where the record has no time.
    fn keep(&mut self) -> Kept;

    /// The same `out` at the time of a record that was kept: `out.resume(kept).fills(fill)`. It is
    /// late if it was, and the promise no longer waits for it.
    fn resume(&mut self, kept: Kept) -> At<'_, Self>
    where
        Self: Sized,
    {
        let mark = kept.mark();
        self.release(kept);
        At::new(self, mark)
    }

    /// A record that was kept is not sent: the promise no longer waits for it.
    fn release(&mut self, kept: Kept);

    /// Keeps the promise to what is behind at `until` or earlier: something of that time is still
    /// to be sent. `None` lets go. Takes effect when the unit does.
    fn hold(&mut self, until: Option<LogicalTime>);

    /// Says that nobody is to wait for this node when nothing has come for so long: those behind
    /// it go on without it until it sends again. The run's clock counts only while the node's
    /// task finds nothing, not while it waits for room behind it.
    fn idle_after(&mut self, limit: Duration);

    /// The key of the current record or timer; `None` in a node without keys, for a broadcast
    /// record, and in `on_start`, `on_frontier` and `on_stop`.
    fn key(&self) -> Option<&Self::Key>;

    /// The run's clock: milliseconds since the Unix epoch.
    fn now(&self) -> i64;

    /// Asks for `on_timer` with the current key. Timers with the same key, name and time are one.
    /// Takes effect when the unit does. Does nothing when there is no current key.
    fn set_timer(&mut self, name: &'static str, at: TimerAt);

    /// Takes back a timer of the current key; does nothing if there is none.
    fn cancel_timer(&mut self, name: &'static str, at: TimerAt);

    /// Runs `task` beside the stage; its error or panic is this node's failure.
    ///
    /// # Errors
    /// When the graph does not run on a tokio runtime, or is simulated.
    fn spawn(&mut self, task: BoxFuture<'static, NodeResult>) -> NodeResult;

    /// The stamp of something at `time`: of the current time its current round; of what is promised
    /// the round of the promise; of another time its first round.
    #[doc(hidden)]
    fn __stamp(&self, time: LogicalTime) -> Stamp;

    /// Makes `mark` the current time, and gives back what was: see [`Context::at`].
    #[doc(hidden)]
    fn __enter(&mut self, mark: Mark) -> Mark;

    /// The time is again what it was.
    #[doc(hidden)]
    fn __leave(&mut self, outer: Mark);
}

/// What the handlers of asynchronous nodes and sources can await.
pub trait AsyncContext: Context {
    /// Ready when the run's clock has moved on by `duration`.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;

    /// Awaits `future`, but no longer than `limit` of the run's clock.
    ///
    /// # Errors
    /// [`TimedOut`] when the limit passed first.
    fn timeout<F: Future + Send>(
        &self,
        limit: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output, TimedOut>> + Send
    where
        F::Output: Send,
        Self: Sized,
    {
        let mut limit_passed = self.sleep(limit);
        async move {
            let mut future = std::pin::pin!(future);
            std::future::poll_fn(move |task| {
                if let std::task::Poll::Ready(output) = future.as_mut().poll(task) {
                    return std::task::Poll::Ready(Ok(output));
                }
                limit_passed.as_mut().poll(task).map(|()| Err(TimedOut { limit }))
            })
            .await
        }
    }
}

/// A future did not end within its limit.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("no answer within {limit:?}")]
pub struct TimedOut {
    /// The limit that passed.
    pub limit: Duration,
}

/// When a timer is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimerAt {
    /// When the node's frontier is past this time; in a loop, set for the current time: past the
    /// current round of it.
    Event(LogicalTime),
    /// When the run's clock stands at this many milliseconds since the Unix epoch.
    Clock(i64),
}

/// A timer that came due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timer<K> {
    /// The key that was current when it was set.
    pub key: K,
    /// Its name.
    pub name: &'static str,
    /// When it was due.
    pub at: TimerAt,
}

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

    fn frontier(&self) -> Option<Frontier> {
        self.agenda.reached.frontier.map(|promise| promise.frontier)
    }

    fn promised(&self) -> Option<LogicalTime> {
        // Where nothing has a time, there are rounds only.
        self.agenda.floor().map(|stamp| stamp.time).filter(|time| *time > LogicalTime::MIN)
    }

    fn promise(&mut self, time: LogicalTime) {
        if self.agenda.timing().is_own() {
            self.agenda.promise(Frontier::At(time).into());
            self.cx.set_staged();
            self.cx.set_promised();
        } else {
            self.fail(NodeError::new(
                "the node makes a promise without being declared to: write `#[node(promises)]`, or \
                 `#[node(estimates)]` if records may come behind the promise",
            ));
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

    fn idle_after(&mut self, limit: Duration) {
        self.agenda.idle_after = Some(limit);
    }

    fn key(&self) -> Option<&K> {
        self.key
    }

    fn now(&self) -> i64 {
        self.cx.clock.now()
    }

    fn set_timer(&mut self, name: &'static str, at: TimerAt) {
        if matches!(at, TimerAt::Clock(_)) && !self.cx.clock.moves() {
            return self.fail(NodeError::new(
                "a timer of the clock in a deterministic run, in which nothing depends on the \
                 clock: use event time, or run the graph inline, where the clock is moved by hand",
            ));
        }
        if let Some(key) = self.key {
            let key = (self.agenda.copy)(key);
            self.agenda.set_timer(Timer { key, name, at }, self.cx.mark.stamp());
            self.cx.set_staged();
        }
    }

    fn cancel_timer(&mut self, name: &'static str, at: TimerAt) {
        if let Some(key) = self.key {
            let key = (self.agenda.copy)(key);
            self.agenda.cancel_timer(Timer { key, name, at }, self.cx.mark.stamp());
            self.cx.set_staged();
            // The promise, or a turn, may have waited for it.
            if self.agenda.turn.is_some() || self.agenda.timing().is_own() {
                self.cx.set_promised();
            }
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
        let (now, floor) = (self.cx.mark.stamp(), self.agenda.floor());
        // Outside of loops there is nothing to look for.
        let in_loop = |stamp: Stamp| stamp.rounds != Rounds::default();
        if !now.is_some_and(in_loop) && !floor.is_some_and(in_loop) {
            return time.into();
        }
        stamp_in_loop(time, now, floor)
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
        let late = self.cx.mark.carried.is_late() || self.agenda.timing() == Timing::Estimates;
        if !late {
            let (time, promised) = (stamp.time, floor.time);
            fail(self.cx, self.node, TimeError::BehindPromise { time, promised }.into());
        }
        late
    }

    /// Fails the unit: for what has no result of its own.
    #[cold]
    fn fail(&mut self, error: NodeError) {
        fail(self.cx, self.node, error);
    }
}

/// The stamp of what is sent at `time` in a unit of the stamp `now`, when `floor` was promised.
#[inline(never)]
fn stamp_in_loop(time: LogicalTime, now: Option<Stamp>, floor: Option<Stamp>) -> Stamp {
    let at_time = |stamp: &Stamp| stamp.time == time;
    now.filter(at_time).max(floor.filter(at_time)).unwrap_or(time.into())
}

/// Takes the parts of an [`Outlet`], which can stay in registers then.
#[cold]
#[inline(never)]
fn fail(cx: &mut Cx, node: &Arc<str>, error: NodeError) {
    let node = Arc::clone(node);
    cx.fail(Failure { node, input: "out", position: 0, cause: Cause::Error(error) });
}

/// A node breaks the rules of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeError {
    /// It sends at a time that it has promised to be past.
    #[error(
        "sent at time {time}, behind the frontier {promised} that the node has let go on: send at \
         `out.promised()` or later, or hold the frontier with `out.hold(..)`"
    )]
    BehindPromise {
        /// The time it was to be sent at.
        time: LogicalTime,
        /// What was promised.
        promised: LogicalTime,
    },
    /// A record has no time, and the node needs one.
    #[error(
        "the record has no time: put `event_time()` or `event_time_by(..)` before this node, or \
         send it to the graph with its time"
    )]
    Untimed,
}

impl<K: Send + Sync, O: Send> AsyncContext for Outlet<'_, K, O> {
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        self.cx.clock.sleep_until(self.cx.clock.now().saturating_add(millis))
    }
}

impl<T: Context + ?Sized> Context for &mut T {
    type Key = T::Key;

    fn time(&self) -> Option<LogicalTime> {
        (**self).time()
    }
    fn rounds(&self) -> Rounds {
        (**self).rounds()
    }
    fn is_late(&self) -> bool {
        (**self).is_late()
    }
    fn count_late(&mut self) {
        (**self).count_late();
    }
    fn frontier(&self) -> Option<Frontier> {
        (**self).frontier()
    }
    fn promised(&self) -> Option<LogicalTime> {
        (**self).promised()
    }
    fn promise(&mut self, time: LogicalTime) {
        (**self).promise(time);
    }
    fn hold(&mut self, until: Option<LogicalTime>) {
        (**self).hold(until);
    }
    fn idle_after(&mut self, limit: Duration) {
        (**self).idle_after(limit);
    }
    fn keep(&mut self) -> Kept {
        (**self).keep()
    }
    fn release(&mut self, kept: Kept) {
        (**self).release(kept);
    }
    fn __stamp(&self, time: LogicalTime) -> Stamp {
        (**self).__stamp(time)
    }
    fn __enter(&mut self, mark: Mark) -> Mark {
        (**self).__enter(mark)
    }
    fn __leave(&mut self, outer: Mark) {
        (**self).__leave(outer);
    }
    fn key(&self) -> Option<&Self::Key> {
        (**self).key()
    }
    fn now(&self) -> i64 {
        (**self).now()
    }
    fn set_timer(&mut self, name: &'static str, at: TimerAt) {
        (**self).set_timer(name, at);
    }
    fn cancel_timer(&mut self, name: &'static str, at: TimerAt) {
        (**self).cancel_timer(name, at);
    }
    fn spawn(&mut self, task: BoxFuture<'static, NodeResult>) -> NodeResult {
        (**self).spawn(task)
    }
}

impl<T: AsyncContext + ?Sized> AsyncContext for &mut T {
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        (**self).sleep(duration)
    }
}
