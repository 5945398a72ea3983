//! Cases from the test suites of other systems, run on this one: every case of every file, by its
//! kind.
#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod assignment;
mod cases;
mod merging;
mod operators;
mod progress;
