//! Counters of nodes and edges: plain in the stage, published once a step.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::engine::Agenda;
use crate::engine::instance::Failures;
use crate::time::Frontier;

/// The counters of one instance of a node, as its stage last published them.
#[derive(Debug, Default)]
pub(crate) struct NodeCounters {
    records_in: AtomicU64,
    records_out: AtomicU64,
    late: AtomicU64,
    timers_dropped: AtomicU64,
    restarts: AtomicU64,
    undone: AtomicU64,
    skipped: AtomicU64,
    dead_letters: AtomicU64,
    gave_up: AtomicU64,
    frontier: watch::Sender<Option<Frontier>>,
    durable: watch::Sender<Option<Frontier>>,
}

impl NodeCounters {
    /// The node has done and sent everything that was due before `frontier`.
    pub(crate) fn completed(&self, frontier: Frontier) {
        raise(&self.frontier, frontier);
    }

    /// The frontier as it rises.
    pub(crate) fn frontier(&self) -> watch::Receiver<Option<Frontier>> {
        self.frontier.subscribe()
    }

    /// A complete checkpoint holds what the node had done when it had completed `frontier`.
    pub(crate) fn covered(&self, frontier: Frontier) {
        raise(&self.durable, frontier);
    }

    /// What complete checkpoints hold, as it rises.
    pub(crate) fn durable(&self) -> watch::Receiver<Option<Frontier>> {
        self.durable.subscribe()
    }

    pub(crate) fn publish<K>(
        &self,
        records_in: u64,
        records_out: u64,
        agenda: &Agenda<K>,
        failures: Failures,
    ) {
        self.records_in.store(records_in, Relaxed);
        self.records_out.store(records_out, Relaxed);
        self.late.store(agenda.late, Relaxed);
        self.timers_dropped.store(agenda.dropped, Relaxed);
        self.restarts.store(failures.restarts, Relaxed);
        self.undone.store(failures.undone, Relaxed);
        self.skipped.store(failures.skipped, Relaxed);
        self.dead_letters.store(failures.letters, Relaxed);
        self.gave_up.store(failures.gave_up, Relaxed);
    }
}

/// Raises what is watched; it never falls.
pub(crate) fn raise(watched: &watch::Sender<Option<Frontier>>, to: Frontier) {
    watched.send_if_modified(|at| {
        let rises = *at < Some(to);
        *at = (*at).max(Some(to));
        rises
    });
}

/// Adds to a counter that has one writer: no locked instruction.
fn add(counter: &AtomicU64, more: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(more), Relaxed);
}

/// The counters of a stage: the time it worked, and the time it waited for room downstream.
#[derive(Debug, Default)]
pub(crate) struct StageCounters {
    steps: AtomicU64,
    /// The number of the step that is being made, from 1; 0 between two.
    running: AtomicU64,
    busy_nanos: AtomicU64,
    backpressured_nanos: AtomicU64,
    /// Runs while the stage waits for room.
    waits: Mutex<Option<Stopwatch>>,
}

impl StageCounters {
    /// A step begins.
    pub(crate) fn begins(&self) {
        self.running.store(self.steps.load(Relaxed) + 1, Relaxed);
    }

    /// The step that is being made; 0 for none.
    pub(crate) fn running(&self) -> u64 {
        self.running.load(Relaxed)
    }

    /// No step is being made any more, however the last one ended.
    pub(crate) fn ends(&self) {
        self.running.store(0, Relaxed);
    }

    /// A step has ended, after so many nanoseconds.
    pub(crate) fn step(&self, busy: u64) {
        self.running.store(0, Relaxed);
        add(&self.steps, 1);
        self.worked(busy);
    }

    /// It has worked for so many nanoseconds more.
    pub(crate) fn worked(&self, busy: u64) {
        add(&self.busy_nanos, busy);
    }

    /// The stage waits for room downstream.
    pub(crate) fn waits_for_room(&self) {
        *lock(&self.waits) = Some(Stopwatch::start());
    }

    /// Whether it waits for room downstream.
    pub(crate) fn is_without_room(&self) -> bool {
        lock(&self.waits).is_some()
    }

    /// There is room again.
    pub(crate) fn has_room(&self) {
        if let Some(watch) = lock(&self.waits).take() {
            add(&self.backpressured_nanos, watch.nanos());
        }
    }

    fn read(&self, path: &Arc<str>) -> StageMetrics {
        let waits = lock(&self.waits);
        let waiting = waits.as_ref().map_or(0, Stopwatch::nanos);
        let backpressured = self.backpressured_nanos.load(Relaxed) + waiting;
        StageMetrics {
            path: Arc::clone(path),
            batches: self.steps.load(Relaxed),
            busy: Duration::from_nanos(self.busy_nanos.load(Relaxed)),
            backpressured: Duration::from_nanos(backpressured),
        }
    }
}

fn lock(waits: &Mutex<Option<Stopwatch>>) -> MutexGuard<'_, Option<Stopwatch>> {
    waits.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The counters of an edge between stages.
#[derive(Debug)]
pub(crate) struct EdgeCounters {
    /// The input that the edge leads to.
    pub(crate) path: Arc<str>,
    records: AtomicU64,
    batches: AtomicU64,
    waiting: AtomicU64,
    /// Of what was taken out, what waits for its units.
    held: AtomicU64,
    discarded: AtomicU64,
}

impl EdgeCounters {
    pub(crate) fn new(path: Arc<str>) -> Self {
        EdgeCounters {
            path,
            records: AtomicU64::default(),
            batches: AtomicU64::default(),
            waiting: AtomicU64::default(),
            held: AtomicU64::default(),
            discarded: AtomicU64::default(),
        }
    }

    pub(crate) fn discarded(&self, records: u64) {
        self.discarded.fetch_add(records, Relaxed);
    }

    pub(crate) fn read(&self) -> EdgeMetrics {
        EdgeMetrics {
            path: Arc::clone(&self.path),
            records: self.records.load(Relaxed),
            batches: self.batches.load(Relaxed),
            waiting: self.waiting.load(Relaxed) + self.held.load(Relaxed),
            discarded: self.discarded.load(Relaxed),
        }
    }

    /// Records sent so far.
    pub(crate) fn total(&self) -> u64 {
        self.records.load(Relaxed)
    }

    pub(crate) fn sent(&self, records: u64, waiting: u64) {
        add(&self.records, records);
        add(&self.batches, 1);
        self.waiting.store(waiting, Relaxed);
    }

    /// A record was put into the batch that waits last, or began one. The edge may have several
    /// senders: said under its lock.
    pub(crate) fn pushed(&self, begins: bool, waiting: u64) {
        add(&self.records, 1);
        add(&self.batches, u64::from(begins));
        self.waiting.store(waiting, Relaxed);
    }

    pub(crate) fn held(&self, records: usize) {
        self.held.store(records as u64, Relaxed);
    }

    pub(crate) fn waiting(&self, records: u64) {
        self.waiting.store(records, Relaxed);
    }
}

/// Measures how long something takes. No result depends on its figures: they are told, and say when others
/// may run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch {
    begun: std::time::Instant,
    /// What of it was spent waiting.
    waited: Duration,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        #[allow(clippy::disallowed_methods, reason = "no result depends on it")]
        Stopwatch { begun: std::time::Instant::now(), waited: Duration::ZERO }
    }

    /// Does not count what `other` has measured.
    pub(crate) fn has_waited(&mut self, other: &Stopwatch) {
        self.waited += other.begun.elapsed();
    }

    pub(crate) fn nanos(&self) -> u64 {
        let took = self.begun.elapsed().saturating_sub(self.waited);
        u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// All counters of a run, by path.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) nodes: Vec<(Arc<str>, Arc<NodeCounters>)>,
    pub(crate) stages: Vec<(Arc<str>, Arc<StageCounters>)>,
    pub(crate) edges: Vec<Arc<EdgeCounters>>,
    /// The frontiers of the graph's outputs, as their reader has seen them.
    pub(crate) outputs: Vec<(Arc<str>, Arc<watch::Sender<Option<Frontier>>>)>,
    /// The paths of the nodes of which no output is connected.
    pub(crate) sinks: Vec<Arc<str>>,
}

/// What the counters of a run say: see [`Running::metrics`](crate::graph::Running::metrics).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Metrics {
    /// Every instance of every node.
    pub nodes: Vec<NodeMetrics>,
    /// Every stage, called by the path of the node that heads it.
    pub stages: Vec<StageMetrics>,
    /// Every edge between stages, called by the input that it leads to.
    pub edges: Vec<EdgeMetrics>,
}

/// The counters of an instance of a node.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NodeMetrics {
    /// The instance's path.
    pub path: Arc<str>,
    /// Records that it has taken.
    pub records_in: u64,
    /// Records that it has sent, by all connected outputs together.
    pub records_out: u64,
    /// Records that came too late for the node to take them in, whether it sent them elsewhere or
    /// dropped them.
    pub late: u64,
    /// Timers that did not fire because the input had ended: set during the last ones, or waiting
    /// for the clock; but for those of nodes that do at the end what their timers were to do, as windows
    /// of the clock.
    pub timers_dropped: u64,
    /// How often it was restarted after a failure, its own or another's.
    pub restarts: u64,
    /// Units of it that failed and were undone, whatever became of them then.
    pub undone: u64,
    /// Records and timers that were left out because their unit failed.
    pub skipped: u64,
    /// Those that became dead letters.
    pub dead_letters: u64,
    /// How often a policy gave up as it failed: the restarts of the node, or of a group around it, were used
    /// up, and the next one outwards was to decide, or the graph stopped.
    pub gave_up: u64,
}

/// The counters of a stage.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StageMetrics {
    /// The path of the node that heads it.
    pub path: Arc<str>,
    /// Input batches driven.
    pub batches: u64,
    /// The time it worked: without what its asynchronous handlers waited for. Zero where a run goes
    /// by a clock of its own, which stands while it works: inline, and in simulations.
    pub busy: Duration,
    /// The time it waited for room downstream, until now.
    pub backpressured: Duration,
}

/// The counters of an edge between stages.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EdgeMetrics {
    /// The input that the edge leads to.
    pub path: Arc<str>,
    /// Records sent.
    pub records: u64,
    /// Batches sent.
    pub batches: u64,
    /// Records that wait in it, or for their units where they have come in.
    pub waiting: u64,
    /// Records that nobody read: of an output of the graph whose handle was dropped, or of a
    /// `#[severable]` edge whose other end has failed.
    pub discarded: u64,
}

impl Counters {
    pub(crate) fn read(&self) -> Metrics {
        Metrics {
            nodes: self
                .nodes
                .iter()
                .map(|(path, node)| NodeMetrics {
                    path: Arc::clone(path),
                    records_in: node.records_in.load(Relaxed),
                    records_out: node.records_out.load(Relaxed),
                    late: node.late.load(Relaxed),
                    timers_dropped: node.timers_dropped.load(Relaxed),
                    restarts: node.restarts.load(Relaxed),
                    undone: node.undone.load(Relaxed),
                    skipped: node.skipped.load(Relaxed),
                    dead_letters: node.dead_letters.load(Relaxed),
                    gave_up: node.gave_up.load(Relaxed),
                })
                .collect(),
            stages: self.stages.iter().map(|(path, stage)| stage.read(path)).collect(),
            edges: self.edges.iter().map(|edge| edge.read()).collect(),
        }
    }
}
