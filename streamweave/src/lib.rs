//! Typed stream processing for Rust.

pub mod engine;
pub mod graph;
pub mod node;
pub mod state;
mod time;

pub use node::{Node, NodeError, NodeResult, catalogue};
pub use time::{Frontier, LogicalTime};
