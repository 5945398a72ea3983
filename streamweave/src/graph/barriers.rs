//! Barriers through a running graph: what is before one is one consistent cut.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;

use crate::broken::{Broken, broken};
use crate::engine::{Counters, Edge, Failure, Probe, Question, Signals};
use crate::graph::error::RunError;
use crate::graph::snapshot::{CutId, Snapshot};

/// What sends barriers, and gathers what the stages tell of them.
pub(crate) struct Barriers {
    graph: String,
    signals: Signals,
    /// The graph's own inputs.
    inputs: Vec<Arc<dyn Edge>>,
    /// The stages, in the order of their counters.
    pub(crate) probes: Vec<(Arc<str>, Arc<Probe>)>,
    /// Why none goes through, if none does.
    barred: Option<String>,
    /// The run, as cuts name it: another for each in this process.
    run: u64,
    epoch: AtomicU64,
    /// The last complete checkpoint; 0 where there is none.
    durable: AtomicU64,
    /// State that no node has, and the line that all snapshots are of.
    carried: Snapshot,
    /// A state field that no checkpoint holds, but only names.
    pub(crate) elsewhere: Option<String>,
    counters: Arc<Counters>,
    /// Why a part of the graph has stopped.
    severed: Mutex<Option<Arc<Failure>>>,
}

impl Barriers {
    pub(crate) fn new(
        graph: String,
        signals: Signals,
        inputs: Vec<Arc<dyn Edge>>,
        probes: Vec<(Arc<str>, Arc<Probe>)>,
        barred: Option<String>,
        mut carried: Snapshot,
        counters: Arc<Counters>,
    ) -> Self {
        static RUNS: AtomicU64 = AtomicU64::new(0);
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        carried.descent.run = Some(run);
        let durable = AtomicU64::new(carried.descent.from.map_or(0, |from| from.id));
        let epoch = AtomicU64::new(0);
        let severed = Mutex::default();
        let elsewhere = None;
        Barriers {
            graph,
            signals,
            inputs,
            probes,
            barred,
            run,
            epoch,
            durable,
            carried,
            elsewhere,
            counters,
            severed,
        }
    }

    fn severed(&self) -> MutexGuard<'_, Option<Arc<Failure>>> {
        self.severed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why a part of the graph has stopped, if one has.
    pub(crate) fn has_severed(&self) -> Option<Arc<Failure>> {
        self.severed().clone()
    }

    /// Whether this stage is in a part that has stopped.
    pub(crate) fn is_severed(&self, stage: usize) -> bool {
        self.probes.get(stage).is_some_and(|(_, probe)| probe.is_severed())
    }

    /// A cut is of the whole graph: asked again when it has been put together.
    pub(crate) fn is_whole(&self) -> Result<(), RunError> {
        match &*self.severed() {
            Some(failure) if !broken(Broken::SeveredIsLeftOut) => {
                let reason = format!(
                    "a part of the graph has failed, which it would not hold: {failure}. What goes on \
                     can be stopped, and all of it begun again from the last checkpoint"
                );
                Err(RunError::NoCheckpoint { graph: self.graph.clone(), reason })
            }
            _ => Ok(()),
        }
    }

    /// Whether barriers go through at all.
    pub(crate) fn check(&self) -> Result<(), RunError> {
        match &self.barred {
            None => Ok(()),
            Some(reason) => {
                let (graph, reason) = (self.graph.clone(), reason.clone());
                Err(RunError::NoCheckpoint { graph, reason })
            }
        }
    }

    /// Sends the next barrier: behind what the graph's inputs have been sent, and what its sources
    /// have given. Where `since` is a cut of this run, changes since then are enough. Behind the `last`
    /// one the stages stand still.
    pub(crate) fn send(&self, since: Option<CutId>, last: bool) -> Result<u64, RunError> {
        self.check()?;
        self.is_whole()?;
        let epoch = self.epoch.fetch_add(1, Ordering::AcqRel) + 1;
        let since = self.own(since).map(|cut| cut.epoch);
        self.probes.iter().for_each(|(_, probe)| probe.expect(epoch, since));
        if last {
            self.probes.iter().for_each(|(_, probe)| probe.stand_behind(epoch));
        }
        self.go(epoch);
        Ok(epoch)
    }

    /// Sends the next barrier for questions alone: by stage, in the order of the probes.
    pub(crate) fn ask(&self, mut questions: Vec<Vec<Question>>) -> Result<u64, RunError> {
        self.check()?;
        let epoch = self.epoch.fetch_add(1, Ordering::AcqRel) + 1;
        questions.resize_with(self.probes.len(), Vec::new);
        let asked = self.probes.iter().zip(questions);
        asked.for_each(|((_, probe), questions)| probe.ask_at(epoch, questions));
        self.go(epoch);
        Ok(epoch)
    }

    fn go(&self, epoch: u64) {
        self.signals.barrier(epoch);
        self.inputs.iter().for_each(|input| input.barrier(epoch));
    }

    /// Lets this barrier overtake what it waits for, at the stages that are chosen.
    pub(crate) fn overtake(&self, epoch: u64, mut at: impl FnMut() -> bool) {
        let chosen = self.probes.iter().filter(|_| at());
        chosen.for_each(|(_, probe)| probe.overtake(epoch));
    }

    /// A cut that changes are known since.
    fn own(&self, since: Option<CutId>) -> Option<CutId> {
        since.filter(|cut| cut.run == self.run)
    }

    /// A snapshot that holds nothing yet but the state that no node has.
    pub(crate) fn carried(&self) -> Snapshot {
        self.carried.clone()
    }

    /// These stages have failed together, and the others go on without them.
    pub(crate) fn sever(&self, stages: &[usize], failure: &Arc<Failure>) {
        let mut severed = self.severed();
        severed.get_or_insert_with(|| Arc::clone(failure));
        stages.iter().for_each(|stage| self.probes[*stage].1.sever());
    }

    /// Closes the graph's own inputs, whoever holds them.
    pub(crate) fn close_inputs(&self) {
        if !broken(Broken::InputsStayOpen) {
            self.inputs.iter().for_each(|input| input.close());
        }
    }

    /// Stages that stand still go on.
    pub(crate) fn go_on(&self) {
        self.probes.iter().for_each(|(_, probe)| probe.stand_behind(0));
    }

    /// In which attempt of the graph this is, and the last complete checkpoint of it, or that it was restored
    /// from.
    pub(crate) fn standing(&self) -> (u64, Option<u64>) {
        let durable = self.durable.load(Ordering::Acquire);
        (self.carried.attempt(), (durable > 0).then_some(durable))
    }

    /// Ready once all stages have committed what the checkpoint of this barrier holds.
    pub(crate) async fn committed(&self, epoch: u64) {
        for (_, probe) in &self.probes {
            probe.commits(epoch).await;
        }
    }

    /// A stage that has not.
    pub(crate) fn uncommitted(&self, epoch: u64) -> Option<Arc<str>> {
        let waits = |probe: &Probe| probe.commits(epoch).now_or_never().is_none();
        let late = self.probes.iter().find(|(_, probe)| waits(probe));
        late.map(|(stage, _)| Arc::clone(stage))
    }

    /// Ready once this barrier has passed all stages.
    pub(crate) async fn passed(&self, epoch: u64) {
        for (_, probe) in &self.probes {
            probe.passes(epoch).await;
        }
    }

    /// The checkpoint of this barrier is complete.
    pub(crate) fn completes(&self, epoch: u64, id: u64) {
        self.durable.store(id, Ordering::Release);
        self.commits(epoch);
    }

    /// What is before this barrier, or everything, is to be committed.
    pub(crate) fn commits(&self, epoch: u64) {
        self.probes.iter().for_each(|(_, probe)| probe.completes(epoch));
    }

    /// Ready once every stage has finished, but for what waits for a complete checkpoint.
    pub(crate) async fn settled(&self) {
        for (_, probe) in &self.probes {
            probe.settles().await;
        }
    }

    /// Whether a stage that has settled waits to be told that all is complete.
    pub(crate) fn waits_to_commit(&self) -> bool {
        self.probes.iter().any(|(_, probe)| probe.is_to_commit())
    }

    /// Whether that is so.
    pub(crate) fn has_settled(&self) -> bool {
        self.probes.iter().all(|(_, probe)| probe.last().is_some())
    }

    /// Whether a stage has failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.probes.iter().any(|(_, probe)| probe.has_failed())
    }

    /// The state of all stages once they have settled.
    pub(crate) fn last(&self) -> Result<Snapshot, RunError> {
        let mut snapshot = self.carried();
        for (_, probe) in &self.probes {
            snapshot.add(&probe.last().unwrap_or_default())?;
        }
        self.is_whole()?;
        Ok(snapshot)
    }

    /// A stage that this barrier has not passed: one that is in a handler or waits for room, if there is
    /// one, as all others may be waiting for that.
    pub(crate) fn missing(&self, epoch: u64) -> Option<Arc<str>> {
        let stages = self.probes.iter().zip(&self.counters.stages);
        let missing = stages.filter(|((_, probe), _)| !probe.has_passed(epoch));
        let missing = missing.min_by_key(|(_, (_, counters))| match counters {
            counters if counters.running() != 0 => 0,
            counters if counters.is_without_room() => 1,
            _ => 2,
        });
        missing.map(|((stage, _), _)| Arc::clone(stage))
    }

    /// The state of all stages that this barrier has passed, as of then: to be taken once.
    pub(crate) fn cut(&self, epoch: u64, since: Option<CutId>) -> Result<Snapshot, RunError> {
        let mut snapshot = self.carried();
        if self.own(since).is_some() {
            snapshot.is_unchanged();
            if broken(Broken::CarriedIsForgotten) {
                let descent = std::mem::take(&mut snapshot).descent;
                snapshot.descent = descent;
            }
        }
        for (stage, probe) in &self.probes {
            let states = probe.take_barrier(epoch).ok_or_else(|| {
                let reason = format!("`{stage}` has passed a later barrier meanwhile");
                RunError::NoCheckpoint { graph: self.graph.clone(), reason }
            })?;
            snapshot.add(&states)?;
        }
        self.is_whole()?;
        snapshot.is_cut(CutId { run: self.run, epoch }, since);
        Ok(snapshot)
    }
}
