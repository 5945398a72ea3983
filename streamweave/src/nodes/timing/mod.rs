//! Times: where they come from, and what happens to what is late.

mod converged;
mod event_time;
mod in_order;
mod messages;
mod seen;
mod settle;
mod sorted;

pub use converged::{Converged, FixedPoint, RoundsOf, converged, rounds};
pub use event_time::{EventTime, event_time, event_time_by};
pub use in_order::{InOrder, in_order, in_order_by};
pub use messages::{Messages, messages};
pub use settle::{Late, Settle, settle};
pub use sorted::{Sorted, sorted};
