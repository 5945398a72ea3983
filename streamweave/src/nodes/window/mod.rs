//! Windows: records of a span of time, summed up.

mod aggregate;
mod assign;
#[cfg(feature = "tz")]
mod calendar;
mod global;
mod session;
mod sliding;
mod span;
mod tumbling;

pub use aggregate::{
    Aggregate, Collect, Count, Distinct, Fold, Max, Mean, Min, Quantiles, Sketch, Sum, Summand,
    Top, collect, count, distinct, fold, max, mean, min, quantiles, sum, top,
};
pub use assign::{WindowAssigner, WindowError};
#[cfg(feature = "tz")]
pub use calendar::CalendarDays;
pub use global::Global;
pub use session::Session;
pub use sliding::Sliding;
pub use span::{Merged, Window};
pub use tumbling::Tumbling;
