//! Windows in graphs: against a plain reference that knows all records.
#![allow(missing_docs, missing_debug_implementations, unreachable_pub, reason = "tests")]

mod aggregates;
mod by_clock;
mod by_count;
mod late;
mod order;
mod reference;
mod restored;
mod steps;
mod undone;
mod workers;

type Failure = Box<dyn std::error::Error>;
type Tested = Result<(), Failure>;
