//! Stages before they run, with their types forgotten.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::in_flight::InFlight;
use crate::engine::{
    Alive, AnyInlet, AsyncRoot, Chance, Clock, DriveAsync, DriveInlets, Inlets, Instance, Looped,
    Merge, Merging, PopInlets, Probe, Signals, Stage, StageCounters, StageEnd, StageEnv, TURN,
    Wiring, run_calls, run_serial, run_source, run_sync,
};
use crate::graph::flow::base;
use crate::node::{
    BoxFuture, Call, Emitters, InputPort, Lifecycle, LifecycleAsync, Node, Part, Source,
};
use crate::state::StateError;
use crate::supervision::Supervision;
use crate::time::Promise;

/// A stage that can be shown to a visitor, then run.
pub(crate) trait PlannedStage: Send + 'static {
    fn part(&mut self) -> &mut dyn Part;
    /// The ends of the channels that lead to the stage, if any may.
    fn inlets(&mut self) -> Option<&mut dyn Inlets>;
    /// Keeps records until their units stand; whether they can be.
    fn keep(&mut self) -> bool;
    fn run(self: Box<Self>, env: StageEnv, signals: Signals) -> BoxFuture<'static, StageEnd>;
}

/// A stage of synchronous nodes.
pub(crate) struct SyncStage<R, L>(pub(crate) Stage<R, L>);
/// A stage headed by an asynchronous node.
pub(crate) struct SerialStage<N: Node, O, L>(pub(crate) Stage<AsyncRoot<N, O>, L>);
/// A stage headed by a node with many calls in flight.
pub(crate) struct CallStage<N: Node, O, L>(pub(crate) Stage<Instance<N, O>, L>);
/// A stage headed by a source.
pub(crate) struct SourceStage<N: Node, O>(pub(crate) Instance<N, O>);

impl<R: Part, L: DriveInlets<R>> PlannedStage for SyncStage<R, L> {
    fn part(&mut self) -> &mut dyn Part {
        &mut self.0.root
    }
    fn inlets(&mut self) -> Option<&mut dyn Inlets> {
        Some(&mut self.0.inlets)
    }
    fn keep(&mut self) -> bool {
        self.0.inlets.keep(true)
    }
    fn run(self: Box<Self>, env: StageEnv, _: Signals) -> BoxFuture<'static, StageEnd> {
        Box::pin(run_sync(self.0, env))
    }
}

impl<N, O, L> PlannedStage for SerialStage<N, O, L>
where
    N: LifecycleAsync<O>,
    O: Emitters,
    L: DriveAsync<N, O>,
{
    fn part(&mut self) -> &mut dyn Part {
        &mut self.0.root
    }
    fn inlets(&mut self) -> Option<&mut dyn Inlets> {
        Some(&mut self.0.inlets)
    }
    fn keep(&mut self) -> bool {
        self.0.inlets.keep(false)
    }
    fn run(self: Box<Self>, env: StageEnv, _: Signals) -> BoxFuture<'static, StageEnd> {
        Box::pin(run_serial(self.0, env))
    }
}

impl<N, O, L> PlannedStage for CallStage<N, O, L>
where
    N: Call<O> + Lifecycle<O>,
    O: Emitters,
    L: PopInlets<<N as InputPort<0>>::Item>,
{
    fn part(&mut self) -> &mut dyn Part {
        &mut self.0.root
    }
    fn inlets(&mut self) -> Option<&mut dyn Inlets> {
        Some(&mut self.0.inlets)
    }
    fn keep(&mut self) -> bool {
        self.0.inlets.keep(false)
    }
    fn run(self: Box<Self>, env: StageEnv, _: Signals) -> BoxFuture<'static, StageEnd> {
        Box::pin(run_calls(self.0, env))
    }
}

impl<N, O> PlannedStage for SourceStage<N, O>
where
    N: Source<O> + Lifecycle<O>,
    O: Emitters,
{
    fn part(&mut self) -> &mut dyn Part {
        &mut self.0
    }
    fn inlets(&mut self) -> Option<&mut dyn Inlets> {
        None
    }
    fn keep(&mut self) -> bool {
        true
    }
    fn run(self: Box<Self>, env: StageEnv, signals: Signals) -> BoxFuture<'static, StageEnd> {
        Box::pin(run_source(self.0, env, signals))
    }
}

/// A stage, the name it is told by, and what watches it.
pub(crate) struct Planned {
    pub(crate) path: Arc<str>,
    /// Where it is in the flow of times: see [`Flow`](crate::graph::flow::Flow).
    pub(crate) place: String,
    pub(crate) probe: Arc<Probe>,
    counters: Arc<StageCounters>,
    looped: Looped,
    feedback: Vec<bool>,
    severable: Vec<bool>,
    merging: Merging,
    /// The life of the graph, from 1.
    pub(crate) attempt: u64,
    /// How long it works before others run.
    pub(crate) turn: Duration,
    merged: Option<(Option<Promise>, Merge)>,
    supervised: Option<(Supervision, usize)>,
    stage: Box<dyn PlannedStage>,
}

impl fmt::Debug for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Planned").field(&self.path).finish()
    }
}

impl Planned {
    pub(crate) fn new(
        path: Arc<str>,
        place: String,
        counters: Arc<StageCounters>,
        stage: impl PlannedStage,
    ) -> Self {
        Planned {
            path,
            place,
            probe: Arc::default(),
            counters,
            looped: Looped::default(),
            feedback: Vec::new(),
            severable: Vec::new(),
            merging: Merging::default(),
            attempt: 1,
            turn: TURN,
            merged: None,
            supervised: None,
            stage: Box::new(stage),
        }
    }

    /// The stage's tree of nodes.
    pub(crate) fn part(&mut self) -> &mut dyn Part {
        self.stage.part()
    }

    /// The channels at both its ends.
    pub(crate) fn wiring(&mut self) -> Wiring {
        let mut wiring = Wiring::default();
        if let Some(inlets) = self.stage.inlets() {
            inlets.channels(&mut |channel| wiring.inlets.push(channel));
        }
        self.stage.part().outlets(&mut |channel| wiring.outlets.push(channel));
        wiring
    }

    /// The loops that it is part of, or that lead to it.
    pub(crate) fn set_looped(&mut self, looped: Looped) {
        if let Some(inlets) = self.stage.inlets() {
            for (index, exit) in looped.exits.iter().enumerate() {
                if let Some(inlet) = inlets.inlet(index) {
                    inlet.set_exit(*exit);
                }
            }
        }
        self.looped = looped;
    }

    /// Which of its inlets are those of feedback edges.
    pub(crate) fn set_feedback(&mut self, feedback: Vec<bool>) {
        self.feedback = feedback;
    }

    /// Which of its inlets are those of severable edges.
    pub(crate) fn set_severable(&mut self, severable: Vec<bool>) {
        if let Some(inlets) = self.stage.inlets() {
            let of_them = severable.iter().enumerate().filter(|(_, severable)| **severable);
            for (inlet, _) in of_them {
                inlets.inlet(inlet).into_iter().for_each(AnyInlet::discard_on_drop);
            }
        }
        self.severable = severable;
    }

    /// Whether all that may wait at its inlets when a barrier passes can be saved.
    pub(crate) fn can_save(&mut self) -> bool {
        let Some(inlets) = self.stage.inlets() else { return true };
        let merges = self.merging.is_deterministic && inlets.count() > 1;
        (0..inlets.count()).all(|index| {
            let saves = merges || self.feedback.get(index).is_some_and(|feedback| *feedback);
            !saves || inlets.inlet(index).is_none_or(|inlet| inlet.can_be_saved())
        })
    }

    /// The name that is its own: ports of nested graphs share their path with nodes.
    pub(crate) fn key(&self) -> Arc<str> {
        let (node, worker) = self.path.split_at(base(&self.path).len());
        if node == self.place {
            return Arc::clone(&self.path);
        }
        format!("{}{worker}", self.place).into()
    }

    /// Whether records that wait at its inlets have been put in another order than they would be now.
    pub(crate) fn was_merged_otherwise(&self) -> bool {
        let Merging { is_deterministic, order } = self.merging;
        self.merged.as_ref().is_some_and(|(_, merge)| !is_deterministic || merge.order() != order)
    }

    /// Takes back what was on its way to it; of nothing, nothing is.
    pub(crate) fn restore(
        &mut self,
        saved: Option<&[u8]>,
        renamed: &dyn Fn(&str) -> String,
    ) -> Result<(), StateError> {
        let mut none = ();
        let inlets = self.stage.inlets().unwrap_or(&mut none);
        let mut in_flight = match saved {
            Some(saved) => InFlight::read(&self.path, saved)?,
            None => InFlight::nothing(inlets.count()),
        };
        in_flight.restore(inlets, renamed)?;
        self.merged = in_flight.merged;
        Ok(())
    }

    /// How it takes what comes in by several inlets.
    pub(crate) fn set_merging(&mut self, merging: Merging) {
        self.merging = merging;
    }

    /// Nothing leads to it but its own records.
    pub(crate) fn is_source(&mut self) -> bool {
        self.stage.inlets().is_none()
    }

    /// Keeps records until their units stand; whether they can be.
    pub(crate) fn keep(&mut self) -> bool {
        self.stage.keep()
    }

    /// Puts it under `supervision`, as the stage of this number.
    pub(crate) fn supervise(&mut self, supervision: Supervision, number: usize) {
        self.supervised = Some((supervision, number));
    }

    /// The stage's task.
    pub(crate) fn run(
        self,
        clock: Clock,
        chance: Chance,
        signals: &Signals,
        alive: Alive,
    ) -> BoxFuture<'static, StageEnd> {
        let path = self.key();
        // What waits before a restart waits by a clock that moves.
        let waits_by = || if clock.moves() { clock.clone() } else { Clock::tokio() };
        let env = StageEnv {
            supervised: self
                .supervised
                .map(|(supervision, number)| supervision.of(number, waits_by())),
            clock,
            attempt: self.attempt,
            turn: self.turn,
            chance,
            counters: self.counters,
            probe: self.probe,
            path,
            looped: self.looped,
            feedback: self.feedback,
            severable: self.severable,
            merging: self.merging,
            merged: self.merged,
            signals: signals.clone(),
            alive,
        };
        self.stage.run(env, signals.clone())
    }
}
