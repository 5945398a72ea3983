//! Sources in memory.

mod from_iter;
mod from_stream;
mod interval;
mod retained;

pub use from_iter::{FromIter, from_iter};
pub use from_stream::{FromStream, Received, from_channel, from_stream};
pub use interval::{Interval, interval};
pub use retained::{FromRetained, Retained, RetainedSender, retained};
