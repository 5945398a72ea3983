//! Typed stream processing for Rust.

#[doc(hidden)]
pub mod broken;
pub mod checkpoint;
pub mod engine;
#[doc(hidden)]
pub mod expansion;
pub mod graph;
pub mod io;
mod macros;
pub mod node;
pub mod nodes;
pub mod prelude;
pub mod state;
pub mod testing;
mod time;

pub use node::{Node, NodeError, NodeResult, catalogue};
pub use state::StableKey;
pub use streamweave_macros::{HasEventTime, StableKey, node};
pub use time::{
    Alignment, Frontier, HasEventTime, LogicalTime, Promise, Rounds, Stamp, StreamMessage,
    Timestamped,
};
