//! Timers: what handlers set, and what comes due.

use crate::time::LogicalTime;

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
