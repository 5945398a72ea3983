//! By place in the stream: the first, the rest, the changes.

mod dedup;
mod every_nth;
mod skip;
mod skip_while;
mod take;
mod take_while;

pub use dedup::{Dedup, dedup};
pub use every_nth::{EveryNth, every_nth};
pub use skip::{Skip, skip};
pub use skip_while::{SkipWhile, skip_while};
pub use take::{Take, take};
pub use take_while::{TakeWhile, take_while};
