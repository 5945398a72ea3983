//! The library's nodes, by family: each is made by a function of its name, as in
//! `next: map(|n: u64| n + 1)`.
//!
//! Inputs are called `input` and outputs `out` where there is one of each. What a node must not
//! forget is managed state: saved in every snapshot and undone with a failed unit. Records that
//! are kept there are [`Storable`]. All time is the run's clock, in milliseconds: of a duration, what is
//! left of one counts as one, and windows of others are refused.
//!
//! `use streamweave::nodes::*;` brings all of them. The aggregates of windows are in [`window`](mod@window)
//! and some have a node's name: write `window::count()`, and let no glob take them in beside this one.

pub mod aggregate;
pub mod calls;
pub mod combine;
pub mod join;
pub mod keyed;
pub mod rate;
pub mod sequence;
pub mod source;
mod storable;
pub mod timing;
pub mod transform;
pub mod window;

use std::time::Duration;

use crate::node::Context;
use crate::time::millis;
use crate::{NodeError, NodeResult};

pub use aggregate::{chunks, fold, reduce, scan};
pub use calls::async_map;
pub use combine::{To2, To3, To4, merge, route2, route3, route4, split, zip};
pub use join::{interval_join, lookup_join, temporal_join, window_join};
pub use keyed::{Change, count, dedup_within, distinct, key_by, latest_within, scan_by_key, top_n};
pub use rate::{debounce, delay, rate_limit, sample, throttle};
pub use sequence::{dedup, every_nth, skip, skip_while, take, take_while};
pub use source::{from_channel, from_iter, from_stream, interval, retained};
pub use storable::Storable;
pub use timing::{
    Late, converged, event_time, event_time_by, in_order, in_order_by, messages, rounds, settle,
    sorted,
};
pub use transform::{filter, filter_map, flat_map, for_each, inspect, map, try_map};
pub use window::{window, window_all, window_all_by_count, window_around, window_by_count};

/// What a node that asks for the time begins with: in a deterministic run on tokio there is none.
fn needs_clock(out: &impl Context, node: &str) -> NodeResult {
    if out.__clock_moves() {
        return Ok(());
    }
    Err(NodeError::new(format!(
        "`{node}` asks for the time in a deterministic run, in which nothing depends on the clock: \
         leave it out, or run the graph inline, where the clock is moved by hand"
    )))
}

/// Milliseconds of the run's clock as a duration.
fn duration(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}
