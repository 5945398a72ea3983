//! A graph that runs on tokio.

mod asking;
mod saving;

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, FutureExt, TryFutureExt, select};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use crate::checkpoint::{CheckpointError, CheckpointStorage};
use crate::engine::{Chance, Clock, Counters, Failure, Metrics, Signals};
use crate::graph::barriers::Barriers;
use crate::graph::cuts::Cuts;
use crate::graph::ending::{Severing, supervise};
use crate::graph::error::RunError;
use crate::graph::graph::Graph;
use crate::graph::intervals::Checkpoints;
use crate::graph::life::Life;
use crate::graph::mode::ExecutionMode;
use crate::graph::progress::ProgressHandle;
use crate::graph::queries::{Answers, CutQuery, Queries};
use crate::graph::snapshot::Snapshot;
use crate::graph::watchdog::Watchdog;
use crate::supervision::{FailureReports, Reports};
use crate::time::LogicalTime;

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

/// Until when a caller waits, which is no time of the run.
#[allow(clippy::disallowed_methods, reason = "the run's clock does not decide how long")]
fn deadline(limit: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(limit).unwrap_or(now + Duration::from_secs(86_400 * 365))
}

/// The run itself, without the handles.
struct Run {
    name: String,
    counters: Arc<Counters>,
    queries: Queries,
    cuts: Arc<Cuts>,
    progress: ProgressHandle,
    reports: Reports,
    signals: Signals,
    ended: watch::Receiver<Option<Ended>>,
    supervisor: AbortHandle,
    life: Life,
}

impl Drop for Run {
    fn drop(&mut self) {
        self.supervisor.abort();
    }
}

#[derive(Clone, Debug)]
pub(super) enum Ended {
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
    pub(crate) fn start(mut graph: Graph<I, O>) -> Self {
        let (barred, elsewhere) = (graph.barred(), graph.elsewhere());
        let Graph {
            name,
            mut planned,
            counters,
            inputs,
            outputs,
            flow,
            mode,
            watchdog,
            turn,
            input_edges,
            reports,
            carried,
            parts,
            ..
        } = graph;
        let (over, is_over) = watch::channel(false);
        let progress = ProgressHandle::new(&counters, &|path| flow.is_timed(path), is_over);
        let clock = match mode {
            ExecutionMode::Concurrent => Clock::tokio(),
            ExecutionMode::Deterministic => Clock::standing(),
        };
        let signals = Signals::default();
        let probes = planned
            .iter()
            .map(|stage| (Arc::clone(&stage.path), Arc::clone(&stage.probe)))
            .collect();
        let queries = Queries::of(&mut planned);
        let (tell, ended) = watch::channel(None);
        let mut barriers = Barriers::new(
            name.clone(),
            signals.clone(),
            input_edges,
            probes,
            barred,
            carried,
            Arc::clone(&counters),
        );
        barriers.elsewhere = elsewhere;
        let cuts = Arc::new(Cuts::new(name.clone(), barriers, ended.clone()));
        let stages = counters.stages.clone();
        let barriers = Arc::clone(&cuts.barriers);
        let watchdog = Watchdog { stages, limit: watchdog, barriers };
        let (life, lives) = Life::of(&cuts);
        let mut stages = JoinSet::new();
        let mut tasks = Vec::new();
        for (number, mut stage) in planned.into_iter().enumerate() {
            stage.turn = turn;
            let alive = lives.alive.clone();
            let stage = stage.run(clock.clone(), Chance::default(), &signals, alive);
            let stage = lives.clone().while_runs(stage).map(move |end| (number, end));
            #[allow(clippy::disallowed_methods, reason = "the engine is what spawns")]
            tasks.push(stages.spawn(stage));
        }
        let severing = Severing { parts, tasks, barriers: Arc::clone(&cuts.barriers) };
        let supervise = supervise(stages, severing, watchdog, tell, over, life.clone());
        #[allow(clippy::disallowed_methods, reason = "the engine is what spawns")]
        let supervisor = tokio::spawn(supervise).abort_handle();
        let run = Run {
            name,
            counters,
            queries,
            cuts,
            progress,
            reports,
            signals,
            ended,
            supervisor,
            life,
        };
        Running { inputs, outputs, run }
    }

    /// What outlives it.
    pub(super) fn life(&self) -> Life {
        self.run.life.clone()
    }

    /// The counters as of now.
    pub fn metrics(&self) -> Metrics {
        self.run.counters.read()
    }

    /// How far the graph has come: to be asked, cloned, and awaited.
    pub fn progress(&self) -> ProgressHandle {
        self.run.progress.clone()
    }

    /// The failures that policies treat, as they come: from the start of the run on for who asks
    /// first, from then on for others. They end with the run.
    ///
    /// ```
    /// use streamweave::prelude::*;
    /// use streamweave::supervision::OnFailure;
    ///
    /// #[node]
    /// fn parse(line: String) -> Result<u64, std::num::ParseIntError> {
    ///     line.parse()
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let graph = graph! {
    ///     #[on_failure(skip)]
    ///     parse: Parse,
    ///     graph.lines => parse.input,
    ///     parse.out   => graph.numbers,
    /// };
    /// let run = graph.start()?;
    /// let mut failures = run.failures();
    /// run.inputs.lines.send("two".to_owned()).await?;
    /// run.drain().await?;
    /// let report = failures.recv().await.expect("one failure");
    /// assert_eq!(report.on_failure, OnFailure::Skip);
    /// assert_eq!(&*report.failure.node, "parse");
    /// assert!(failures.recv().await.is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub fn failures(&self) -> FailureReports {
        self.run.reports.read()
    }

    /// Whether the run has ended, well or not: all is handled, and what commits with checkpoints has committed all.
    /// It has by the first checkpoint that is taken once everything else is done, or by [`Running::drain`].
    pub fn has_ended(&self) -> bool {
        // Of a run that was aborted nobody is left to tell it.
        self.run.ended.borrow().is_some() || self.run.ended.has_changed().is_err()
    }

    /// Closes the graph's inputs, clones and [split](Running::split) ones included, lets its sources run
    /// to their end, and waits until everything has been handled. Who still sends is refused
    /// ([`SendError::Stopped`](crate::graph::SendError::Stopped)). What is left in the graph's outputs is dropped: read them first, or
    /// take them out with [`Running::split`].
    ///
    /// Of a run that has taken checkpoints, what is committed with them (by nodes with `#[node(commits)]`) is
    /// in a last one, in the same storage, before it is committed: so that the next run can go on from there. In any
    /// other run it is committed without one.
    ///
    /// # Errors
    /// The failure that stopped the graph, or what went wrong with that checkpoint
    /// ([`RunError::NoCheckpoint`]): then nothing of it is committed.
    pub async fn drain(self) -> Result<Summary, RunError> {
        let Running { inputs, outputs, run } = self;
        drop((inputs, outputs));
        run.close_inputs();
        run.end().await
    }

    /// As [`Running::drain`], with the state at the end as the last checkpoint in `storage`, whatever there is to
    /// commit: a run that is restored from it has nothing left to do. It waits for the storage without a limit.
    ///
    /// # Errors
    /// The failure that stopped the graph, or what went wrong with the checkpoint: then nothing of
    /// it is committed.
    pub async fn drain_into<S>(self, storage: &S) -> Result<Summary, CheckpointError>
    where
        S: CheckpointStorage + Clone + 'static,
    {
        let Running { inputs, outputs, run } = self;
        drop((inputs, outputs));
        run.close_inputs();
        run.end_into(storage).await
    }

    /// As [`Running::drain_into`], of a run whose sources are told to stop where they are.
    ///
    /// # Errors
    /// As [`Running::drain_into`].
    pub async fn stop_into<S>(self, storage: &S) -> Result<Summary, CheckpointError>
    where
        S: CheckpointStorage + Clone + 'static,
    {
        self.run.signals.stop();
        self.drain_into(storage).await
    }

    /// The inputs, the outputs and the run as separate values, to be moved into tasks.
    pub fn split(self) -> (I, O, Running<(), ()>) {
        let Running { inputs, outputs, run } = self;
        (inputs, outputs, Running { inputs: (), outputs: (), run })
    }

    /// Closes the graph's inputs, clones included; its outputs end once everything has been handled.
    pub fn close_inputs(self) -> Running<(), O> {
        let Running { inputs, outputs, run } = self;
        drop(inputs);
        run.close_inputs();
        Running { inputs: (), outputs, run }
    }

    /// Tells sources to stop, closes the inputs as [`Running::drain`] does and waits until everything in
    /// flight has been handled, but no longer than `limit`; then what still runs is aborted. What is committed
    /// with checkpoints is so as [`Running::drain`] does it.
    ///
    /// # Errors
    /// As [`Running::drain`].
    pub async fn stop(self, limit: Duration) -> Result<StopReport, RunError> {
        let Running { inputs, outputs, run } = self;
        run.signals.stop();
        drop((inputs, outputs));
        run.close_inputs();
        let complete = match tokio::time::timeout(limit, run.end()).await {
            Ok(ended) => {
                ended?;
                true
            }
            Err(_) => false,
        };
        let metrics = run.counters.read();
        if !complete {
            run.give_up().await;
        }
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
    /// Closes the graph's inputs, clones and those that were [split](Running::split) off included.
    fn close_inputs(&self) {
        self.cuts.barriers.close_inputs();
    }

    /// Waits for the end, at which everything is committed.
    async fn end(&self) -> Result<Summary, RunError> {
        if let Err(error) = self.cuts.finish(None).await {
            self.give_up().await;
            let reason = format!("{error}. Nothing behind the checkpoint before is committed");
            return Err(RunError::NoCheckpoint { graph: self.name.clone(), reason });
        }
        self.ended().await
    }

    /// As [`Run::end`], with the state at the end in `storage` before anything is committed.
    async fn end_into<S>(&self, storage: &S) -> Result<Summary, CheckpointError>
    where
        S: CheckpointStorage + Clone + 'static,
    {
        if let Err(error) = self.cuts.finish(Some(Arc::new(storage.clone()))).await {
            self.give_up().await;
            return Err(error);
        }
        Ok(self.ended().await?)
    }

    /// Stops at once, and lets go of what it holds.
    async fn give_up(&self) {
        self.supervisor.abort();
        self.life.lets_go().await;
    }

    async fn ended(&self) -> Result<Summary, RunError> {
        let ended = self.cuts.ended().await;
        let graph = self.name.clone();
        match ended {
            Ended::Finished => {
                let mut state = self.cuts.barriers.carried();
                for (_, probe) in &self.cuts.barriers.probes {
                    state.add(&probe.at_end().unwrap_or_default())?;
                }
                Ok(Summary { metrics: self.counters.read(), state })
            }
            Ended::Failed(failure) => Err(RunError::Failed { graph, failure }),
            Ended::Aborted => Err(RunError::Aborted { graph }),
        }
    }

    async fn query<S: 'static, R: Send + 'static>(
        &self,
        node: &str,
        (deadline, limit): (Instant, Duration),
        read: impl Fn(&S) -> R + Clone + Send + 'static,
    ) -> Result<Answers<R>, RunError> {
        let refused = |reason| RunError::query(&self.name, node, reason);
        let (attempt, durable) = self.cuts.barriers.standing();
        let mut of_each = Vec::new();
        for answer in self.queries.ask(node, read).map_err(refused)? {
            let answered = pin!(tokio::time::timeout_at(deadline, answer.map_err(drop)));
            let answered = match select(answered, pin!(self.cuts.ended())).await {
                Either::Left((answered, _)) => answered,
                // It may have answered all the same.
                Either::Right((_, answered)) => answered.now_or_never().unwrap_or(Ok(Err(()))),
            };
            match answered {
                Ok(Ok(said)) => of_each.push(said.map_err(refused)?),
                Ok(Err(_)) => return Err(refused("it has ended".to_owned())),
                Err(_) => {
                    let (graph, stage) = (self.name.clone(), node.into());
                    return Err(RunError::TimedOut { graph, stage, limit });
                }
            }
        }
        Ok(Answers { attempt, durable, of_each })
    }
}
