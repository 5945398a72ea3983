//! What can go wrong when a graph starts, runs or gets its state back.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::Failure;
use crate::state::StateError;

/// Why a graph does not start.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// It asks for something that this version does not run.
    #[error("graph `{graph}` cannot start: {reason}")]
    Unsupported {
        /// The graph's name.
        graph: String,
        /// What it asks for.
        reason: String,
    },
    /// Its nodes do not fit together as regards time.
    #[error("graph `{graph}` cannot start: {reason}")]
    Untimely {
        /// The graph's name.
        graph: String,
        /// Which edge, why, and what helps.
        reason: String,
    },
    /// It is to be deterministic, and records meet that nothing puts in an order.
    #[error(
        "graph `{graph}` cannot run deterministically: several edges lead to `{node}`, and their \
         records have no times that would order them. Write `#[in_turn]` before one of the edges to \
         take one record of each in turn, or put `event_time` before them"
    )]
    Unordered {
        /// The graph's name.
        graph: String,
        /// The node, or the graph's output, that the edges lead to.
        node: Arc<str>,
    },
    /// There is no tokio runtime.
    #[error(
        "graph `{graph}` was started outside of a tokio runtime: call `start` inside \
         `#[tokio::main]` or `Runtime::block_on`, or run the graph with `inline`"
    )]
    NoRuntime {
        /// The graph's name.
        graph: String,
    },
    /// A policy needs records to be kept that cannot be copied.
    #[error(
        "graph `{graph}` cannot start: failed records of `{node}` are to be tried again or to become \
         dead letters, so they must be `Clone`: derive it for them, or write `#[on_failure(skip)]`"
    )]
    NotKept {
        /// The graph's name.
        graph: String,
        /// The node that heads the stage.
        node: Arc<str>,
    },
    /// A policy of a nested graph, or of a group around one, is over a source and nodes that are in one stage with it.
    #[error(
        "graph `{graph}` cannot start: the failure policy over `{source_node}` is over `{node}`, too, which is in one \
         stage with it, where records whose units fail are not kept: write `#[boundary]` on the edge behind \
         `{source_node}`, or give `{node}` a policy of its own"
    )]
    BehindSource {
        /// The graph's name.
        graph: String,
        /// The source.
        source_node: Arc<str>,
        /// What is behind it.
        node: Arc<str>,
    },
    /// A node on several workers has state that is one value for the node as a whole.
    #[error(
        "graph `{graph}` cannot start: `{node}` runs on several workers, and its state field `{field}` is \
         one `Value` for all records: give the node a key and make the field `Keyed<K, V>`, make it \
         `PerWorker<T>` if each worker is to have its own, or take the node out of `#[workers(..)]`"
    )]
    SingleOnWorkers {
        /// The graph's name.
        graph: String,
        /// The node.
        node: Arc<str>,
        /// Its state field.
        field: String,
    },
    /// What a node on several workers sends is of all its records together (`#[node(single)]`).
    #[error(
        "graph `{graph}` cannot start: `{node}` runs on several workers, each of which gets a share of the \
         records, and what it sends is of all of them together: take the node out of `#[workers(..)]`, or \
         use one that goes by key, as `window` in place of `window_all`"
    )]
    WholeOnWorkers {
        /// The graph's name.
        graph: String,
        /// The node.
        node: Arc<str>,
    },
    /// State that is kept elsewhere ([`Stored`](crate::state::Stored)) cannot be opened.
    #[error("graph `{graph}` cannot start: {error}")]
    State {
        /// The graph's name.
        graph: String,
        /// Of which node and field, where, why not, and what can be done.
        #[source]
        error: StateError,
    },
    /// More is required than holds: see [`Graph::require`](crate::graph::Graph::require).
    #[error("graph `{graph}` cannot start: {reason}")]
    NotGuaranteed {
        /// The graph's name.
        graph: String,
        /// On which path, and what can be done.
        reason: String,
    },
    /// A policy needs unwinding and the program is built without.
    #[error(
        "graph `{graph}` has a failure policy or a severable edge, but the program is built with \
         `panic = \"abort\"`, so a panic ends the process: remove the setting from the profile, or what \
         is to go on after a failure from the graph"
    )]
    PanicAborts {
        /// The graph's name.
        graph: String,
    },
}

/// Why a run did not come to its end.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A unit failed, and with it the graph.
    #[error("graph `{graph}` stopped: {failure}")]
    Failed {
        /// The graph's name.
        graph: String,
        /// The node, its input, the record's position and the cause.
        failure: Arc<Failure>,
    },
    /// No checkpoint can be taken of it.
    #[error("no checkpoint of graph `{graph}`: {reason}")]
    NoCheckpoint {
        /// The graph's name.
        graph: String,
        /// Why not.
        reason: String,
    },
    /// It was aborted before its end.
    #[error(
        "graph `{graph}` was aborted before its end: by `abort`, because its `Running` was dropped, at a \
         savepoint, or with its runtime. Restore the last checkpoint, or that savepoint, to go on from \
         there, and use `drain` where everything is to be handled first"
    )]
    Aborted {
        /// The graph's name.
        graph: String,
    },
    /// Nothing more can happen without time passing or a consumer reading.
    #[error(
        "graph `{graph}` waits: stage `{stage}` has not ended. Read its outputs, close its inputs \
         or advance the clock, then call again"
    )]
    Waiting {
        /// The graph's name.
        graph: String,
        /// The first stage that has not ended.
        stage: Arc<str>,
    },
    /// The clock was moved on again and again, and something was always due.
    #[error(
        "graph `{graph}` is never idle: after moving the clock {moves} times `{stage}` still waits \
         for it. Use `advance` with the time that the test needs"
    )]
    NeverIdle {
        /// The graph's name.
        graph: String,
        /// The stage that is due next.
        stage: Arc<str>,
        /// How often the clock was moved.
        moves: u32,
    },
    /// A simulated node awaits what the simulation does not decide.
    #[error(
        "graph `{graph}` cannot be simulated: node `{node}` awaits something else than its \
         context's futures, so that the seed does not decide when it goes on. Await `sleep`, \
         `timeout` or a call of the context, or give the node a stand-in for what it calls"
    )]
    Foreign {
        /// The graph's name.
        graph: String,
        /// The node that waits.
        node: Arc<str>,
    },
    /// A question to the state of a node has no answer.
    #[error("`{node}` of graph `{graph}` cannot be asked: {reason}")]
    Query {
        /// The graph's name.
        graph: String,
        /// The node's path.
        node: String,
        /// Why not.
        reason: String,
    },
    /// The run did not answer in time.
    #[error(
        "graph `{graph}` did not answer within {limit:?}: `{stage}` is busy, waits for room, or never comes \
         back, and the run goes on. Give it a longer limit, see that the graph's outputs are read, or let \
         `Graph::set_watchdog` stop a handler that hangs"
    )]
    TimedOut {
        /// The graph's name.
        graph: String,
        /// The stage that was waited for.
        stage: Arc<str>,
        /// The limit.
        limit: Duration,
    },
    /// A node's state could not be saved.
    #[error(
        "the state of `{node}` could not be saved, so there is no snapshot; those before it stand, and are \
         what to go on from until this is repaired: {error}"
    )]
    State {
        /// The node's instance path.
        node: Arc<str>,
        /// Why.
        error: Arc<StateError>,
    },
}

impl RunError {
    pub(crate) fn query(graph: &str, node: &str, reason: String) -> Self {
        RunError::Query { graph: graph.to_owned(), node: node.to_owned(), reason }
    }
}

/// Why a snapshot was not restored.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// A node's state does not fit.
    #[error("the saved state of `{node}` was not restored: {error}")]
    State {
        /// The node's instance path.
        node: Arc<str>,
        /// Why.
        #[source]
        error: StateError,
    },
    /// A node has two states: under its name and under one that it had before.
    #[error(
        "the snapshot holds state of `{one}` and of `{other}`, which both are of `{node}` by \
         `renamed_from`: take that attribute away once a checkpoint has the new name, or drop one of \
         them with `Snapshot::remove`"
    )]
    Twice {
        /// The node.
        node: String,
        /// One path in the snapshot.
        one: String,
        /// The other.
        other: String,
    },
    /// No node of the graph has this state.
    #[error(
        "the snapshot holds state of `{node}`, which this graph does not have: write \
         `#[renamed_from = \"..\"]` before the node or the group that it is now, keep it for later with \
         `graph.carry_unclaimed()`, or drop it on purpose with `Snapshot::remove`"
    )]
    Unclaimed {
        /// The instance path in the snapshot.
        node: String,
    },
    /// Records were on their way to a node, and no edge of the graph leads there.
    #[error(
        "records were on their way to `{node}` when the snapshot was taken, and no edge of this graph leads there: \
         let the graph as it was take them in first, and go on from a savepoint of that"
    )]
    InFlight {
        /// The instance path of the node in the snapshot.
        node: String,
    },
}

// `main` shows an error by `Debug`: it is to be read there too.
impl fmt::Debug for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
