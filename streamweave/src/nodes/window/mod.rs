//! Windows: records of a span of time, summed up.
//!
//! ```text
//! window(Tumbling::minutes(1), (count(), max(|hit: &Hit| hit.bytes)))
//!        which windows         what they make of their records
//! ```
//!
//! | windows | |
//! |---|---|
//! | [`Tumbling`], [`Sliding`] | of a fixed size, side by side or overlapping |
//! | [`Session`] | as long as records of a key come |
//! | [`Global`] | one for all of time |
//! | `CalendarDays` | days of a time zone (feature `tz`) |
//! | [`window_by_count()`], [`window_all_by_count()`] | of so many records |
//! | [`window_around()`] | of a fixed size, opened by the records |
//! | [`WindowAssigner`] | your own |
//!
//! (`use streamweave::nodes::window::*;` beside `use streamweave::nodes::*;` leaves `count`,
//! `distinct` and `fold` ambiguous, as there are nodes of these names: write `window::count()`.)
//!
//! | aggregates | |
//! |---|---|
//! | [`count`], [`sum`], [`mean`] | |
//! | [`min`], [`max`], [`top`]; [`min_by`], [`max_by`], [`top_by`] | by the values' own order, or as said |
//! | [`distinct`] | how many different values |
//! | [`quantiles`] | within 1 %, by a [`Sketch`] |
//! | [`fold`] | closures |
//! | [`collect`] | the records themselves |
//! | a tuple of them | all of their results |
//! | [`Aggregate`] | your own |
//!
//! [`window`](window()) sums up by key, [`window_all`] everything. A window sends its result once,
//! when it is complete, unless the node is told otherwise: to keep windows for late records
//! ([`allowed_lateness`](Windows::allowed_lateness), [`late_after`](Windows::late_after)), or to send early results
//! ([`early_after`](Windows::early_after), [`early_every`](Windows::early_every),
//! [`early_every_time`](Windows::early_every_time), [`early_when`](Windows::early_when)). Then [`Accumulation`] says what the results of a window
//! have to do with each other, and [`Pane`] why each was sent.

mod aggregate;
mod around;
mod assign;
mod by_count;
#[cfg(feature = "tz")]
mod calendar;
mod counted;
mod counted_all;
mod global;
mod handle;
mod keyed;
pub(crate) mod made_with;
pub(crate) mod open;
pub(crate) mod outputs;
pub(crate) mod plan;
mod result;
mod session;
mod sliced;
mod slices;
mod sliding;
mod span;
mod tumbling;
mod whole;

pub use aggregate::{
    Aggregate, Collect, Count, Distinct, Fold, Max, Mean, Min, Quantiles, Sketch, Sum, Summand,
    Top, collect, count, distinct, fold, max, max_by, mean, min, min_by, quantiles, sum, top,
    top_by,
};
pub use around::{WindowsAround, window_around};
pub use assign::{WindowAssigner, WindowError};
#[cfg(feature = "tz")]
pub use calendar::CalendarDays;
pub use counted::{WindowsByCount, window_by_count};
pub use counted_all::{WindowsOfAllByCount, window_all_by_count};
pub use global::Global;
pub use keyed::{Windows, window};
pub use result::{Accumulation, Pane, WindowResult};
pub use session::Session;
pub use sliding::Sliding;
pub use span::{Merged, Window};
pub use tumbling::Tumbling;
pub use whole::{WindowsOfAll, window_all};
