//! Checkpoints that survive the process: a cut through a running graph, put where the next run finds
//! it. A run takes them by itself with
//! [`checkpoint_every`](crate::graph::Running::checkpoint_every).
//!
//! What a checkpoint costs follows what has changed: a run's first holds everything, those behind it
//! what was changed since the one before, timers and small things apart. The run goes on while its
//! state is saved.
//!
//! ```
//! use std::time::Duration;
//! use streamweave::checkpoint::{CheckpointStorage, FileCheckpointStorage};
//! use streamweave::nodes::from_iter;
//! use streamweave::prelude::*;
//!
//! # let folder = std::env::temp_dir().join(format!("streamweave-doc-{}", std::process::id()));
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! let make = || {
//!     graph! {
//!         numbers: from_iter(0..1_000_000_u64),
//!         sum: streamweave::nodes::fold(0_u64, |sum: &mut u64, n: u64| *sum += n),
//!         numbers.out => sum.input,
//!         sum.out => graph.sum,
//!     }
//! };
//! let storage = FileCheckpointStorage::open(&folder)?;
//! let run = make().start()?;
//! run.checkpoint(&storage, Duration::from_secs(10)).await?;
//! run.abort();
//!
//! // Another run, in this process or in the next, goes on from there.
//! let mut graph = make();
//! if let Some(checkpoint) = storage.latest()? {
//!     graph.restore(checkpoint.snapshot())?;
//! }
//! let mut run = graph.start()?;
//! assert_eq!(run.outputs.sum.recv().await, Some(499_999_500_000));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # std::fs::remove_dir_all(folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod chain;
#[doc(hidden)]
pub mod disk;
mod error;
mod files;
pub(crate) mod folder;
mod inspect;
mod keeper;
mod lineage;
mod manifest;
pub(crate) use manifest::Link;
#[cfg(test)]
pub(crate) use manifest::fuzz_manifest;
#[cfg(feature = "object_store")]
mod objects;
mod packing;
mod shelf;

pub use error::CheckpointError;
pub use files::FileCheckpointStorage;
pub use inspect::{InspectedField, InspectedNode, InspectedPosition, Inspection};
#[cfg(feature = "object_store")]
pub use objects::ObjectCheckpointStorage;

pub use crate::graph::restart_from_checkpoint;
use crate::graph::{CutId, Descent, Snapshot};
use std::sync::Arc;

/// Where checkpoints are kept.
///
/// It is the storage that knows what a checkpoint lies on: only it can tell which one is complete, and
/// when it is better to begin anew than to put changes onto changes. A run knows what has changed
/// since a cut of its own, and gives everything where it does not. So the two agree by naming a cut,
/// and a checkpoint that failed, or that is in another storage, is never taken for granted.
pub trait CheckpointStorage: Send + Sync {
    /// Keeps `snapshot` as the checkpoint after the last one; its id. When this returns without an
    /// error the checkpoint is complete, and stays whatever happens to the process or the machine.
    /// After an error it may be there or not; no other ever gets its id.
    ///
    /// # Errors
    /// When it cannot be written.
    fn publish(&self, snapshot: &Snapshot) -> Result<u64, CheckpointError>;

    /// The [cut](Snapshot::cut) of the checkpoint onto which the next one may be put, so that changes
    /// since then are enough: that of the last complete one, and never of one of which that is not
    /// certain. `None`, as provided, to be given everything each time.
    ///
    /// Who answers otherwise is given snapshots [since](Snapshot::since) that cut, and has to give
    /// them back [onto](Snapshot::onto) what they are since.
    fn takes_changes_since(&self) -> Option<CutId> {
        None
    }

    /// Keeps `snapshot` as the checkpoint after the last one, as [`publish`](CheckpointStorage::publish)
    /// does, and beside that by `name`, needing no other, until somebody removes it; its id.
    ///
    /// # Errors
    /// When there is one of that name, or it cannot be written. As provided:
    /// [`CheckpointError::NoSavepoints`].
    fn savepoint(&self, name: &str, snapshot: &Snapshot) -> Result<u64, CheckpointError> {
        let _ = (name, snapshot);
        Err(CheckpointError::NoSavepoints)
    }

    /// Notes, durably, that what the checkpoint `id` holds is about to be committed: sinks show it, and
    /// sources are told that they need not give it again. A run says so behind `publish`, and goes on with
    /// it only when this has returned without an error. From then on nothing older may be restored, unless
    /// somebody insists on it or all of that can be done again. A storage that never restores anything
    /// but the last one needs to note nothing.
    ///
    /// # Errors
    /// When it cannot be noted, or another run has taken over: then nothing is committed.
    fn will_commit(&self, id: u64) -> Result<(), CheckpointError>;

    /// The last complete checkpoint; `None` where there is none yet.
    ///
    /// Where that is damaged, and nothing of it was committed, it is the one that it descends from: its
    /// [parent](Checkpoint::parent), or the parent of that; never one behind what was committed.
    ///
    /// # Errors
    /// When it cannot be read, or is damaged: which file, and what can be done.
    fn latest(&self) -> Result<Option<Checkpoint>, CheckpointError>;
}

/// One that is chosen when the program runs: a folder or an object store, say, as an `Arc<dyn CheckpointStorage>`.
impl<S: CheckpointStorage + ?Sized> CheckpointStorage for Arc<S> {
    fn publish(&self, snapshot: &Snapshot) -> Result<u64, CheckpointError> {
        (**self).publish(snapshot)
    }
    fn takes_changes_since(&self) -> Option<CutId> {
        (**self).takes_changes_since()
    }
    fn savepoint(&self, name: &str, snapshot: &Snapshot) -> Result<u64, CheckpointError> {
        (**self).savepoint(name, snapshot)
    }
    fn will_commit(&self, id: u64) -> Result<(), CheckpointError> {
        (**self).will_commit(id)
    }
    fn latest(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        (**self).latest()
    }
}

/// A complete checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    id: u64,
    parent: Option<u64>,
    snapshot: Snapshot,
}

impl Checkpoint {
    /// What a storage has kept: its number, that of the one that it descends from, and the state.
    pub fn new(id: u64, parent: Option<u64>, mut snapshot: Snapshot) -> Self {
        // It is in no folder in which it could be looked for.
        let from = Some(Link { id, checksum: 0 });
        snapshot.descent = Descent { run: None, from, ..snapshot.descent };
        Checkpoint { id, parent, snapshot }
    }

    /// Its number: ids only grow.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The checkpoint that it descends from: the one that its run took before it, or was restored from.
    /// `None` where that run began anew, or with what is in another storage.
    pub fn parent(&self) -> Option<u64> {
        self.parent
    }

    /// The state of all nodes.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }
}
