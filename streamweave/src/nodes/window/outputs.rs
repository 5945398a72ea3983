//! What the logic of windows asks of a node's `out`, keyed or not.

use crate::node::TimerAt;
use crate::nodes::window::{Pane, Window};
use crate::{Frontier, LogicalTime};

/// The outputs of a node of windows with keys `K`, records `T` and results `V`.
pub(super) trait Outputs<K, T, V> {
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
}
