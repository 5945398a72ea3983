//! By the run's clock: fewer records, or later ones.

mod debounce;
mod delay;
mod rate_limit;
mod sample;
mod throttle;

pub use debounce::{Debounce, debounce};
pub use delay::{Delay, delay};
pub use rate_limit::{RateLimit, rate_limit};
pub use sample::{Sample, sample};
pub use throttle::{Throttle, throttle};
