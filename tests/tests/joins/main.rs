//! Joins against all pairs: in any order of arrival, cut anywhere, restored in the middle.
#![allow(clippy::type_complexity, missing_docs, reason = "tests")]

mod dedup;
mod interval;
mod lookup;
mod play;
mod size;
mod temporal;
mod top;
mod undo;
mod window;
mod workers;

type Tested = Result<(), Box<dyn std::error::Error>>;
