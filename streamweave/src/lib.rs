//! Typed stream processing for Rust, as a library.
//!
//! - [`node`](macro@node) makes nodes of structs and functions, [`graph!`] wires them; [`nodes`] and
//!   [`io`] have many ready to use.
//! - [`graph::Graph`] is started on tokio, or stepped inline; [`graph::Running`] is what runs.
//! - [`state`] is what nodes keep; [`checkpoint`] keeps it over restarts.
//! - [`supervision`] says what happens when a unit fails.
//! - [`testing`] simulates graphs under many seeds.
//! - [`prelude`] has the names that every program uses.

/// The program in the README is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// So is the recipe among the rules of time.
#[cfg(doctest)]
#[doc = include_str!("../../docs/semantics.md")]
struct Semantics;

/// And the programs of the guide.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guide.md")]
struct Guide;

/// And the examples of the procedural macros.
#[cfg(doctest)]
#[doc = include_str!("../../streamweave-macros/src/node.md")]
#[doc = include_str!("../../streamweave-macros/src/stable_key.md")]
#[doc = include_str!("../../streamweave-macros/src/event_time.md")]
struct Macros;

#[doc(hidden)]
pub mod broken;
pub mod checkpoint;
pub mod engine;
#[doc(hidden)]
pub mod expansion;
#[cfg(test)]
mod fuzz;
pub mod graph;
pub mod io;
mod lent;
mod macros;
pub mod node;
pub mod nodes;
pub mod prelude;
pub mod state;
pub mod supervision;
pub mod testing;
mod time;

pub use node::{Node, NodeError, NodeResult, catalogue};
pub use state::StableKey;
pub use streamweave_macros::{HasEventTime, StableKey, node};
pub use time::{
    Alignment, Frontier, HasEventTime, LogicalTime, Promise, Rounds, Stamp, StreamMessage,
    Timestamped,
};
