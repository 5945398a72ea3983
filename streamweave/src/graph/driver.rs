//! Drives the tasks of a graph on the caller's thread: one after the other, or as chance has it.
//!
//! The tasks are the very futures that run on tokio. What a simulation adds is in which order
//! they are polled, how much the edges hold and how the clock moves: all of it by one seed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as Task, Poll, Wake, Waker};
use std::time::Duration;

use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{oneshot, watch};

use crate::broken::{Broken, broken};
use crate::checkpoint::{CheckpointError, CheckpointStorage};
use crate::engine::{
    ALL_SO_FAR, Alive, Capacity, Cause, Chance, Clock, Counters, Edge, Failure, Note, Probe,
    Signals, StageEnd, states,
};
use crate::graph::barriers::Barriers;
use crate::graph::error::RunError;
use crate::graph::graph::Graph;
use crate::graph::parts::Parts;
use crate::graph::progress::ProgressHandle;
use crate::graph::queries::{Answers, CutQuery, Queries};
use crate::graph::schedule::Schedule;
use crate::graph::snapshot::{CutId, Snapshot};
use crate::node::{BoxFuture, NodeError};
use crate::supervision::Reports;
use crate::time::millis;

/// The tasks of a graph, and what they go by.
pub(crate) struct Driver {
    pub(crate) name: String,
    pub(crate) counters: Arc<Counters>,
    pub(crate) progress: ProgressHandle,
    over: watch::Sender<bool>,
    pub(crate) clock: Clock,
    pub(crate) signals: Signals,
    pub(crate) reports: Reports,
    barriers: Barriers,
    queries: Queries,
    pub(crate) chance: Chance,
    tasks: Vec<Driven>,
    /// In a simulation: the edges, with how much they were built to hold.
    edges: Vec<(Arc<dyn Edge>, Capacity)>,
    schedule: Schedule,
    failed: Option<RunError>,
    parts: Parts,
    /// Why a part of the graph has stopped, where the others go on.
    severed: Option<RunError>,
}

/// A task: a stage, or what feeds and reads the graph.
struct Driven {
    path: Arc<str>,
    /// Of a stage.
    probe: Option<Arc<Probe>>,
    future: Option<BoxFuture<'static, StageEnd>>,
    ready: Arc<Ready>,
    waker: Waker,
}

/// Whether a task has something to do.
struct Ready(AtomicBool);

impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// A clock that is moved on so often before a graph is idle never gets it there.
const MOVES: u32 = 100_000;

impl Driver {
    /// Takes a graph apart: its handles, and what drives it.
    pub(crate) fn new<I, O>(mut graph: Graph<I, O>, chance: Chance) -> (I, O, Self) {
        let barred = graph.barred();
        let Graph {
            name,
            mut planned,
            counters,
            edges,
            inputs,
            outputs,
            flow,
            input_edges,
            reports,
            carried,
            parts,
            ..
        } = graph;
        let (over, is_over) = watch::channel(false);
        let signals = Signals::default();
        let probes =
            planned.iter().map(|stage| (Arc::clone(&stage.path), Arc::clone(&stage.probe)));
        let mut driver = Driver {
            barriers: Barriers::new(
                name.clone(),
                signals.clone(),
                input_edges,
                probes.collect(),
                barred,
                carried,
                Arc::clone(&counters),
            ),
            queries: Queries::of(&mut planned),
            name,
            progress: ProgressHandle::new(&counters, &|path| flow.is_timed(path), is_over),
            over,
            counters,
            clock: Clock::manual(),
            signals,
            reports,
            edges: Vec::new(),
            tasks: Vec::new(),
            schedule: Schedule::new(&chance),
            chance,
            failed: None,
            parts,
            severed: None,
        };
        for stage in planned {
            let (path, probe) = (Arc::clone(&stage.path), Arc::clone(&stage.probe));
            let clock = driver.clock.of(driver.tasks.len());
            let future = stage.run(clock, driver.chance.clone(), &driver.signals, Alive::default());
            driver.add(path, Some(probe), future);
        }
        if driver.chance.is_seeded() {
            for (number, edge) in edges.into_iter().enumerate() {
                let built = edge.capacity();
                edge.set_capacity(driver.chance.capacity(built));
                edge.trace(driver.chance.clone(), number as u32);
                driver.edges.push((edge, built));
            }
        }
        (inputs, outputs, driver)
    }

    fn add(
        &mut self,
        path: Arc<str>,
        probe: Option<Arc<Probe>>,
        future: BoxFuture<'static, StageEnd>,
    ) {
        let ready = Arc::new(Ready(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&ready));
        self.tasks.push(Driven { path, probe, future: Some(future), ready, waker });
    }

    /// Adds a task beside the stages: it feeds the graph, or reads it.
    pub(crate) fn beside(
        &mut self,
        path: &str,
        task: impl FnOnce(Clock, Chance) -> BoxFuture<'static, Result<(), NodeError>>,
    ) {
        let task = task(self.clock.of(self.tasks.len()), self.chance.clone());
        let node: Arc<str> = path.into();
        let future = Box::pin(async move {
            match task.await {
                Ok(()) => StageEnd::Finished,
                Err(error) => {
                    let cause = Cause::Error(error);
                    StageEnd::Failed(Failure::new(node, "feed", 0, cause).into())
                }
            }
        });
        self.add(path.into(), None, future);
    }

    /// Does all there is to do now: until every task waits for input, time or room.
    #[inline]
    pub(crate) fn step(&mut self) -> Result<(), RunError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if self.chance.is_seeded() {
            while let Some(task) = self.pick() {
                self.poll(task)?;
                let ended = self.tasks[task].future.is_none();
                self.chance.note(Note::Ran { task, ended });
            }
            return self.refuse_foreign();
        }
        loop {
            let mut ran = false;
            for index in 0..self.tasks.len() {
                ran |= self.poll(index)?;
            }
            if !ran {
                return Ok(());
            }
        }
    }

    /// Polls a task if it has something to do; whether it had.
    #[inline(always)]
    fn poll(&mut self, index: usize) -> Result<bool, RunError> {
        let task = &mut self.tasks[index];
        if !task.ready.0.load(Ordering::Relaxed) || !task.ready.0.swap(false, Ordering::AcqRel) {
            return Ok(false);
        }
        let Some(future) = &mut task.future else { return Ok(false) };
        if let Poll::Ready(end) = future.as_mut().poll(&mut Task::from_waker(&task.waker)) {
            task.future = None;
            self.ended(index, end)?;
        }
        Ok(true)
    }

    /// A task that has something to do, by chance; now and then an edge changes its size.
    fn pick(&mut self) -> Option<usize> {
        if self.chance.resizes() {
            let edge = self.chance.below(self.edges.len() as u64) as usize;
            if let Some((edge, built)) = self.edges.get(edge) {
                edge.set_capacity(self.chance.capacity(*built));
            }
        }
        let ready = |task: &Driven| task.future.is_some() && task.ready.0.load(Ordering::Acquire);
        self.schedule.pick(&self.chance, self.tasks.iter().map(ready))
    }

    /// Every task waits. A handler that waits for neither the clock nor its edges waits for
    /// something that the seed does not decide.
    fn refuse_foreign(&mut self) -> Result<(), RunError> {
        let foreign = self.tasks.iter().enumerate().find(|(index, task)| {
            task.future.is_some()
                && task.probe.as_ref().is_some_and(|probe| probe.is_awaited())
                && !self.clock.is_awaited_by(*index)
        });
        match foreign {
            None => Ok(()),
            Some((_, task)) => {
                let node = Arc::clone(&task.path);
                self.fail(RunError::Foreign { graph: self.name.clone(), node })
            }
        }
    }

    fn ended(&mut self, task: usize, end: StageEnd) -> Result<(), RunError> {
        let graph = self.name.clone();
        match end {
            StageEnd::Finished => Ok(()),
            StageEnd::Cancelled if self.severed.is_some() => Ok(()),
            StageEnd::Failed(failure)
                if self.parts.are_many() && self.tasks[task].probe.is_some() =>
            {
                // Stages come before all other tasks, and so have their numbers.
                let part = self.parts.with(task);
                self.barriers.sever(&part, &failure);
                self.parts.sever(&part);
                part.iter().for_each(|stage| self.tasks[*stage].future = None);
                self.severed.get_or_insert(RunError::Failed { graph, failure });
                Ok(())
            }
            StageEnd::Failed(failure) => self.fail(RunError::Failed { graph, failure }),
            StageEnd::Cancelled => self.fail(RunError::Aborted { graph }),
        }
    }

    /// The first failure ends the graph: no stage goes on, and what has come through can still be
    /// read. In a simulation the others go on for a while, as tasks of a runtime do.
    fn fail(&mut self, error: RunError) -> Result<(), RunError> {
        if self.failed.is_some() {
            return Ok(());
        }
        self.failed = Some(error.clone());
        let _ = self.over.send(true);
        for _ in 0..self.chance.below(100) {
            let Some(task) = self.pick() else { break };
            self.poll(task)?;
        }
        for task in self.tasks.iter_mut().filter(|task| task.probe.is_some()) {
            task.future = None;
        }
        // Who reads the outputs reads what is there, and those that feed see that it is over.
        let mut ran = true;
        while std::mem::take(&mut ran) {
            for task in 0..self.tasks.len() {
                ran |= self.poll(task)?;
            }
        }
        Err(error)
    }

    /// Moves the clock on, and does what that makes due: at once, or with stops on the way.
    pub(crate) fn advance(&mut self, by: Duration) -> Result<(), RunError> {
        let target = self.clock.now().saturating_add(millis(by));
        if !self.chance.is_seeded() {
            return self.move_clock(target);
        }
        self.step()?;
        loop {
            let due = self.clock.next_due().map_or(target, |due| due.0);
            let at = self.schedule.clock(&self.chance, self.clock.now(), due, target);
            self.move_clock(at)?;
            if at >= target {
                return Ok(());
            }
        }
    }

    fn move_clock(&mut self, at: i64) -> Result<(), RunError> {
        self.clock.move_to(at);
        self.chance.note(Note::Clock(at));
        self.step()
    }

    /// Does all that can be done without more input, and moves the clock on to whatever comes
    /// due, until nothing waits for it any more.
    pub(crate) fn until_idle(&mut self) -> Result<(), RunError> {
        self.step()?;
        for _ in 0..MOVES {
            let Some((due, _)) = self.clock.next_due() else { return Ok(()) };
            let now = self.clock.now();
            let target = due.saturating_add(due.saturating_sub(now));
            let at = self.schedule.clock(&self.chance, now, due, target).max(due);
            self.move_clock(at)?;
        }
        let Some((_, owner)) = self.clock.next_due() else { return Ok(()) };
        let stage = self.tasks.get(owner).map_or_else(|| "?".into(), |task| Arc::clone(&task.path));
        Err(RunError::NeverIdle { graph: self.name.clone(), stage, moves: MOVES })
    }

    /// The first task that has not ended.
    pub(crate) fn waiting(&self) -> Option<Arc<str>> {
        self.tasks.iter().find(|task| task.future.is_some()).map(|task| Arc::clone(&task.path))
    }

    /// A cut through the whole graph; where a handler on its way waits for the clock, that is moved.
    pub(crate) fn cut(&mut self) -> Result<Snapshot, RunError> {
        let epoch = self.barriers.send(None, false)?;
        self.pass(epoch, None)
    }

    /// The same, where the barrier overtakes what it waits for: everywhere, or here and there by chance.
    pub(crate) fn cut_unaligned(&mut self) -> Result<Snapshot, RunError> {
        let epoch = self.barriers.send(None, false)?;
        self.barriers.overtake(epoch, || self.chance.below(2) == 0);
        self.pass(epoch, None)
    }

    /// Has questions answered as of one cut, that overtakes nothing.
    pub(crate) fn ask(&mut self, query: CutQuery) -> Result<(), RunError> {
        let standing = self.barriers.standing();
        let epoch = self.barriers.ask(query.questions(&self.queries, &self.name, standing)?)?;
        self.get_through(epoch, false)
    }

    /// Lets a barrier pass everywhere. Where there is nothing else to wait for, it overtakes.
    fn pass(&mut self, epoch: u64, since: Option<CutId>) -> Result<Snapshot, RunError> {
        self.get_through(epoch, true)?;
        self.barriers.cut(epoch, since)
    }

    fn get_through(&mut self, epoch: u64, mut overtakes: bool) -> Result<(), RunError> {
        self.step()?;
        loop {
            let Some(stage) = self.barriers.missing(epoch) else { return Ok(()) };
            if let Some((due, _)) = self.clock.next_due() {
                self.move_clock(due.max(self.clock.now()))?;
            } else if !std::mem::take(&mut overtakes) {
                return Err(RunError::Waiting { graph: self.name.clone(), stage });
            } else {
                self.barriers.overtake(epoch, || true);
                self.step()?;
            }
        }
    }

    /// Puts a cut into `storage`, and commits what it holds.
    pub(crate) fn checkpoint(
        &mut self,
        storage: &impl CheckpointStorage,
    ) -> Result<u64, CheckpointError> {
        let since = storage.takes_changes_since();
        // Of a run that has come to its end it is the last.
        let is_last = self.barriers.has_settled();
        let epoch = self.barriers.send(since, false)?;
        let snapshot = self.pass(epoch, since)?;
        let committed = if is_last { ALL_SO_FAR } else { epoch };
        if broken(Broken::CommitsBeforeComplete) {
            self.barriers.commits(committed);
            self.step()?;
        }
        let id = storage.publish(&snapshot)?;
        if broken(Broken::CommitsBeforeLog) {
            self.barriers.commits(committed);
            self.step()?;
        }
        storage.will_commit(id)?;
        self.barriers.completes(committed, id);
        self.step()?;
        Ok(id)
    }

    /// Commits everything, once that is all there is to do.
    pub(crate) fn finish(&mut self) -> Result<(), RunError> {
        self.step()?;
        match self.barriers.has_settled() {
            // What waits to commit does so for nothing.
            true if self.severed.is_some() && !broken(Broken::SeveredIsLeftOut) => {
                let stages = self.tasks.iter_mut().filter(|task| task.probe.is_some());
                stages.for_each(|stage| stage.future = None);
            }
            true => self.barriers.commits(ALL_SO_FAR),
            false => {}
        }
        self.step()?;
        match &self.severed {
            Some(error) if self.waiting().is_none() => Err(error.clone()),
            _ => Ok(()),
        }
    }

    pub(crate) fn snapshot(&mut self) -> Result<Snapshot, RunError> {
        let mut asked = Vec::new();
        for probe in self.tasks.iter().filter_map(|task| task.probe.as_ref()) {
            let (tell, told) = oneshot::channel();
            probe.ask(Box::new(move |root| drop(tell.send(states(root)))));
            asked.push((Arc::clone(probe), told));
        }
        self.answer();
        let mut snapshot = self.barriers.carried();
        for (probe, mut told) in asked {
            match told.try_recv() {
                Ok(states) => snapshot.add(&states)?,
                Err(_) => snapshot.add(&probe.at_end().unwrap_or_default())?,
            }
        }
        Ok(snapshot)
    }

    /// See [`Inline::query`](crate::graph::Inline::query).
    pub(crate) fn query<S: 'static, R: Send + 'static>(
        &mut self,
        node: &str,
        read: impl Fn(&S) -> R + Clone + Send + 'static,
    ) -> Result<Answers<R>, RunError> {
        self.step()?;
        let (attempt, durable) = self.barriers.standing();
        let asked = self.queries.ask(node, read);
        self.answer();
        let silent = |error| match error {
            TryRecvError::Empty => Err("it waits in a handler".to_owned()),
            TryRecvError::Closed => Err("it has ended".to_owned()),
        };
        asked
            .and_then(|asked| {
                asked.into_iter().map(|mut told| told.try_recv().unwrap_or_else(silent)).collect()
            })
            .map(|of_each| Answers { attempt, durable, of_each })
            .map_err(|reason| RunError::query(&self.name, node, reason))
    }

    /// Lets all stages answer what they were asked.
    fn answer(&mut self) {
        for task in self.tasks.iter().filter(|task| task.probe.is_some()) {
            task.ready.0.store(true, Ordering::Release);
        }
        // A failure has been told by the step that it happened in.
        let _ = self.step();
    }
}
