//! Graphs under a thousand seeds each, compared with a sequential reference; and the testing kit
//! itself. `STREAMWEAVE_SEEDS=100000` makes a night of it.
#![allow(missing_docs, missing_debug_implementations, clippy::unwrap_used, reason = "tests")]

use std::error::Error;

mod event_time;
mod failures;
mod graphs;
mod kit;
mod loops;
mod nodes;
mod play;
mod restart;
mod timed;

/// How many seeds each graph is run with.
const SEEDS: u64 = 1000;

type Tested = Result<(), Box<dyn Error>>;
