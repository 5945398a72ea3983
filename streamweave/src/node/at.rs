//! Sending at a time of one's own.

use std::fmt;
use std::time::Duration;

use crate::engine::{Attempts, Mark};
use crate::node::{AsyncContext, AtRest, BoxFuture, Context, Kept, NodeResult, TimerAt};
use crate::time::{AlignedPlace, Frontier, LogicalTime, Rounds, Stamp};

/// A node's `out` while another time is the current one: what [`Context::at`] gives. What is sent
/// through it, and whatever happens behind the node because of it, is of that time.
pub struct At<'a, C: Context> {
    context: &'a mut C,
    outer: Mark,
}

impl<C: Context> fmt::Debug for At<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "At({:?})", self.time())
    }
}

impl<'a, C: Context> At<'a, C> {
    pub(crate) fn new(context: &'a mut C, mark: Mark) -> Self {
        let outer = context.__enter(mark);
        At { context, outer }
    }

    /// The node's `out`, at this time.
    #[doc(hidden)]
    pub fn __context(&self) -> &C {
        self.context
    }

    /// The same, to be sent to: what the implementation of the node's `..Out` trait goes by.
    #[doc(hidden)]
    pub fn __context_mut(&mut self) -> &mut C {
        self.context
    }
}

impl<C: Context> Drop for At<'_, C> {
    fn drop(&mut self) {
        self.context.__leave(self.outer);
    }
}

impl<C: Context> Context for At<'_, C> {
    type Key = C::Key;

    fn time(&self) -> Option<LogicalTime> {
        self.context.time()
    }
    fn rounds(&self) -> Rounds {
        self.context.rounds()
    }
    fn is_late(&self) -> bool {
        self.context.is_late()
    }
    fn count_late(&mut self) {
        self.context.count_late();
    }
    fn owns_split(&self, split: &str) -> bool {
        self.context.owns_split(split)
    }
    fn frontier(&self) -> Option<Frontier> {
        self.context.frontier()
    }
    fn promised(&self) -> Option<LogicalTime> {
        self.context.promised()
    }
    fn promise(&mut self, time: LogicalTime) {
        self.context.promise(time);
    }
    fn hold(&mut self, until: Option<LogicalTime>) {
        self.context.hold(until);
    }
    fn idle_after(&mut self, limit: Duration) {
        self.context.idle_after(limit);
    }
    fn key(&self) -> Option<&Self::Key> {
        self.context.key()
    }
    fn now(&self) -> i64 {
        self.context.now()
    }
    fn attempt(&self) -> u64 {
        self.context.attempt()
    }
    fn set_timer(&mut self, name: &'static str, at: TimerAt) {
        self.context.set_timer(name, at);
    }
    fn set_timer_at_end(&mut self, name: &'static str, time: LogicalTime) {
        self.context.set_timer_at_end(name, time);
    }
    fn cancel_timer(&mut self, name: &'static str, at: TimerAt) {
        self.context.cancel_timer(name, at);
    }
    fn spawn(&mut self, task: BoxFuture<'static, NodeResult>) -> NodeResult {
        self.context.spawn(task)
    }
    fn keep(&mut self) -> Kept {
        self.context.keep()
    }
    fn release(&mut self, kept: Kept) {
        self.context.release(kept);
    }
    fn __stamp(&self, time: LogicalTime) -> Stamp {
        self.context.__stamp(time)
    }
    fn __clock_moves(&self) -> bool {
        self.context.__clock_moves()
    }
    fn __is_divided(&self) -> bool {
        self.context.__is_divided()
    }
    fn __align(&mut self, place: AlignedPlace) {
        self.context.__align(place);
    }
    fn __at_rest(&mut self, promise: AtRest) {
        self.context.__at_rest(promise);
    }
    fn __clock_lapses(&mut self) {
        self.context.__clock_lapses();
    }
    fn __enter(&mut self, mark: Mark) -> Mark {
        self.context.__enter(mark)
    }
    fn __leave(&mut self, outer: Mark) {
        self.context.__leave(outer);
    }
}

impl<C: AsyncContext> AsyncContext for At<'_, C> {
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.context.sleep(duration)
    }
    fn __attempts(&self) -> Attempts {
        self.context.__attempts()
    }
}
