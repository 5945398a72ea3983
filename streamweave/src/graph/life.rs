//! What is to be known of a run when its handle is gone: how it failed, and that nothing of it is left.

use std::future::Future;
use std::sync::{Arc, OnceLock};

use tokio::sync::watch;

use crate::broken::{Broken, broken};
use crate::engine::{Cause, Failure, StageEnd};
use crate::graph::cuts::Cuts;

/// A run, as it is seen by who outlives it.
#[derive(Clone, Debug)]
pub(super) struct Life {
    failure: Arc<OnceLock<Arc<Failure>>>,
    /// Closed once no stage has one of its ends.
    stages: watch::Receiver<()>,
    cuts: Arc<Cuts>,
}

/// What each stage of a run has for as long as its task is there.
#[derive(Clone, Debug)]
pub(super) struct Lives {
    failure: Arc<OnceLock<Arc<Failure>>>,
    _stage: Arc<watch::Sender<()>>,
}

impl Life {
    pub(super) fn of(cuts: &Arc<Cuts>) -> (Life, Lives) {
        let (stage, stages) = watch::channel(());
        let failure = Arc::new(OnceLock::new());
        let lives = Lives { failure: Arc::clone(&failure), _stage: Arc::new(stage) };
        (Life { failure, stages, cuts: Arc::clone(cuts) }, lives)
    }

    /// The run has failed.
    pub(super) fn fails(&self, failure: &Arc<Failure>) {
        let _ = self.failure.set(Arc::clone(failure));
    }

    /// The failure that stopped the run, if one did, once no task of it is left, and no checkpoint on
    /// its way to a storage; of one that hangs, at once, as it may never be gone.
    pub(super) async fn failure(mut self) -> Option<Arc<Failure>> {
        let hangs = |failure: &&Arc<Failure>| matches!(failure.cause, Cause::Hung(_));
        let waits = self.failure.get().filter(hangs).is_none();
        if waits && !broken(Broken::AttemptsOverlap) {
            while self.stages.changed().await.is_ok() {}
            self.cuts.kept().await;
        }
        self.failure.get().cloned()
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
