//! Waits for the stages of a run, and says how it ended.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;

use futures_util::future::{Either, select};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use crate::engine::{Failure, StageEnd};
use crate::graph::barriers::Barriers;
use crate::graph::life::Life;
use crate::graph::parts::Parts;
use crate::graph::run::Ended;
use crate::graph::watchdog::Watchdog;

fn fails(failure: Arc<Failure>) -> Ended {
    tracing::error!(node = &*failure.node, input = failure.input, "{failure}");
    Ended::Failed(failure)
}

/// What stops a part of the graph, where the others go on.
pub(super) struct Severing {
    pub(super) parts: Parts,
    pub(super) tasks: Vec<AbortHandle>,
    pub(super) barriers: Arc<Barriers>,
}

impl Severing {
    /// Stops the part that this stage is in, and says which stages that are; none if it is all of the graph.
    fn sever(&self, stage: usize, failure: &Arc<Failure>) -> Vec<usize> {
        if !self.parts.are_many() {
            return Vec::new();
        }
        let part = self.parts.with(stage);
        // First: what the others see of it is to be in no cut.
        self.barriers.sever(&part, failure);
        self.parts.sever(&part);
        part.iter().for_each(|stage| self.tasks[*stage].abort());
        part
    }

    fn stage_of(&self, task: tokio::task::Id) -> Option<usize> {
        self.tasks.iter().position(|stage| stage.id() == task)
    }

    fn is_waited_for(&self, task: tokio::task::Id, waited_for: &BTreeSet<usize>) -> bool {
        waited_for.iter().any(|stage| self.tasks[*stage].id() == task)
    }
}

/// Waits for the stages: the first failure ends them all, or the part that it is in.
pub(super) async fn supervise(
    mut stages: JoinSet<(usize, StageEnd)>,
    severing: Severing,
    watchdog: Watchdog,
    tell: watch::Sender<Option<Ended>>,
    over: watch::Sender<bool>,
    life: Life,
) {
    // Not for what has been severed: a node that blocks its thread must not keep the report back.
    let mut waited_for: BTreeSet<usize> = (0..severing.tasks.len()).collect();
    let mut cancelled = false;
    let mut ended = Ended::Finished;
    let outside = async {
        let (barks, stopped) = (pin!(watchdog.barks()), pin!(life.is_stopped()));
        select(barks, stopped).await.factor_first().0
    };
    let mut outside = pin!(outside);
    while !waited_for.is_empty() {
        let stage = match select(pin!(stages.join_next()), outside.as_mut()).await {
            Either::Left((Some(stage), _)) => stage,
            Either::Left((None, _)) => break,
            Either::Right((failure, _)) => {
                let failed = fails(failure);
                if matches!(ended, Ended::Finished) {
                    ended = failed;
                }
                break;
            }
        };
        let (stage, failure) = match stage {
            Ok((stage, StageEnd::Failed(failure))) => (Some(stage), failure),
            Ok((stage, end)) => {
                waited_for.remove(&stage);
                cancelled |= matches!(end, StageEnd::Cancelled);
                continue;
            }
            // Of a part that has failed, also where dropping it panics.
            Err(error) if !severing.is_waited_for(error.id(), &waited_for) => continue,
            // The engine's own code panicked: it must not look like an end of input.
            Err(error) => (severing.stage_of(error.id()), Arc::new(Failure::of_engine(error))),
        };
        let severed = stage.map_or_else(Vec::new, |stage| severing.sever(stage, &failure));
        let failed = fails(failure);
        if matches!(ended, Ended::Finished) {
            ended = failed;
        }
        if severed.is_empty() {
            break;
        }
        waited_for.retain(|stage| !severed.contains(stage));
    }
    if cancelled && matches!(ended, Ended::Finished) {
        ended = Ended::Aborted;
    }
    // Before anything ends by it: what has been read until then is no result.
    if let Ended::Failed(failure) = &ended {
        life.fails(failure);
    }
    // Not awaited for long, for the same reason.
    stages.abort_all();
    stages.detach_all();
    life.lets_go().await;
    let _ = tell.send(Some(ended));
    let _ = over.send(true);
}
