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
    fn sever(&self, stage: usize) -> Vec<usize> {
        if !self.parts.are_many() {
            return Vec::new();
        }
        let part = self.parts.with(stage);
        part.iter().for_each(|stage| self.tasks[*stage].abort());
        self.barriers.sever(&part);
        part
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
                ended = fails(failure);
                break;
            }
        };
        match stage {
            Ok((stage, end)) => {
                waited_for.remove(&stage);
                cancelled |= matches!(end, StageEnd::Cancelled);
                if let StageEnd::Failed(failure) = end {
                    let failed = fails(failure);
                    if matches!(ended, Ended::Finished) {
                        ended = failed;
                    }
                    let severed = severing.sever(stage);
                    if severed.is_empty() {
                        break;
                    }
                    waited_for.retain(|stage| !severed.contains(stage));
                }
            }
            // Of a part that has failed.
            Err(error) if error.is_cancelled() && matches!(ended, Ended::Failed(_)) => {}
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
    // Not awaited, for the same reason.
    stages.abort_all();
    stages.detach_all();
    if let Ended::Failed(failure) = &ended {
        life.fails(failure);
    }
    let _ = tell.send(Some(ended));
    let _ = over.send(true);
}
