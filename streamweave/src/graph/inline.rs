//! A graph that its caller steps: for tests, for tight loops, for the smallest latency.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as Task, Poll, Wake, Waker};
use std::time::Duration;

use tokio::sync::watch;

use crate::engine::{Clock, Counters, Metrics, Probe, StageEnd, StopSignal};
use crate::graph::error::RunError;
use crate::graph::graph::Graph;
use crate::graph::progress::ProgressHandle;
use crate::graph::run::Summary;
use crate::graph::snapshot::Snapshot;
use crate::node::BoxFuture;

/// A graph on the caller's thread. Nothing happens but in [`Inline::step`].
pub struct Inline<I, O> {
    /// The graph's own inputs.
    pub inputs: I,
    /// The graph's own outputs.
    pub outputs: O,
    run: InlineRun,
}

impl<I, O> fmt::Debug for Inline<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inline").field("graph", &self.run.name).finish_non_exhaustive()
    }
}

struct InlineRun {
    name: String,
    counters: Arc<Counters>,
    progress: ProgressHandle,
    over: watch::Sender<bool>,
    clock: Clock,
    stop: StopSignal,
    stages: Vec<InlineStage>,
    failed: Option<RunError>,
}

struct InlineStage {
    path: Arc<str>,
    probe: Arc<Probe>,
    task: Option<BoxFuture<'static, StageEnd>>,
    ready: Arc<Ready>,
    waker: Waker,
}

/// Whether a stage has something to do.
struct Ready(AtomicBool);

impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

impl<I, O> Inline<I, O> {
    pub(crate) fn new(graph: Graph<I, O>) -> Self {
        let Graph { name, planned, counters, inputs, outputs, flow, .. } = graph;
        let (over, is_over) = watch::channel(false);
        let progress = ProgressHandle::new(&counters, &|path| flow.is_timed(path), is_over);
        let clock = Clock::manual();
        let stop = StopSignal::default();
        let stages = planned
            .into_iter()
            .map(|stage| {
                let ready = Arc::new(Ready(AtomicBool::new(true)));
                InlineStage {
                    path: Arc::clone(&stage.path),
                    probe: Arc::clone(&stage.probe),
                    task: Some(stage.run(&clock, &stop)),
                    waker: Waker::from(Arc::clone(&ready)),
                    ready,
                }
            })
            .collect();
        let run = InlineRun { name, counters, progress, over, clock, stop, stages, failed: None };
        Inline { inputs, outputs, run }
    }

    /// Does all there is to do now: until every stage waits for input, time or room.
    ///
    /// # Errors
    /// The failure that stopped the graph.
    #[inline]
    pub fn step(&mut self) -> Result<(), RunError> {
        self.run.step()
    }

    /// Moves the clock on, and does what that makes due.
    ///
    /// # Errors
    /// As [`Inline::step`].
    pub fn advance(&mut self, by: Duration) -> Result<(), RunError> {
        self.run.clock.advance(by);
        for stage in &self.run.stages {
            stage.ready.0.store(true, Ordering::Release);
        }
        self.run.step()
    }

    /// The counters as of now.
    pub fn metrics(&self) -> Metrics {
        self.run.counters.read()
    }

    /// How far the graph has come.
    pub fn progress(&self) -> ProgressHandle {
        self.run.progress.clone()
    }

    /// The state of every node. After a failure it is the state at the failure: where changes are
    /// logged, as of before the failed unit.
    ///
    /// # Errors
    /// When a state does not serialize.
    pub fn snapshot(&mut self) -> Result<Snapshot, RunError> {
        self.run.snapshot()
    }

    /// Tells sources to stop; the next steps bring the graph to its end.
    pub fn stop_sources(&mut self) {
        self.run.stop.set();
    }

    /// Closes the graph's inputs, and does all there is to do.
    ///
    /// # Errors
    /// As [`Inline::step`].
    pub fn close_inputs(self) -> Result<Inline<(), O>, RunError> {
        let Inline { inputs, outputs, mut run } = self;
        drop(inputs);
        run.step()?;
        Ok(Inline { inputs: (), outputs, run })
    }

    /// Brings the graph to its end; what is left in its outputs is dropped.
    ///
    /// # Errors
    /// The failure that stopped the graph, or [`RunError::Waiting`] where it waits for time.
    pub fn drain(self) -> Result<Summary, RunError> {
        let Inline { inputs, outputs, mut run } = self;
        drop(inputs);
        drop(outputs);
        run.step()?;
        if let Some(stage) = run.stages.iter().find(|stage| stage.task.is_some()) {
            return Err(RunError::Waiting {
                graph: run.name.clone(),
                stage: Arc::clone(&stage.path),
            });
        }
        Ok(Summary { metrics: run.counters.read(), state: run.snapshot()? })
    }
}

impl InlineRun {
    #[inline]
    fn step(&mut self) -> Result<(), RunError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        loop {
            let mut ran = false;
            for index in 0..self.stages.len() {
                let stage = &mut self.stages[index];
                if !stage.ready.0.load(Ordering::Relaxed)
                    || !stage.ready.0.swap(false, Ordering::AcqRel)
                {
                    continue;
                }
                let Some(task) = &mut stage.task else { continue };
                ran = true;
                if let Poll::Ready(end) = task.as_mut().poll(&mut Task::from_waker(&stage.waker)) {
                    stage.task = None;
                    self.ended(end)?;
                }
            }
            if !ran {
                return Ok(());
            }
        }
    }

    fn ended(&mut self, end: StageEnd) -> Result<(), RunError> {
        let graph = self.name.clone();
        let error = match end {
            StageEnd::Finished => return Ok(()),
            StageEnd::Failed(failure) => RunError::Failed { graph, failure },
            StageEnd::Cancelled => RunError::Aborted { graph },
        };
        // Nobody goes on once one has failed; what has come through can still be read.
        for stage in &mut self.stages {
            stage.task = None;
        }
        self.failed = Some(error.clone());
        let _ = self.over.send(true);
        Err(error)
    }

    fn snapshot(&mut self) -> Result<Snapshot, RunError> {
        let mut snapshot = Snapshot::default();
        let asked: Vec<u64> = self.stages.iter().map(|stage| stage.probe.ask()).collect();
        for stage in &self.stages {
            stage.ready.0.store(true, Ordering::Release);
        }
        // A failure has been told by the step that it happened in.
        let _ = self.step();
        for (stage, asked) in self.stages.iter().zip(asked) {
            snapshot.add(stage.probe.take(asked).unwrap_or_default())?;
        }
        Ok(snapshot)
    }
}
