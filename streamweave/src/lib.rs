//! Typed stream processing for Rust.

pub mod engine;
pub mod graph;
pub mod node;
pub mod state;
mod time;

pub use node::{Node, NodeError, NodeResult, catalogue};
pub use time::{Frontier, LogicalTime};

#[doc(hidden)]
pub mod __private {
    pub use streamweave_macros::__graph;
}

/// Builds a graph, or declares one as a node.
#[macro_export]
macro_rules! graph {
    ($($tokens:tt)*) => { $crate::__private::__graph! { ($crate) $($tokens)* } };
}
