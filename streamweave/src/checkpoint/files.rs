//! Checkpoints in a folder of the file system.
#![allow(
    clippy::disallowed_methods,
    reason = "the one place of the core that writes files of its own"
)]

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::checkpoint::manifest::Manifest;
use crate::checkpoint::{Checkpoint, CheckpointError, CheckpointStorage};
use crate::graph::Snapshot;

/// So many complete checkpoints are kept unless said otherwise.
const RETAINED: usize = 3;

/// Checkpoints in a folder: each a folder of its own, `checkpoint-7`, with a file of states and a
/// manifest. Clones share it.
///
/// A checkpoint is written into a folder of another name: its files are flushed to the disk, then
/// that folder, then it is renamed, and the outer folder flushed. So there is a whole checkpoint of
/// its name or none, also after the machine lost its power. The last few are kept; what an
/// interrupted one left is removed when the folder is opened again. While it is open no other
/// process can open it.
#[derive(Clone, Debug)]
pub struct FileCheckpointStorage(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    retained: usize,
    /// Held for as long as this is open: the system lets go of it however the process ends.
    _lock: File,
    /// The id of the last complete checkpoint, and the greatest that was ever begun.
    ids: Mutex<(Option<u64>, u64)>,
}

impl FileCheckpointStorage {
    /// Opens the folder, which is made if it is not there.
    ///
    /// # Errors
    /// [`CheckpointError::NoFolder`] where the path is empty, [`CheckpointError::InUse`] while
    /// another process has the folder open, [`CheckpointError::Io`] where the file system refuses.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, CheckpointError> {
        Self::open_with(folder, RETAINED)
    }

    /// As [`FileCheckpointStorage::open`], keeping the last `retained` checkpoints, at least one.
    ///
    /// # Errors
    /// As [`FileCheckpointStorage::open`].
    pub fn open_with(folder: impl AsRef<Path>, retained: usize) -> Result<Self, CheckpointError> {
        let folder = folder.as_ref().to_owned();
        // The empty path would be the working folder to some calls, and nothing to others.
        if folder.as_os_str().is_empty() {
            return Err(CheckpointError::NoFolder);
        }
        fs::create_dir_all(&folder).map_err(CheckpointError::io("make the folder", &folder))?;
        let path = folder.join("lock");
        let lock = File::create(&path).map_err(CheckpointError::io("create", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(CheckpointError::InUse { folder }),
            Err(TryLockError::Error(error)) => {
                return Err(CheckpointError::Io { action: "lock", path, error });
            }
        }
        let mut greatest = 0;
        for (name, id) in entries(&folder)? {
            greatest = greatest.max(id);
            if name.starts_with(BEGUN) {
                let path = folder.join(name);
                fs::remove_dir_all(&path).map_err(CheckpointError::io("remove", &path))?;
            }
        }
        let last = complete(&folder)?.last().copied();
        let inner = Inner {
            folder,
            retained: retained.max(1),
            _lock: lock,
            ids: Mutex::new((last, greatest)),
        };
        Ok(FileCheckpointStorage(Arc::new(inner)))
    }

    /// The ids of the complete checkpoints that are there, the oldest first.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn ids(&self) -> Result<Vec<u64>, CheckpointError> {
        complete(&self.0.folder)
    }

    /// The checkpoint of this id.
    ///
    /// # Errors
    /// When it is not there, cannot be read, or is damaged.
    pub fn read(&self, id: u64) -> Result<Checkpoint, CheckpointError> {
        let folder = self.0.folder.join(format!("{COMPLETE}{id}"));
        let read = |name: &str| {
            let path = folder.join(name);
            match fs::read(&path) {
                Ok(bytes) => Ok((path, bytes)),
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    let reason = "is not there".to_owned();
                    Err(CheckpointError::Damaged { id, file: path, reason })
                }
                Err(error) => Err(CheckpointError::io("read", &path)(error)),
            }
        };
        let damaged = |file: PathBuf| |reason| CheckpointError::Damaged { id, file, reason };
        let (path, bytes) = read(MANIFEST)?;
        let manifest = Manifest::decode(&bytes).map_err(damaged(path.clone()))?;
        if manifest.id != id {
            return Err(damaged(path)(format!("is that of checkpoint {}", manifest.id)));
        }
        let (path, states) = read(STATES)?;
        manifest.with(&states).map_err(damaged(path))
    }

    /// The last checkpoint that is whole, where later ones are not: for going on although
    /// [`latest`](CheckpointStorage::latest) fails. What was sent by the run since that checkpoint
    /// may be sent again.
    ///
    /// # Errors
    /// When the folder cannot be read, or none of its checkpoints is whole: what is wrong with the
    /// last one.
    pub fn latest_intact(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        let mut first = None;
        for id in self.ids()?.into_iter().rev() {
            match self.read(id) {
                Ok(checkpoint) => return Ok(Some(checkpoint)),
                Err(error) => {
                    tracing::warn!(id, %error, "a checkpoint is passed over");
                    first.get_or_insert(error);
                }
            }
        }
        first.map_or(Ok(None), Err)
    }

    fn write(
        &self,
        id: u64,
        parent: Option<u64>,
        snapshot: &Snapshot,
    ) -> Result<(), CheckpointError> {
        let (manifest, states) = Manifest::of(id, parent, snapshot);
        let begun = self.0.folder.join(format!("{BEGUN}{id}"));
        fs::create_dir(&begun).map_err(CheckpointError::io("make the folder", &begun))?;
        let write = |name: &str, bytes: &[u8]| {
            let path = begun.join(name);
            let mut file = File::create_new(&path).map_err(CheckpointError::io("create", &path))?;
            file.write_all(bytes).map_err(CheckpointError::io("write", &path))?;
            file.sync_all().map_err(CheckpointError::io("flush", &path))
        };
        write(STATES, &states)?;
        let path = begun.join(MANIFEST);
        let encoded = manifest.encode().map_err(|error| CheckpointError::Io {
            action: "encode",
            path,
            error: std::io::Error::other(error),
        })?;
        write(MANIFEST, &encoded)?;
        flush_folder(&begun)?;
        let complete = self.0.folder.join(format!("{COMPLETE}{id}"));
        fs::rename(&begun, &complete).map_err(CheckpointError::io("rename to", &complete))?;
        flush_folder(&self.0.folder)
    }

    /// Removes what is older than those that are kept, as long as these can be read.
    fn collect(&self) -> Result<(), CheckpointError> {
        let ids = self.ids()?;
        let (old, kept) = ids.split_at(ids.len().saturating_sub(self.0.retained));
        if old.is_empty() || kept.iter().any(|id| self.read(*id).is_err()) {
            return Ok(());
        }
        for id in old {
            // Renamed first: what is removed halfway has no name of a complete one.
            let from = self.0.folder.join(format!("{COMPLETE}{id}"));
            let to = self.0.folder.join(format!("{BEGUN}{id}"));
            fs::rename(&from, &to).map_err(CheckpointError::io("rename", &from))?;
            fs::remove_dir_all(&to).map_err(CheckpointError::io("remove", &to))?;
        }
        Ok(())
    }
}

impl CheckpointStorage for FileCheckpointStorage {
    fn publish(&self, snapshot: &Snapshot) -> Result<u64, CheckpointError> {
        let mut ids = self.0.ids.lock().unwrap_or_else(PoisonError::into_inner);
        let (parent, greatest) = *ids;
        let id = greatest + 1;
        // Whatever becomes of it, its id is never used again.
        ids.1 = id;
        self.write(id, parent, snapshot)?;
        ids.0 = Some(id);
        // The checkpoint is complete: what fails from here on costs only room.
        if let Err(error) = self.collect() {
            tracing::warn!(%error, "old checkpoints stay");
        }
        Ok(id)
    }

    fn latest(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        self.ids()?.last().map(|id| self.read(*id)).transpose()
    }
}

const COMPLETE: &str = "checkpoint-";
const BEGUN: &str = "begun-";
const STATES: &str = "states";
const MANIFEST: &str = "manifest";

/// The names in the folder that are those of checkpoints, begun or complete, and their ids.
fn entries(folder: &Path) -> Result<Vec<(String, u64)>, CheckpointError> {
    let io = || CheckpointError::io("list", folder);
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(io())? {
        let name = entry.map_err(io())?.file_name();
        let Some(name) = name.to_str() else { continue };
        let id = [COMPLETE, BEGUN].iter().find_map(|prefix| name.strip_prefix(prefix));
        if let Some(id) = id.and_then(|id| id.parse().ok()) {
            entries.push((name.to_owned(), id));
        }
    }
    Ok(entries)
}

fn complete(folder: &Path) -> Result<Vec<u64>, CheckpointError> {
    let entries = entries(folder)?.into_iter();
    let mut ids: Vec<_> =
        entries.filter(|(name, _)| name.starts_with(COMPLETE)).map(|(_, id)| id).collect();
    ids.sort_unstable();
    Ok(ids)
}

/// What is in the folder is on the disk, and not only in its cache.
fn flush_folder(folder: &Path) -> Result<(), CheckpointError> {
    let flushed = match File::open(folder) {
        Ok(folder) => folder.sync_all(),
        // Where folders are no files, renaming is on the disk by itself.
        Err(error) if error.kind() == ErrorKind::PermissionDenied && cfg!(windows) => Ok(()),
        Err(error) => Err(error),
    };
    flushed.map_err(CheckpointError::io("flush the folder", folder))
}
