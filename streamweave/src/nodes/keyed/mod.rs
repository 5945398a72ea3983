//! By key: what several workers can share.

mod count;
mod distinct;
mod key_by;

pub use count::{Count, count};
pub use distinct::{Distinct, distinct};
pub use key_by::{KeyBy, key_by};
