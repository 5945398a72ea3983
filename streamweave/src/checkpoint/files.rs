//! Checkpoints in a folder of the file system.

use std::path::Path;
use std::sync::Arc;

use crate::checkpoint::disk::{Disk, RealDisk};
use crate::checkpoint::folder::Folder;
use crate::checkpoint::keeper::{Keeper, RETAINED, kept};
use crate::checkpoint::{Checkpoint, CheckpointError, CheckpointStorage, Inspection};
use crate::graph::{CutId, Snapshot};

/// Checkpoints in a folder: each a folder of its own, `checkpoint-7`, with a file of states and a
/// manifest. Clones share it.
///
/// A checkpoint is written into a folder of another name: its files are flushed to the disk, then
/// that folder, then it is renamed, and the outer folder flushed. So there is a whole checkpoint of
/// its name or none, also after the machine lost its power. What an interrupted one left is removed
/// when the folder is opened again, what a failed one left at once. While it is open no other process
/// can open it.
///
/// A run's first checkpoint holds everything. Those behind it hold what has changed since the one
/// before, and name those that they lie on, until these changes outweigh what they lie on or there are
/// 32 of them: then the next holds everything again. The last few are kept, with all that they need,
/// and at least so many that two of them need nothing in common.
///
/// Beside them is the log, an empty folder `committing-7-3f0c..` with a checksum in its name: what the
/// checkpoints up to the seventh hold may have been committed. Where the last one is damaged,
/// [`latest`](CheckpointStorage::latest) gives nothing behind that, unless all that the run did since can be
/// done again: where everything comes from `rewindable` sources and ends in `idempotent` sinks.
#[derive(Clone, Debug)]
pub struct FileCheckpointStorage(Arc<Keeper<Folder>>);

impl FileCheckpointStorage {
    /// Opens the folder, which is made if it is not there.
    ///
    /// # Errors
    /// [`CheckpointError::NoFolder`] where the path is empty, [`CheckpointError::InUse`] while
    /// another process has the folder open, [`CheckpointError::Io`] where the file system refuses.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, CheckpointError> {
        Self::open_with(folder, RETAINED)
    }

    /// As [`FileCheckpointStorage::open`], keeping the last `retained` checkpoints, at least one: three
    /// unless said otherwise. With one, only what that needs is kept besides.
    ///
    /// # Errors
    /// As [`FileCheckpointStorage::open`].
    pub fn open_with(folder: impl AsRef<Path>, retained: usize) -> Result<Self, CheckpointError> {
        Self::open_on(Arc::new(RealDisk), folder, retained)
    }

    /// As [`FileCheckpointStorage::open_with`], on another disk than that of the machine.
    #[doc(hidden)]
    pub fn open_on(
        disk: Arc<dyn Disk>,
        folder: impl AsRef<Path>,
        retained: usize,
    ) -> Result<Self, CheckpointError> {
        let (folder, greatest) = Folder::open(disk, folder.as_ref())?;
        Ok(FileCheckpointStorage(Arc::new(Keeper::new(folder, greatest, retained)?)))
    }
}

kept!(FileCheckpointStorage);
