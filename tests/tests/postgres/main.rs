//! Sinks into PostgreSQL, with a server that each test starts for itself. Where none is installed, the
//! tests say on standard error that they were skipped.
#![allow(missing_docs, missing_debug_implementations, clippy::unwrap_used, reason = "tests")]

mod kills;
mod refusals;
mod restarts;
mod server;
mod types;

type Tested = Result<(), Box<dyn std::error::Error>>;
