//! What is to be known of a run when its handle is gone: how it failed, and that nothing of it is left.

use std::future::{Future, poll_fn};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::watch;

use crate::broken::{Broken, broken};
use crate::engine::{Alive, Cause, Failure, StageEnd, Stopwatch, give_way, has_threads};
use crate::graph::cuts::Cuts;

/// A run, as it is seen by who outlives it.
#[derive(Clone, Debug)]
pub(super) struct Life {
    failure: Arc<OnceLock<Arc<Failure>>>,
    /// Closed once no task of the run is left.
    tasks: watch::Receiver<()>,
    cuts: Arc<Cuts>,
}

/// What each stage of a run has for as long as its task is there.
#[derive(Clone, Debug)]
pub(super) struct Lives {
    failure: Arc<OnceLock<Arc<Failure>>>,
    pub(super) alive: Alive,
}

/// So long it may take the tasks of a run that has failed to come to their end, and then its last checkpoint, where
/// that was given no more.
const PATIENCE: Duration = Duration::from_secs(60);

/// So often others may run while tasks that were aborted come to their end, and for so long where these are on
/// threads of their own.
const MOMENTS: u32 = 1_000;
const MOMENT: Duration = Duration::from_millis(100);

impl Life {
    pub(super) fn of(cuts: &Arc<Cuts>) -> (Life, Lives) {
        let (alive, tasks) = Alive::new();
        let failure = Arc::new(OnceLock::new());
        let lives = Lives { failure: Arc::clone(&failure), alive };
        (Life { failure, tasks, cuts: Arc::clone(cuts) }, lives)
    }

    /// Whether it has failed, or is about to as one of its stages has.
    pub(super) fn has_failed(&self) -> bool {
        self.failure.get().is_some() || self.cuts.barriers.has_failed()
    }

    /// Why the run is to stop, once it is, though no stage of it has failed.
    pub(super) async fn is_stopped(&self) -> Arc<Failure> {
        self.cuts.failed().await
    }

    /// The run has failed.
    pub(super) fn fails(&self, failure: &Arc<Failure>) {
        let _ = self.failure.set(Arc::clone(failure));
    }

    /// The failure that stopped the run, if one did.
    pub(super) fn failure(&self) -> Option<Arc<Failure>> {
        self.failure.get().cloned()
    }

    /// Waits until no task of the run is left, as none is soon after they were told to end unless one blocks its
    /// thread: so that whoever hears of the end can begin again where files were held.
    pub(super) async fn lets_go(&self) {
        let (mut moments, begun) = (MOMENTS, Stopwatch::start());
        let patience = if has_threads() { MOMENT } else { Duration::ZERO };
        poll_fn(|task| {
            let is_late = moments == 0 && Duration::from_nanos(begun.nanos()) >= patience;
            if is_late || self.tasks.has_changed().is_err() {
                return Poll::Ready(());
            }
            moments = moments.saturating_sub(1);
            give_way(task);
            Poll::Pending
        })
        .await;
    }

    /// Waits until no task of the run is left, and no checkpoint of it on its way to a storage; whether
    /// that is so. Of one that hangs it may never be.
    pub(super) async fn is_over(&mut self) -> bool {
        if self.failure.get().is_some_and(|failure| matches!(failure.cause, Cause::Hung(_))) {
            return false;
        }
        if broken(Broken::AttemptsOverlap) {
            return true;
        }
        let gone = async { while self.tasks.changed().await.is_ok() {} };
        let (left, time) = if tokio::time::timeout(PATIENCE, gone).await.is_err() {
            ("tasks of the graph are still there", PATIENCE)
        } else if let Err(time) = self.cuts.kept(PATIENCE).await {
            ("a checkpoint of the graph is still on its way to a storage", time)
        } else {
            return true;
        };
        let left = format!("{left} after {time:?}: it does not begin again");
        tracing::error!("{left}");
        if let Some(failure) = self.failure.get() {
            let _ = failure.gave_up.set(left);
        }
        false
    }
}

impl Lives {
    /// Runs a stage to its end.
    pub(super) async fn while_runs(self, stage: impl Future<Output = StageEnd>) -> StageEnd {
        let end = stage.await;
        if let StageEnd::Failed(failure) = &end {
            let _ = self.failure.set(Arc::clone(failure));
        }
        end
    }
}
