//! Cases from the test suites of other systems, run on this one, by their kind; docs/semantics.md says which are
//! left out, and why.
#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod assignment;
mod bytewax;
mod cases;
mod flink;
mod joins;
mod merging;
mod operators;
mod progress;
