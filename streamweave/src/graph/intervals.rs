//! Checkpoints that a run takes by itself.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, FutureExt, select};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::broken::{Broken, broken};
use crate::checkpoint::{CheckpointError, CheckpointStorage};
use crate::engine::{Cause, Failure};
use crate::graph::cuts::Cuts;
use crate::graph::error::RunError;

/// The checkpoints that a run takes by itself: see
/// [`Running::checkpoint_every`](crate::graph::Running::checkpoint_every). They go on when this is
/// dropped; clones tell of the same ones.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    report: watch::Receiver<CheckpointReport>,
}

/// What has become of a run's checkpoints so far.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CheckpointReport {
    /// How many are complete.
    pub complete: u64,
    /// How many are not: their cut did not get through in time, or they could not be written. One that the storage
    /// has not answered counts each time that the limit is over, and among the complete ones once it has.
    pub failed: u64,
    /// The last complete one.
    pub last: Option<CompleteCheckpoint>,
    /// Why the last that failed did. It stays when later ones are complete.
    pub last_error: Option<Arc<CheckpointError>>,
}

/// A checkpoint that a run has taken by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompleteCheckpoint {
    /// Its number.
    pub id: u64,
    /// The size of what was saved for it: of what had changed, or of everything.
    pub bytes: u64,
    /// From sending the barrier until it was complete.
    pub took: Duration,
}

impl Checkpoints {
    /// Begins them, one `period` from now.
    pub(super) fn begin<S>(
        cuts: Arc<Cuts>,
        storage: S,
        period: Duration,
        limit: Duration,
    ) -> Result<Self, RunError>
    where
        S: CheckpointStorage + Clone + 'static,
    {
        cuts.barriers.check()?;
        let (tell, report) = watch::channel(CheckpointReport::default());
        let runtime = cuts.runtime().clone();
        #[allow(clippy::disallowed_methods, reason = "the engine is what spawns")]
        runtime.spawn(async move {
            // A period that is too short would leave the run no time between two barriers.
            let period = period.max(Duration::from_millis(1));
            loop {
                let (ended, pause) = (pin!(cuts.ended()), pin!(tokio::time::sleep(period)));
                if let Either::Left(_) = select(ended, pause).await {
                    return;
                }
                let begun = Instant::now();
                let answer = async {
                    let mut kept = pin!(cuts.begin(&storage, limit).await?);
                    loop {
                        match cuts.answered(kept.as_mut(), limit).await {
                            // It is still waited for, while the run goes on.
                            Err(late @ CheckpointError::StorageTimedOut { .. })
                                if cuts.ended().now_or_never().is_none() =>
                            {
                                fails(&cuts, &tell, late);
                            }
                            answer => return answer,
                        }
                    }
                };
                match answer.await {
                    Ok((id, bytes)) => {
                        let took = begun.elapsed();
                        let graph = &*cuts.graph;
                        tracing::debug!(graph, id, bytes, ?took, "a checkpoint is complete");
                        tell.send_modify(|report| {
                            report.complete += 1;
                            report.last = Some(CompleteCheckpoint { id, bytes, took });
                        });
                    }
                    // The run has told it.
                    Err(CheckpointError::Run(
                        RunError::Failed { .. } | RunError::Aborted { .. },
                    )) => {
                        return;
                    }
                    Err(error) => {
                        if fails(&cuts, &tell, error) {
                            return;
                        }
                    }
                }
            }
        });
        Ok(Checkpoints { report })
    }

    /// What has become of them so far.
    pub fn report(&self) -> CheckpointReport {
        self.report.borrow().clone()
    }

    /// The report, once it is another than the last that this gave; `None` when the run has ended, and
    /// with it its checkpoints.
    pub async fn changed(&mut self) -> Option<CheckpointReport> {
        self.report.changed().await.ok()?;
        Some(self.report.borrow_and_update().clone())
    }

    /// The report at the end of the run.
    pub async fn ended(mut self) -> CheckpointReport {
        while self.report.changed().await.is_ok() {}
        self.report()
    }
}

/// A checkpoint has failed, for this reason: whether the run does, too.
fn fails(cuts: &Cuts, tell: &watch::Sender<CheckpointReport>, error: CheckpointError) -> bool {
    let error = Arc::new(error);
    tell.send_modify(|report| {
        report.failed += 1;
        report.last_error = Some(Arc::clone(&error));
    });
    // Two runs would do the same work, and nothing of this one counts.
    if CheckpointError::is_fenced(&*error) && !broken(Broken::FencedGoesOn) {
        let cause = Cause::Error(error.into());
        cuts.fails(Failure::new("checkpoint_every".into(), "checkpoint", 0, cause));
        return true;
    }
    let graph = &*cuts.graph;
    tracing::warn!(graph, %error, "a checkpoint failed; the run goes on");
    false
}
