//! By key: what several workers can share.

mod change;
mod count;
mod dedup_within;
mod distinct;
mod key_by;
mod latest_within;
mod scan_by_key;
mod top_n;

pub use change::Change;
pub use count::{Count, count};
pub use dedup_within::{DedupWithin, dedup_within};
pub use distinct::{Distinct, distinct};
pub use key_by::{KeyBy, key_by};
pub use latest_within::{LatestWithin, latest_within};
pub use scan_by_key::{ScanByKey, scan_by_key};
pub use top_n::{TopN, top_n};
