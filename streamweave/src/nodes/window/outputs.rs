//! What the logic of windows asks of a node's `out`, keyed or not.

use crate::node::{Context, TimerAt};
use crate::nodes::window::{Pane, Window};
use crate::{Frontier, LogicalTime};

/// The outputs of a node of windows with keys `K`, records `T` and results `V`.
pub(crate) trait Outputs<K, T, V> {
    /// The node's frontier.
    fn frontier(&self) -> Option<Frontier>;
    /// The run's clock.
    fn now(&self) -> i64;
    /// Sets a timer of the current key.
    fn set_timer(&mut self, name: &'static str, at: TimerAt);
    /// Takes it back.
    fn cancel_timer(&mut self, name: &'static str, at: TimerAt);
    /// Sends a result at its natural time, or at what was promised already: then nothing takes it
    /// for late.
    fn result(&mut self, time: Option<LogicalTime>, key: K, window: Window, value: V, pane: Pane);
    /// Sends a record that came when all its windows were complete.
    fn late(&mut self, key: &K, record: &T);
    /// A window goes, of which results have this time; `open` are the others of the key.
    fn gone(
        &mut self,
        time: LogicalTime,
        key: &K,
        window: Window,
        open: impl Iterator<Item = Window>,
    ) {
        let _ = (time, key, window, open);
    }
}

/// The frontier, as windows go by it. In a loop what the end of a time has sent round is no longer in
/// time for a window that ends with it, whatever has come by the inputs that the node waits for.
#[inline]
pub(crate) fn frontier_of(out: &impl Context) -> Option<Frontier> {
    let frontier = out.frontier();
    if !out.rounds().is_behind_end() {
        return frontier;
    }
    let after = |time: LogicalTime| match time.0.checked_add(1) {
        Some(next) => Frontier::At(LogicalTime(next)),
        None => Frontier::Ended,
    };
    frontier.max(out.time().map(after))
}

/// Sets a timer of the current key that waits, in a loop, for all rounds of its time.
#[inline(always)]
pub(crate) fn set_timer(out: &mut impl Context, name: &'static str, at: TimerAt) {
    match at {
        TimerAt::Event(time) => out.set_timer_at_end(name, time),
        at => out.set_timer(name, at),
    }
}
