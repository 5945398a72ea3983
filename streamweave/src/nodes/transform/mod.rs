//! Records one by one: turned, chosen, looked at.

mod filter;
mod filter_map;
mod flat_map;
mod for_each;
mod inspect;
mod map;
mod try_map;

pub use filter::{Filter, filter};
pub use filter_map::{FilterMap, filter_map};
pub use flat_map::{FlatMap, flat_map};
pub use for_each::{ForEach, for_each};
pub use inspect::{Inspect, inspect};
pub use map::{Map, map};
pub use try_map::{TryMap, try_map};
