//! Checkpoints in a folder of the file system.

use std::path::Path;
use std::sync::Arc;

use crate::checkpoint::disk::{Disk, RealDisk};
use crate::checkpoint::folder::Folder;
use crate::checkpoint::keeper::{Keeper, RETAINED};
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

    /// The ids of the complete checkpoints that are there, the oldest first.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn ids(&self) -> Result<Vec<u64>, CheckpointError> {
        self.0.ids()
    }

    /// The checkpoint of this id, with all that it lies on.
    ///
    /// # Errors
    /// When it is not there, cannot be read, or is damaged; or one that it lies on.
    pub fn read(&self, id: u64) -> Result<Checkpoint, CheckpointError> {
        self.0.read(id)
    }

    /// The last checkpoint that is whole, where later ones are not: for going on although
    /// [`latest`](CheckpointStorage::latest) fails. What was sent by the run since that checkpoint
    /// may be sent again.
    ///
    /// # Errors
    /// When the folder cannot be read, or none of its checkpoints is whole: what is wrong with the
    /// last one.
    pub fn latest_intact(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        self.0.latest_intact()
    }

    /// What is in the checkpoint of this id, which is verified with all that it lies on.
    ///
    /// # Errors
    /// As [`FileCheckpointStorage::read`].
    pub fn inspect(&self, id: u64) -> Result<Inspection, CheckpointError> {
        self.0.inspect(id)
    }

    /// The names of the savepoints that are there, sorted.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn savepoints(&self) -> Result<Vec<String>, CheckpointError> {
        self.0.savepoints()
    }

    /// The savepoint of this name.
    ///
    /// # Errors
    /// When it is not there ([`CheckpointError::None`]), cannot be read, or is damaged.
    pub fn read_savepoint(&self, name: &str) -> Result<Checkpoint, CheckpointError> {
        self.0.read_savepoint(name)
    }

    /// Removes the savepoint of this name.
    ///
    /// # Errors
    /// When it is not there ([`CheckpointError::None`]), or the file system refuses.
    pub fn remove_savepoint(&self, name: &str) -> Result<(), CheckpointError> {
        self.0.remove_savepoint(name)
    }
}

impl CheckpointStorage for FileCheckpointStorage {
    fn publish(&self, snapshot: &Snapshot) -> Result<u64, CheckpointError> {
        self.0.publish(snapshot)
    }

    fn savepoint(&self, name: &str, snapshot: &Snapshot) -> Result<u64, CheckpointError> {
        self.0.savepoint(name, snapshot)
    }

    fn takes_changes_since(&self) -> Option<CutId> {
        self.0.takes_changes_since()
    }

    fn latest(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        self.0.latest()
    }
}
