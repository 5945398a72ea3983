//! Joins: records of two streams that belong together, by key.
//!
//! Records come with their key in front, as [`key_by`](crate::nodes::key_by) sends them, and so do
//! results. The joins of two streams go by event time, and all but [`window_join`] take strict edges:
//! behind an [`event_time`](crate::nodes::event_time) comes a [`settle`](crate::nodes::settle). Which side
//! comes first never changes the results. No side waits for the other: what cannot be joined yet
//! is kept in saved state, until the frontier says that nothing can match it any more.

mod interval;
mod lookup;
mod pairs;
mod sides;
pub(crate) mod stash;
mod temporal;
mod window;

pub use interval::{IntervalJoin, interval_join};
pub use lookup::{LookupJoin, lookup_join};
pub use sides::{Full, Inner, LeftOuter, RightOuter, Sides};
pub use temporal::{TemporalJoin, temporal_join};
pub use window::{WindowJoin, window_join};
