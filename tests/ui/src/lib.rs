//! Tests of the messages of `graph!` and `#[node]`; see `tests/`. Here: nodes for their cases, and what is
//! asked of every message.

mod faults;
#[allow(missing_docs, missing_debug_implementations, reason = "test nodes")]
pub mod nodes;

pub use faults::faults;
