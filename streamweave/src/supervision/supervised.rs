//! Between the stages of a run and its supervisor: who fails asks, and others are told to restart.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as Task, Waker};
use std::time::Duration;

use tokio::sync::broadcast;

use crate::broken::{Broken, broken};
use crate::engine::{Cause, Clock, Failure};
use crate::supervision::supervisor::{Decision, Failed, Supervisor};
use crate::supervision::{FailureReport, OnFailure, RestartedState, Treatment};
use crate::time::millis;

/// The supervision of a run. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Supervision(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    supervisor: Mutex<Supervisor>,
    slots: Vec<Mutex<Slot>>,
    stages: Vec<Arc<str>>,
    reports: broadcast::Sender<FailureReport>,
}

/// What a stage has been told and has not done yet.
#[derive(Debug, Default)]
struct Slot {
    order: Option<Order>,
    waker: Option<Waker>,
}

/// A stage is to restart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    /// Not before this time.
    pub(crate) at: i64,
    pub(crate) state: RestartedState,
}

impl Order {
    /// Both: not before either, and with the fresher state.
    pub(crate) fn and(self, other: Order) -> Order {
        let fresh = [self.state, other.state].contains(&RestartedState::Fresh);
        let state = if fresh { RestartedState::Fresh } else { RestartedState::Kept };
        Order { at: self.at.max(other.at), state }
    }
}

impl Supervision {
    /// Over stages of these paths.
    pub(crate) fn new(
        supervisor: Supervisor,
        stages: Vec<Arc<str>>,
        reports: broadcast::Sender<FailureReport>,
    ) -> Self {
        let slots = stages.iter().map(|_| Mutex::default()).collect();
        Supervision(Arc::new(Shared { supervisor: Mutex::new(supervisor), slots, stages, reports }))
    }

    /// As the stage of this number sees it.
    pub(crate) fn of(&self, stage: usize, clock: Clock) -> Supervised {
        Supervised { supervision: self.clone(), stage, clock }
    }
}

/// The supervision of one stage.
#[derive(Clone, Debug)]
pub(crate) struct Supervised {
    supervision: Supervision,
    stage: usize,
    /// By which it waits: not the one that handlers see where the run is deterministic.
    pub(crate) clock: Clock,
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Supervised {
    /// A unit of this stage has failed: how many policies gave up, what becomes of its record, and when the
    /// stage goes on; `None` when the graph stops. The others that restart with it are told.
    pub(crate) fn failed(
        &self,
        failure: &Arc<Failure>,
        is_of_data: bool,
        tries: u32,
    ) -> (u64, Option<(Treatment, Option<Order>, i64)>) {
        let shared = &self.supervision.0;
        let now = self.clock.now();
        let node = failure.node.split('#').next().unwrap_or_default();
        let is_error = matches!(failure.cause, Cause::Error(_));
        // Who decides also tells, so that of two that fail together one is first.
        let mut supervisor = lock(&shared.supervisor);
        let told = lock(&shared.slots[self.stage]).order.take();
        let is_told = told.is_some() && !broken(Broken::OneCauseCountsTwice);
        let failed = Failed { stage: self.stage, node, is_of_data, is_error, tries, is_told };
        let mut decision = supervisor.failed(failed, now);
        if let Some(told) = told.filter(|_| decision.treatment != OnFailure::Stop) {
            let left = told.at.saturating_sub(now).try_into().unwrap_or(0);
            decision.wait = decision.wait.max(Duration::from_millis(left));
            if told.state == RestartedState::Fresh {
                decision.state = told.state;
            }
            if !decision.restarts.contains(&self.stage) {
                decision.restarts.push(self.stage);
            }
        }
        self.report(failure, &decision);
        let gave_up = decision.gave_up.len() as u64;
        if decision.treatment == OnFailure::Stop {
            if let Some(last) = decision.gave_up.pop() {
                let _ = failure.gave_up.set(last);
            }
            return (gave_up, None);
        }
        let order = Order { at: now.saturating_add(millis(decision.wait)), state: decision.state };
        let others = decision.restarts.iter().filter(|other| **other != self.stage);
        let wakers: Vec<_> = others
            .filter_map(|other| {
                let mut slot = lock(&shared.slots[*other]);
                slot.order = Some(slot.order.map_or(order, |before| before.and(order)));
                slot.waker.take()
            })
            .collect();
        drop(supervisor);
        wakers.into_iter().for_each(Waker::wake);
        let restarts = decision.restarts.contains(&self.stage);
        (gave_up, Some((decision.treatment, restarts.then_some(order), order.at)))
    }

    fn report(&self, failure: &Arc<Failure>, decision: &Decision) {
        let stages = &self.supervision.0.stages;
        let report = FailureReport {
            failure: Arc::clone(failure),
            on_failure: decision.treatment,
            decided_by: decision.by.clone(),
            restarted: decision.restarts.iter().map(|stage| Arc::clone(&stages[*stage])).collect(),
            wait: decision.wait,
        };
        for gave_up in &decision.gave_up {
            tracing::warn!(node = &*failure.node, "a policy gives up: {gave_up}");
        }
        if decision.treatment != OnFailure::Stop {
            tracing::warn!(
                node = &*failure.node,
                on_failure = ?decision.treatment,
                decided_by = decision.by.as_deref(),
                restarted = report.restarted.len(),
                wait = ?decision.wait,
                "{failure}"
            );
        }
        // Nobody need read them.
        let _ = self.supervision.0.reports.send(report);
    }

    /// What others' failures ask of this stage; it is woken when that changes.
    pub(crate) fn order(&self, task: &Task<'_>) -> Option<Order> {
        let mut slot = lock(&self.supervision.0.slots[self.stage]);
        if slot.waker.as_ref().is_none_or(|waker| !waker.will_wake(task.waker())) {
            slot.waker = Some(task.waker().clone());
        }
        slot.order.take()
    }
}
