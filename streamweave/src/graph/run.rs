//! A graph that runs on tokio.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use crate::engine::{Chance, Clock, Counters, Failure, Metrics, Probe, StageEnd, StopSignal};
use crate::graph::error::RunError;
use crate::graph::graph::Graph;
use crate::graph::mode::ExecutionMode;
use crate::graph::progress::ProgressHandle;
use crate::graph::snapshot::Snapshot;

/// A running graph. Dropping it aborts the run.
pub struct Running<I, O> {
    /// The graph's own inputs.
    pub inputs: I,
    /// The graph's own outputs.
    pub outputs: O,
    run: Run,
}

impl<I, O> fmt::Debug for Running<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("graph", &self.run.name).finish_non_exhaustive()
    }
}

/// The run itself, without the handles.
struct Run {
    name: String,
    counters: Arc<Counters>,
    probes: Vec<(Arc<str>, Arc<Probe>)>,
    progress: ProgressHandle,
    stop: StopSignal,
    ended: watch::Receiver<Option<Ended>>,
    supervisor: AbortHandle,
}

impl Drop for Run {
    fn drop(&mut self) {
        self.supervisor.abort();
    }
}

#[derive(Clone, Debug)]
enum Ended {
    Finished,
    Failed(Arc<Failure>),
    Aborted,
}

/// What a run that came to its end leaves behind.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Summary {
    /// The counters at the end.
    pub metrics: Metrics,
    /// The state of every node at the end.
    pub state: Snapshot,
}

/// How a run stopped.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StopReport {
    /// Whether everything in flight was handled before the time was up.
    pub complete: bool,
    /// The edges on which records were left, with their number; empty when complete.
    pub unflushed: Vec<(Arc<str>, u64)>,
    /// The counters at the end.
    pub metrics: Metrics,
}

impl<I, O> Running<I, O> {
    pub(crate) fn start(graph: Graph<I, O>) -> Self {
        let Graph { name, planned, counters, inputs, outputs, flow, mode, .. } = graph;
        let (over, is_over) = watch::channel(false);
        let progress = ProgressHandle::new(&counters, &|path| flow.is_timed(path), is_over);
        let clock = match mode {
            ExecutionMode::Concurrent => Clock::tokio(),
            ExecutionMode::Deterministic => Clock::standing(),
        };
        let stop = StopSignal::default();
        let probes = planned
            .iter()
            .map(|stage| (Arc::clone(&stage.path), Arc::clone(&stage.probe)))
            .collect();
        let mut stages = JoinSet::new();
        for stage in planned {
            stages.spawn(stage.run(clock.clone(), Chance::default(), &stop));
        }
        let (tell, ended) = watch::channel(None);
        #[allow(clippy::disallowed_methods, reason = "the engine is what spawns")]
        let supervisor = tokio::spawn(supervise(stages, tell, over)).abort_handle();
        let run = Run { name, counters, probes, progress, stop, ended, supervisor };
        Running { inputs, outputs, run }
    }

    /// The counters as of now.
    pub fn metrics(&self) -> Metrics {
        self.run.counters.read()
    }

    /// How far the graph has come: to be asked, cloned, and awaited.
    pub fn progress(&self) -> ProgressHandle {
        self.run.progress.clone()
    }

    /// Whether the run has ended, well or not.
    pub fn has_ended(&self) -> bool {
        self.run.ended.borrow().is_some()
    }

    /// The state of every node, each as of between two of its units: not one cut through the
    /// whole graph.
    ///
    /// # Errors
    /// When a stage does not answer within `limit`, or a node's state does not serialize.
    pub async fn snapshot(&self, limit: Duration) -> Result<Snapshot, RunError> {
        self.run.snapshot(limit).await
    }

    /// Closes the graph's inputs, lets its sources run to their end, and waits until everything
    /// has been handled. What is left in the graph's outputs is dropped: read them first, or
    /// take them out with [`Running::split`].
    ///
    /// # Errors
    /// The failure that stopped the graph.
    pub async fn drain(self) -> Result<Summary, RunError> {
        let Running { inputs, outputs, run } = self;
        drop(inputs);
        drop(outputs);
        run.end().await
    }

    /// The inputs, the outputs and the run as separate values, to be moved into tasks.
    pub fn split(self) -> (I, O, Running<(), ()>) {
        let Running { inputs, outputs, run } = self;
        (inputs, outputs, Running { inputs: (), outputs: (), run })
    }

    /// Closes the graph's inputs; its outputs end once everything has been handled.
    pub fn close_inputs(self) -> Running<(), O> {
        let Running { inputs, outputs, run } = self;
        drop(inputs);
        Running { inputs: (), outputs, run }
    }

    /// Tells sources to stop, closes the inputs and waits until everything in flight has been
    /// handled, but no longer than `limit`; then what still runs is aborted.
    ///
    /// # Errors
    /// The failure that stopped the graph.
    pub async fn stop(self, limit: Duration) -> Result<StopReport, RunError> {
        let Running { inputs, outputs, run } = self;
        run.stop.set();
        drop(inputs);
        drop(outputs);
        let complete = match tokio::time::timeout(limit, run.end()).await {
            Ok(ended) => {
                ended?;
                true
            }
            Err(_) => false,
        };
        let metrics = run.counters.read();
        let waiting = metrics.edges.iter().filter(|edge| edge.waiting > 0 && !complete);
        let unflushed = waiting.map(|edge| (Arc::clone(&edge.path), edge.waiting)).collect();
        Ok(StopReport { complete, unflushed, metrics })
    }

    /// Stops at once; what is in flight is lost.
    pub fn abort(self) {
        drop(self);
    }
}

impl Run {
    async fn end(&self) -> Result<Summary, RunError> {
        let mut ended = self.ended.clone();
        let ended = match ended.wait_for(Option::is_some).await {
            Ok(ended) => ended.clone().unwrap_or(Ended::Aborted),
            Err(_) => Ended::Aborted,
        };
        let graph = self.name.clone();
        match ended {
            Ended::Finished => {
                let mut state = Snapshot::default();
                for (_, probe) in &self.probes {
                    state.add(probe.take(0).unwrap_or_default())?;
                }
                Ok(Summary { metrics: self.counters.read(), state })
            }
            Ended::Failed(failure) => Err(RunError::Failed { graph, failure }),
            Ended::Aborted => Err(RunError::Aborted { graph }),
        }
    }

    async fn snapshot(&self, limit: Duration) -> Result<Snapshot, RunError> {
        let asked: Vec<u64> = self.probes.iter().map(|(_, probe)| probe.ask()).collect();
        let mut snapshot = Snapshot::default();
        let deadline = tokio::time::Instant::now() + limit;
        for ((stage, probe), asked) in self.probes.iter().zip(asked) {
            let answered = tokio::time::timeout_at(deadline, probe.answered(asked)).await;
            let Ok(states) = answered else {
                return Err(RunError::TimedOut {
                    graph: self.name.clone(),
                    stage: Arc::clone(stage),
                    limit,
                });
            };
            snapshot.add(states)?;
        }
        Ok(snapshot)
    }
}

/// Waits for the stages: the first failure ends them all.
async fn supervise(
    mut stages: JoinSet<StageEnd>,
    tell: watch::Sender<Option<Ended>>,
    over: watch::Sender<bool>,
) {
    let mut cancelled = false;
    let mut ended = Ended::Finished;
    while let Some(stage) = stages.join_next().await {
        match stage {
            Ok(StageEnd::Finished) => {}
            Ok(StageEnd::Cancelled) => cancelled = true,
            Ok(StageEnd::Failed(failure)) => {
                tracing::error!(node = &*failure.node, input = failure.input, "{failure}");
                ended = Ended::Failed(failure);
                break;
            }
            Err(error) => {
                // The engine's own code panicked: it must not look like an end of input.
                ended = Ended::Failed(Arc::new(Failure::of_engine(error)));
                break;
            }
        }
    }
    if cancelled && matches!(ended, Ended::Finished) {
        ended = Ended::Aborted;
    }
    // Not awaited: a node that blocks its thread must not keep the report back.
    stages.abort_all();
    stages.detach_all();
    let _ = tell.send(Some(ended));
    let _ = over.send(true);
}
