//! The units that no record asks for.

use crate::time::{Promise, Stamp};

/// What a timer's unit is called.
pub(crate) const ON_TIMER: &str = "on_timer";

/// Whether a unit that is called so in a failure was no record's.
pub(crate) fn is_phase(input: &str) -> bool {
    ["on_start", ON_TIMER, "on_frontier", "on_stop", "on_checkpoint", "on_complete"]
        .contains(&input)
}

/// A unit that no record asked for.
#[derive(Debug)]
pub(crate) enum Due<K> {
    Start,
    /// With what it waited for, if that was not the clock.
    Timer(crate::node::Timer<K>, Option<Stamp>),
    Frontier(Promise),
    Stop,
    /// What it was restored with is complete.
    Restored,
    /// A checkpoint is about to be taken.
    Checkpoint(u64),
    /// It is complete.
    Complete(u64),
}

impl<K> Due<K> {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Due::Start => "on_start",
            Due::Timer(..) => ON_TIMER,
            Due::Frontier(_) => "on_frontier",
            Due::Stop => "on_stop",
            Due::Checkpoint(_) => "on_checkpoint",
            Due::Complete(_) | Due::Restored => "on_complete",
        }
    }
}
