//! Time: of records, of streams, and how far a graph has come.

mod align;
mod event;
mod inputs;
mod logical;
mod stamp;

pub(crate) use align::AlignedPlace;
pub use align::Alignment;
pub use event::{EventTimeField, HasEventTime, StreamMessage, Timestamped};
pub(crate) use inputs::{InputState, Inputs, Outlook};
pub use logical::{Frontier, LogicalTime};
pub use stamp::{Promise, Rounds, Stamp};
