//! Cuts through a running graph, and where they are kept.

use super::*;
use crate::checkpoint::Checkpoint;

impl<I, O> Running<I, O> {
    /// The state of every node as of one cut through the whole graph: of everything that its
    /// inputs were sent and its sources gave before, and of nothing behind. A graph that is
    /// [restored](Graph::restore) from it and gets what comes behind goes on as if nothing had
    /// happened.
    ///
    /// The cut travels with the records; a node with several inputs waits until it has come by all
    /// of them. By a feedback edge it comes last: what comes by that before it is saved as on its
    /// way, and so is what a deterministic run has put aside. What has left the graph by then is not taken
    /// back by a restore: its outputs may give some records again.
    ///
    /// Where something holds it up (an output that nobody reads, a slow node with much before it), it
    /// overtakes that when half of `limit` is over: what waits between the stages is saved as on its way,
    /// too. Such a cut can be restored where the edges on which something was overtaken lead to where they did,
    /// and that is on as many workers. It goes on waiting where records do not serialize, in a deterministic run, and for a handler that has not
    /// come to its end.
    ///
    /// # Errors
    /// When it does not get through within `limit`, when records that would be on their way in a loop or put
    /// aside by a deterministic run do not serialize ([`RunError::NoCheckpoint`]), or a state does not.
    pub async fn cut(&self, limit: Duration) -> Result<Snapshot, RunError> {
        self.run.cuts.cut(limit).await
    }

    /// Puts a [cut](Running::cut) into `storage`, beside the run, which goes on meanwhile; its id
    /// once it is complete there. `limit` counts for what is left to be done of the one before, again for the
    /// cut, and again for the storage.
    ///
    /// # Errors
    /// As [`Running::cut`], when it cannot be written, and when the storage has not answered within `limit`
    /// ([`CheckpointError::StorageTimedOut`]). It is still waited for then: what it has written after all is a
    /// complete checkpoint, as any other, and the next one is begun only behind it. A storage that hangs holds a
    /// thread of the runtime, which waits for that when it is dropped: a program that is to end all the same
    /// calls `tokio`'s `Runtime::shutdown_timeout`.
    pub async fn checkpoint<S>(&self, storage: &S, limit: Duration) -> Result<u64, CheckpointError>
    where
        S: CheckpointStorage + Clone + 'static,
    {
        self.run.cuts.checkpoint(storage, limit).await
    }

    /// Has the run put a [checkpoint](Running::checkpoint) into `storage` by itself, again and again
    /// until it ends: the first after `period`, at least a millisecond, each further one that long
    /// after the end of the one before it, so never two at once. Those that fail, or do not get
    /// through the graph within `limit`, are counted, reported as a `tracing` event and in the
    /// handle, and the run goes on: but where another run has taken over the storage
    /// ([`CheckpointError::Fenced`]) this one fails, as nothing of it would count.
    ///
    /// As something that holds a checkpoint up is overtaken after half of `limit` only
    /// ([`Running::cut`]), choose one of about twice the delay that you accept: behind a slow node a
    /// `limit` of 10 seconds gives a checkpoint every five seconds at best, and none before a process
    /// that lives for less. A handler that awaits for longer than `limit` lets none get through.
    ///
    /// A storage that has not answered within `limit` is one that fails, and again whenever so much more is over;
    /// it is still waited for, and no other checkpoint is begun until it has answered.
    ///
    /// None is taken when the run ends: [`Running::drain_into`] does that.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streamweave::checkpoint::FileCheckpointStorage;
    /// use streamweave::nodes::fold;
    /// use streamweave::prelude::*;
    ///
    /// # let folder = std::env::temp_dir().join(format!("streamweave-every-{}", std::process::id()));
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    /// # runtime.block_on(async {
    /// let run = graph! {
    ///     sum: fold(0_u64, |sum: &mut u64, n: u64| *sum += n),
    ///     graph.numbers => sum.input,
    ///     sum.out => graph.sum,
    /// }
    /// .start()?;
    /// let storage = FileCheckpointStorage::open(&folder)?;
    /// let (period, limit) = (Duration::from_millis(10), Duration::from_secs(10));
    /// let mut checkpoints = run.checkpoint_every(storage, period, limit)?;
    ///
    /// run.inputs.numbers.send(1).await?;
    /// let report = checkpoints.changed().await.ok_or("the run has ended")?;
    /// assert_eq!((report.complete, report.failed), (1, 0));
    ///
    /// run.drain().await?;
    /// let report = checkpoints.ended().await;
    /// assert!(report.last.is_some_and(|last| last.id >= 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # std::fs::remove_dir_all(folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When no cut goes through the graph ([`RunError::NoCheckpoint`]).
    pub fn checkpoint_every<S>(
        &self,
        storage: S,
        period: Duration,
        limit: Duration,
    ) -> Result<Checkpoints, RunError>
    where
        S: CheckpointStorage + Clone + 'static,
    {
        Checkpoints::begin(Arc::clone(&self.run.cuts), storage, period, limit)
    }

    /// Puts a [cut](Running::cut) into `storage` as the next [checkpoint](Running::checkpoint), and beside
    /// that as a savepoint of this name: one that holds everything, and stays until somebody removes
    /// it, such as what a new version of the program is to begin with. It overtakes nothing: but
    /// for calls in flight, loops and deterministic runs nothing is on its way in it, and the graph may have
    /// other edges and another number of workers then. The run goes on; its id.
    ///
    /// # Errors
    /// As [`Running::checkpoint`], when there is a savepoint of that name, and where a node has
    /// [state on disk](crate::state::Stored).
    pub async fn savepoint<S>(
        &self,
        storage: &S,
        name: &str,
        limit: Duration,
    ) -> Result<u64, CheckpointError>
    where
        S: CheckpointStorage + Clone + 'static,
    {
        self.run.cuts.savepoint(storage, name, limit, false).await
    }

    /// As [`Running::savepoint`], and the run stops there: nothing behind the cut is handled, so no window
    /// fires and no frontier rises that would not have otherwise, and what is committed with
    /// checkpoints is committed as far as the cut covers it. What comes by feedback edges goes on
    /// until the cut is whole. The run has ended then, as if it were aborted; what has left the
    /// graph by its outputs can still be read. `limit` counts as there, and again for what is committed.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streamweave::checkpoint::FileCheckpointStorage;
    /// use streamweave::nodes::{fold, from_iter};
    /// use streamweave::prelude::*;
    ///
    /// # let folder = std::env::temp_dir().join(format!("streamweave-save-{}", std::process::id()));
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    /// # runtime.block_on(async {
    /// let make = || {
    ///     graph! {
    ///         numbers: from_iter(0..1_000_000_u64),
    ///         sum: fold(0_u64, |sum: &mut u64, n: u64| *sum += n),
    ///         numbers.out => sum.input,
    ///         sum.out => graph.sum,
    ///     }
    /// };
    /// let storage = FileCheckpointStorage::open(&folder)?;
    /// let mut run = make().start()?;
    /// run.stop_at_savepoint(&storage, "before-2.0", Duration::from_secs(10)).await?;
    /// assert_eq!(run.outputs.sum.recv().await, None, "it was stopped, and not ended");
    ///
    /// assert_eq!(storage.savepoints()?, ["before-2.0"]);
    /// let mut graph = make();
    /// graph.restore(storage.read_savepoint("before-2.0")?.snapshot())?;
    /// let mut run = graph.start()?;
    /// assert_eq!(run.outputs.sum.recv().await, Some(499_999_500_000));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # std::fs::remove_dir_all(folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Running::savepoint`]: then the run goes on, even where the savepoint is there and only what it
    /// covers was not committed in time, or where the storage answers late.
    pub async fn stop_at_savepoint<S>(
        &self,
        storage: &S,
        name: &str,
        limit: Duration,
    ) -> Result<u64, CheckpointError>
    where
        S: CheckpointStorage + Clone + 'static,
    {
        let id = self.run.cuts.savepoint(storage, name, limit, true).await?;
        self.run.give_up().await;
        self.run.cuts.ended().await;
        Ok(id)
    }

    /// As [`Running::stop_into`], with the state at the end as a savepoint of this name, too: sources are told to stop
    /// where they are, and whatever is open is due as at the end of the input. So the results of windows that had not
    /// been complete are given, and what is restored has none of them left; to go on with them open, use
    /// [`Running::stop_at_savepoint`].
    ///
    /// ```
    /// use streamweave::checkpoint::FileCheckpointStorage;
    /// use streamweave::nodes::fold;
    /// use streamweave::prelude::*;
    ///
    /// # let folder = std::env::temp_dir().join(format!("streamweave-drain-{}", std::process::id()));
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    /// # runtime.block_on(async {
    /// let run = graph! {
    ///     sum: fold(0_u64, |sum: &mut u64, n: u64| *sum += n),
    ///     graph.numbers => sum.input,
    ///     sum.out => graph.sum,
    /// }
    /// .start()?;
    /// let storage = FileCheckpointStorage::open(&folder)?;
    /// run.inputs.numbers.send(7).await?;
    /// let (inputs, mut outputs, run) = run.split();
    /// run.drain_at_savepoint(&storage, "last-of-1.0").await?;
    /// // What is due at the end was sent.
    /// assert_eq!(outputs.sum.recv().await, Some(7));
    /// assert_eq!(storage.savepoints()?, ["last-of-1.0"]);
    /// # drop(inputs);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # std::fs::remove_dir_all(folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Running::stop_into`] and [`Running::savepoint`]. The run has ended all the same: what was kept before is
    /// what the next one begins with.
    pub async fn drain_at_savepoint<S>(
        self,
        storage: &S,
        name: &str,
    ) -> Result<Summary, CheckpointError>
    where
        S: CheckpointStorage + Clone + 'static,
    {
        if let Some(field) = self.run.cuts.barriers.elsewhere.clone() {
            self.run.give_up().await;
            return Err(CheckpointError::KeptElsewhere { field });
        }
        self.stop_into(&Named { storage: storage.clone(), name: name.to_owned() }).await
    }
}

/// Keeps what is published as a savepoint of this name.
#[derive(Clone)]
struct Named<S> {
    storage: S,
    name: String,
}

impl<S: CheckpointStorage> CheckpointStorage for Named<S> {
    fn publish(&self, snapshot: &Snapshot) -> Result<u64, CheckpointError> {
        self.storage.savepoint(&self.name, snapshot)
    }
    fn will_commit(&self, id: u64) -> Result<(), CheckpointError> {
        self.storage.will_commit(id)
    }
    fn latest(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        self.storage.latest()
    }
}
