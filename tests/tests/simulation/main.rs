//! Graphs under a thousand seeds each, or a quarter of them where they take long, compared with a
//! sequential reference; and the testing kit itself. `STREAMWEAVE_SEEDS=100000` makes a night of it.
#![allow(missing_docs, missing_debug_implementations, clippy::unwrap_used, reason = "tests")]

use std::error::Error;

mod clocks;
mod cuts;
mod deterministic;
mod event_time;
mod failures;
mod graphs;
mod in_flight;
mod in_graphs;
mod kit;
mod loops;
mod nodes;
mod on_workers;
mod other_edges;
mod play;
mod restart;
mod timed;

/// How many seeds each graph is run with.
const SEEDS: u64 = 1000;

type Tested = Result<(), Box<dyn Error>>;

streamweave_tests::broken_variants! {
    NewestFirst => graphs::chain;
    NobodyIsWoken => graphs::buffers_of_one;
    FrontierBeforeTimers => event_time::what_the_frontier_makes_due;
    BarrierWaitsForNobody => cuts::goes_on_from_a_cut;
    InFlightIsLost => in_flight::what_can_be_reached;
    InFlightIsLost => in_flight::what_is_put_aside;
    InFlightIsLost => cuts::goes_on_from_a_cut;
    InFlightByNumber => other_edges::one_that_is_gone_is_told;
    OvertakenIsLost => cuts::goes_on_from_an_unaligned_cut;
    EarlyRoundIsForgotten => in_flight::from_worker_to_worker;
    MergeByArrival => deterministic::where_edges_meet;
    StaleRounds => loops::rounds_of_several_times;
    DroppedBatch => graphs::chain;
    ControlOvertakes => graphs::chain;
    KeyOnTwoWorkers => graphs::workers_by_key;
    LastWorkerWins => on_workers::one_far_ahead;
    SwallowedPanic => failures::a_trapped_record;
    FailedUnitIsSent => failures::a_trapped_record;
    StandingIsLost => failures::a_trapped_record;
    FailureLooksLikeEnd => failures::a_trapped_record;
}
