//! Windows: records of a span of time, summed up.

mod aggregate;
mod assign;
#[cfg(feature = "tz")]
mod calendar;
mod counted;
mod global;
mod handle;
mod keyed;
mod open;
mod outputs;
mod plan;
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
    Top, collect, count, distinct, fold, max, mean, min, quantiles, sum, top,
};
pub use assign::{WindowAssigner, WindowError};
#[cfg(feature = "tz")]
pub use calendar::CalendarDays;
pub use counted::{WindowsByCount, window_by_count};
pub use global::Global;
pub use keyed::{Windows, window};
pub use result::{Accumulation, Pane, WindowResult};
pub use session::Session;
pub use sliding::Sliding;
pub use span::{Merged, Window};
pub use tumbling::Tumbling;
pub use whole::{WindowsOfAll, window_all};
