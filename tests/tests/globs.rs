//! The library's modules as globs, side by side: no name that programs use is ambiguous. The
//! aggregates of windows come by their module, as nodes are called `count`, `distinct` and `fold` too.
#![allow(missing_docs, reason = "a test")]
#![allow(unused_imports, reason = "which module has which name is what is tested")]

use std::time::Duration;

use streamweave::checkpoint::*;
use streamweave::graph::*;
use streamweave::io::*;
use streamweave::node::*;
use streamweave::nodes::*;
use streamweave::prelude::*;
use streamweave::state::*;
use streamweave::supervision::*;
use streamweave::testing::*;
use streamweave::*;

use streamweave::nodes::window::{
    Accumulation, Aggregate, Global, Pane, Session, Sliding, Tumbling, WindowAssigner, max, min,
    sum,
};

/// A node that is written with the names of the prelude and of the state.
#[node(key = u64)]
struct Totals {
    #[input(key = |n| n)]
    numbers: u64,
    #[output]
    out: u64,
    #[state]
    totals: Keyed<u64, u64>,
    #[state]
    seen: Value<u64>,
}

impl TotalsHandlers for Totals {
    fn on_numbers(&self, state: &mut TotalsState, n: u64, out: &mut impl TotalsOut) -> NodeResult {
        *state.seen.get_mut() += 1;
        let total = state.totals.entry(n);
        *total += n;
        out.out(*total);
        Ok(())
    }
}

#[test]
fn nodes_and_aggregates_of_one_name() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let aggregates = (window::count(), window::distinct(|n: &u64| *n), sum(|n: &u64| *n));
    let more = (
        max(|n: &u64| *n),
        min(|n: &u64| *n),
        window::fold(0, |a: &mut u64, n: &u64| *a += n, |a: &mut u64, b: &u64| *a += b),
    );
    let graph = graph! {
        numbers: from_iter([1_u64, 2, 2]),
        timed: event_time_by(|n: &u64| LogicalTime(*n as i64)).disorder(Duration::ZERO),
        windows: window_all(Tumbling::seconds(1), aggregates),
        others: window_all(Tumbling::seconds(1), more),
        totals: Totals {},
        keyed: key_by(|n: &u64| *n),
        counts: count(),
        firsts: distinct(),
        all: fold(0, |sum: &mut u64, n: u64| *sum += n),
        numbers.out => [timed.input, totals.numbers, keyed.input, firsts.input, all.input],
        timed.out => [windows.input, others.input],
        keyed.out => counts.input,
        windows.out => graph.windows,
        others.out => graph.others,
        totals.out => graph.totals,
        counts.out => graph.counts,
        firsts.out => graph.firsts,
        all.out => graph.all,
    };
    let mut run = graph.inline()?;
    run.step()?;
    let counts: Vec<_> = std::iter::from_fn(|| run.outputs.counts.try_recv()).collect();
    assert_eq!(counts, [(1, 1), (2, 1), (2, 2)]);
    let window = run.outputs.windows.try_recv().map(|window| window.value);
    assert_eq!(window, Some((3, 2, 5)));
    Ok(())
}

#[test]
fn names_of_the_other_modules() {
    let _: fn(FileLines) -> FileLines = |lines| lines;
    let _: std::result::Result<FileCheckpointStorage, CheckpointError> =
        FileCheckpointStorage::open("");
    let _: Option<(Simulation, Snapshot, RunError, BadRecord, DeadLetter<u64>)> = None;
    let _: Option<(FailureReport, SupervisionPolicy, ExecutionMode, Frontier)> = None;
}
