//! A borrowed `out` is one too: what functions that handlers share take.

use std::time::Duration;

use crate::engine::{Attempts, Mark};
use crate::node::{AsyncContext, AtRest, BoxFuture, Context, Kept, NodeResult, TimerAt};
use crate::time::{AlignedPlace, Frontier, LogicalTime, Rounds, Stamp};

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
    fn owns_split(&self, split: &str) -> bool {
        (**self).owns_split(split)
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
    fn __clock_moves(&self) -> bool {
        (**self).__clock_moves()
    }
    fn __is_divided(&self) -> bool {
        (**self).__is_divided()
    }
    fn __align(&mut self, place: AlignedPlace) {
        (**self).__align(place);
    }
    fn __at_rest(&mut self, promise: AtRest) {
        (**self).__at_rest(promise);
    }
    fn __clock_lapses(&mut self) {
        (**self).__clock_lapses();
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
    fn attempt(&self) -> u64 {
        (**self).attempt()
    }
    fn set_timer(&mut self, name: &'static str, at: TimerAt) {
        (**self).set_timer(name, at);
    }
    fn set_timer_at_end(&mut self, name: &'static str, time: LogicalTime) {
        (**self).set_timer_at_end(name, time);
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
    fn __attempts(&self) -> Attempts {
        (**self).__attempts()
    }
}
