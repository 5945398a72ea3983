//! Time: of records, of streams, and how far a graph has come.

mod align;
mod event;
mod inputs;
mod logical;
mod stamp;

pub(crate) use align::AlignedPlace;
pub use align::Alignment;
pub use event::{EventTimeField, HasEventTime, StreamMessage, Timestamped};
pub(crate) use inputs::{InputState, Inputs, Outlook, Over};
pub use logical::{Frontier, LogicalTime};
pub use stamp::{Promise, Rounds, Stamp};

/// A duration in milliseconds, the unit of every clock here. What is left of one counts as a whole one:
/// who asks for a wait gets no shorter one, and none that is none at all.
pub(crate) fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX)
}
