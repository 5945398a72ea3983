//! Cuts through a running graph, and checkpoints of them: one at a time.

use std::fmt;
use std::future::pending;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedMutexGuard, watch};

use crate::broken::{Broken, broken};
use crate::checkpoint::{CheckpointError, CheckpointStorage};
use crate::engine::{ALL_SO_FAR, Failure, Question};
use crate::graph::barriers::Barriers;
use crate::graph::error::RunError;
use crate::graph::run::Ended;
use crate::graph::snapshot::{CutId, Snapshot};
use crate::time::millis;

/// What takes cuts through one run.
pub(super) struct Cuts {
    pub(super) graph: String,
    pub(super) barriers: Arc<Barriers>,
    ended: watch::Receiver<Option<Ended>>,
    runtime: Handle,
    /// What stops the run though no stage of it has failed.
    failure: watch::Sender<Option<Arc<Failure>>>,
    /// From sending a barrier until what the stages have saved as of it is taken: each has room for one.
    cutting: Arc<Mutex<()>>,
    /// From the cut until it is kept, so that ids are in the order of the cuts.
    keeping: Arc<Mutex<()>>,
    /// Whoever has that has given it to a storage.
    given: AtomicBool,
    /// The longest limit that one was given, in milliseconds.
    longest: AtomicI64,
    /// The storage of the last one.
    storage: std::sync::Mutex<Option<Arc<dyn CheckpointStorage>>>,
}

impl fmt::Debug for Cuts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cuts").field("graph", &self.graph).finish_non_exhaustive()
    }
}

impl Cuts {
    /// Must be called inside the runtime that the graph runs on.
    pub(super) fn new(
        graph: String,
        barriers: Barriers,
        ended: watch::Receiver<Option<Ended>>,
    ) -> Self {
        let (failure, cutting, keeping, given, longest, storage) = Default::default();
        let (barriers, runtime) = (Arc::new(barriers), Handle::current());
        Cuts { graph, barriers, ended, runtime, failure, cutting, keeping, given, longest, storage }
    }

    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// The run is to stop.
    pub(super) fn fails(&self, failure: Failure) {
        self.failure.send_replace(Some(Arc::new(failure)));
    }

    /// Why it is to, once it is.
    pub(super) async fn failed(&self) -> Arc<Failure> {
        let mut failure = self.failure.subscribe();
        let failure = failure.wait_for(Option::is_some).await.ok().and_then(|told| told.clone());
        match failure {
            Some(failure) => failure,
            None => pending().await,
        }
    }

    /// How the run ended, once it has.
    pub(super) async fn ended(&self) -> Ended {
        match self.ended.clone().wait_for(Option::is_some).await {
            Ok(ended) => ended.clone().unwrap_or(Ended::Aborted),
            Err(_) => Ended::Aborted,
        }
    }

    /// Why the run did not come to its end, once that is so.
    async fn broken(&self) -> RunError {
        match self.ended().await {
            Ended::Finished => pending().await,
            Ended::Failed(failure) => RunError::Failed { graph: self.graph.clone(), failure },
            Ended::Aborted => RunError::Aborted { graph: self.graph.clone() },
        }
    }

    /// Waits until no checkpoint is on its way to a storage, for so long or as long as one was given; the time
    /// if that was not enough.
    pub(super) async fn kept(&self, patience: Duration) -> Result<(), Duration> {
        let patience = self.at_least(patience);
        let kept = tokio::time::timeout(patience, self.keeping.lock());
        kept.await.map(drop).map_err(|_| patience)
    }

    /// So long, or as long as one was given.
    fn at_least(&self, patience: Duration) -> Duration {
        let longest = u64::try_from(self.longest.load(Ordering::Relaxed)).unwrap_or(0);
        patience.max(Duration::from_millis(longest))
    }

    fn last_storage(&self) -> std::sync::MutexGuard<'_, Option<Arc<dyn CheckpointStorage>>> {
        self.storage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the one before is kept: so that it is over when this one begins.
    async fn begin_keeping(&self, limit: Duration) -> Result<OwnedMutexGuard<()>, CheckpointError> {
        self.longest.fetch_max(millis(limit), Ordering::Relaxed);
        let free = Arc::clone(&self.keeping).lock_owned();
        match tokio::time::timeout(limit, free).await {
            Ok(keeping) => {
                self.given.store(false, Ordering::Relaxed);
                Ok(keeping)
            }
            Err(_) if self.given.load(Ordering::Relaxed) => Err(self.unanswered(limit)),
            Err(_) => Err(self.timed_out(None, limit).into()),
        }
    }

    fn unanswered(&self, limit: Duration) -> CheckpointError {
        CheckpointError::StorageTimedOut { graph: self.graph.clone(), limit }
    }

    pub(super) async fn cut(&self, limit: Duration) -> Result<Snapshot, RunError> {
        let passed = self.pass(None, limit, Way::OvertakesIfLate).await?;
        passed.cut(&self.barriers, None)
    }

    /// Has questions answered as of one cut, that overtakes nothing.
    pub(super) async fn ask(
        &self,
        questions: Vec<Vec<Question>>,
        limit: Duration,
    ) -> Result<(), RunError> {
        self.pass_sent(|barriers| barriers.ask(questions), limit, false).await.map(drop)
    }

    /// Keeps a cut in `storage` by name; its id. If the run is to `stop` it does nothing behind that cut
    /// from here on, once all is committed that it covers.
    pub(super) async fn savepoint<S>(
        &self,
        storage: &S,
        name: &str,
        limit: Duration,
        stop: bool,
    ) -> Result<u64, CheckpointError>
    where
        S: CheckpointStorage + Clone + 'static,
    {
        if let Some(field) = self.barriers.elsewhere.clone() {
            return Err(CheckpointError::KeptElsewhere { field });
        }
        let keeping = self.begin_keeping(limit).await?;
        // What fails, or is waited for by nobody any more, does not keep the run.
        let goes_on = GoesOn(stop.then_some(&*self.barriers));
        let way = if stop { Way::IsLast } else { Way::Aligned };
        let passed = self.pass(None, limit, way).await?;
        let (name, epoch) = (name.to_owned(), passed.epoch);
        let save = move |storage: &S, snapshot: &Snapshot| storage.savepoint(&name, snapshot);
        let cut = move |barriers: &Barriers| passed.cut(barriers, None);
        let kept = self.keep(storage, cut, save, epoch, keeping);
        let (id, _) = self.answered(kept, limit).await?;
        if stop {
            let committed = pin!(tokio::time::timeout(limit, self.barriers.committed(epoch)));
            match select(committed, pin!(self.broken())).await {
                Either::Left((Ok(()), _)) => {}
                Either::Left((Err(_), _)) => {
                    let stage = self.barriers.uncommitted(epoch);
                    return Err(self.timed_out(stage, limit).into());
                }
                Either::Right((error, _)) => return Err(error.into()),
            }
            // Who was to commit may have failed instead.
            self.barriers.is_whole()?;
            goes_on.not();
        }
        Ok(id)
    }

    fn timed_out(&self, stage: Option<Arc<str>>, limit: Duration) -> RunError {
        let stage = stage.unwrap_or_else(|| "the cut before this one".into());
        RunError::TimedOut { graph: self.graph.clone(), stage, limit }
    }

    /// Sends a barrier, and waits until it has passed everywhere.
    async fn pass(
        &self,
        since: Option<CutId>,
        limit: Duration,
        way: Way,
    ) -> Result<Passed, RunError> {
        let send = |barriers: &Barriers| barriers.send(since, way == Way::IsLast);
        self.pass_sent(send, limit, way == Way::OvertakesIfLate).await
    }

    async fn pass_sent(
        &self,
        send: impl FnOnce(&Barriers) -> Result<u64, RunError>,
        limit: Duration,
        overtakes: bool,
    ) -> Result<Passed, RunError> {
        let sent = AtomicU64::new(0);
        let passed = async {
            let one = Arc::clone(&self.cutting).lock_owned().await;
            let epoch = send(&self.barriers)?;
            sent.store(epoch, Ordering::Relaxed);
            let aligned = tokio::time::timeout(limit / 2, self.barriers.passed(epoch));
            if aligned.await.is_err() {
                if overtakes {
                    self.barriers.overtake(epoch, || true);
                }
                self.barriers.passed(epoch).await;
            }
            let one = (!broken(Broken::CutsOverlap)).then_some(one);
            Ok(Passed { epoch, _one: one })
        };
        // What stands still for ever lets no barrier pass.
        let passed = pin!(tokio::time::timeout(limit, passed));
        match select(passed, pin!(self.broken())).await {
            Either::Left((Ok(passed), _)) => passed,
            Either::Right((error, _)) => Err(error),
            Either::Left((Err(_), _)) => {
                let sent = sent.load(Ordering::Relaxed);
                let stage = if sent > 0 { self.barriers.missing(sent) } else { None };
                Err(self.timed_out(stage, limit))
            }
        }
    }

    /// Keeps a cut in `storage`; its id.
    pub(super) async fn checkpoint<S>(
        &self,
        storage: &S,
        limit: Duration,
    ) -> Result<u64, CheckpointError>
    where
        S: CheckpointStorage + Clone + 'static,
    {
        let kept = self.begin(storage, limit).await?;
        self.answered(kept, limit).await.map(|(id, _)| id)
    }

    /// Takes a cut, and gives it to `storage`; what that says to it, once it does: the id and the size.
    pub(super) async fn begin<S>(
        &self,
        storage: &S,
        limit: Duration,
    ) -> Result<impl Future<Output = Result<(u64, u64), CheckpointError>>, CheckpointError>
    where
        S: CheckpointStorage + Clone + 'static,
    {
        let keeping = self.begin_keeping(limit).await?;
        let since = storage.takes_changes_since();
        // Of a run that has come to its end it is the last: what waits for one commits all, and the run is over.
        let is_last = self.barriers.has_settled();
        let passed = self.pass(since, limit, Way::OvertakesIfLate).await?;
        let epoch = if is_last { ALL_SO_FAR } else { passed.epoch };
        let cut = move |barriers: &Barriers| passed.cut(barriers, since);
        Ok(self.keep(storage, cut, S::publish, epoch, keeping))
    }

    /// What the storage says, if it does so in time. It goes on beyond that, and no other is begun meanwhile.
    pub(super) async fn answered<T>(
        &self,
        kept: impl Future<Output = Result<T, CheckpointError>>,
        limit: Duration,
    ) -> Result<T, CheckpointError> {
        tokio::time::timeout(limit, kept).await.unwrap_or_else(|_| Err(self.unanswered(limit)))
    }

    /// Waits until everything is done but to commit, keeps the state in `storage` if there is one, and
    /// lets it be committed. A run that fails meanwhile is left to its failure.
    ///
    /// Without one, what would be committed is kept where the run's checkpoints are: otherwise none of them
    /// could be gone on from. That is waited for as long as for one of them.
    pub(super) async fn finish(
        &self,
        storage: Option<Arc<dyn CheckpointStorage>>,
    ) -> Result<Option<u64>, CheckpointError> {
        if let Either::Right(_) = select(pin!(self.barriers.settled()), pin!(self.broken())).await {
            return Ok(None);
        }
        // What waits to commit does so for nothing.
        if let Some(failure) = self.barriers.has_severed()
            && !broken(Broken::SeveredIsLeftOut)
        {
            self.failure.send_replace(Some(failure));
            return Ok(None);
        }
        let commits = self.barriers.waits_to_commit() && !broken(Broken::EndsWithoutCheckpoint);
        let last = self.last_storage().clone().filter(|_| storage.is_none() && commits);
        let limit = last.is_some().then(|| self.at_least(Duration::from_secs(60)));
        let Some(storage) = storage.or(last) else {
            self.barriers.commits(ALL_SO_FAR);
            return Ok(None);
        };
        let kept = async {
            let keeping = Arc::clone(&self.keeping).lock_owned().await;
            let publish =
                |storage: &Arc<_>, snapshot: &_| CheckpointStorage::publish(storage, snapshot);
            self.keep(&storage, Barriers::last, publish, ALL_SO_FAR, keeping).await
        };
        let kept = match limit {
            Some(limit) => self.answered(kept, limit).await?,
            None => kept.await?,
        };
        Ok(Some(kept.0))
    }

    /// Puts a snapshot together, keeps it by `publish`, and tells the nodes when it is complete; its id and its size.
    async fn keep<S>(
        &self,
        storage: &S,
        snapshot: impl FnOnce(&Barriers) -> Result<Snapshot, RunError> + Send + 'static,
        publish: impl FnOnce(&S, &Snapshot) -> Result<u64, CheckpointError> + Send + 'static,
        epoch: u64,
        keeping: OwnedMutexGuard<()>,
    ) -> Result<(u64, u64), CheckpointError>
    where
        S: CheckpointStorage + Clone + 'static,
    {
        let (storage, barriers) = (storage.clone(), Arc::clone(&self.barriers));
        *self.last_storage() = Some(Arc::new(storage.clone()));
        self.given.store(true, Ordering::Relaxed);
        #[allow(clippy::disallowed_methods, reason = "the engine is what spawns")]
        let published = self.runtime.spawn_blocking(move || {
            // Until it is kept, also when nobody waits for it any more.
            let _keeping = keeping;
            let snapshot = snapshot(&barriers)?;
            let id = publish(&storage, &snapshot)?;
            storage.will_commit(id)?;
            barriers.completes(epoch, id);
            Ok((id, snapshot.bytes()))
        });
        let aborted = |_| Err(RunError::Aborted { graph: self.graph.clone() }.into());
        published.await.unwrap_or_else(aborted)
    }
}

/// A barrier that has passed everywhere. No other is sent until what was saved as of it is taken.
struct Passed {
    epoch: u64,
    _one: Option<OwnedMutexGuard<()>>,
}

impl Passed {
    fn cut(self, barriers: &Barriers, since: Option<CutId>) -> Result<Snapshot, RunError> {
        barriers.cut(self.epoch, since)
    }
}

/// How a barrier goes through.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// Inputs that have it wait for those that do not; when half of the time is over, it overtakes what
    /// it waits for, which is saved with the cut.
    OvertakesIfLate,
    /// They wait as long as it takes: but for calls, loops and deterministic runs nothing is on its way in
    /// the cut, so that the graph may be another when it is restored.
    Aligned,
    /// The same, and the stages stand still behind it.
    IsLast,
}

/// Lets stages that stand still go on when it is dropped.
struct GoesOn<'a>(Option<&'a Barriers>);

impl GoesOn<'_> {
    fn not(mut self) {
        self.0 = None;
    }
}

impl Drop for GoesOn<'_> {
    fn drop(&mut self) {
        if let Some(barriers) = self.0 {
            barriers.go_on();
        }
    }
}
