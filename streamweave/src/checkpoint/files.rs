//! Checkpoints in a folder of the file system.
#![allow(
    clippy::disallowed_methods,
    reason = "the one place of the core that writes files of its own"
)]

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use xxhash_rust::xxh3::xxh3_64;

use crate::checkpoint::chain::{Chain, not_kept};
use crate::checkpoint::manifest::{Link, Manifest};
use crate::checkpoint::{Checkpoint, CheckpointError, CheckpointStorage};
use crate::graph::{CutId, Snapshot};

/// So many complete checkpoints are kept unless said otherwise.
const RETAINED: usize = 3;

/// Checkpoints in a folder: each a folder of its own, `checkpoint-7`, with a file of states and a
/// manifest. Clones share it.
///
/// A checkpoint is written into a folder of another name: its files are flushed to the disk, then
/// that folder, then it is renamed, and the outer folder flushed. So there is a whole checkpoint of
/// its name or none, also after the machine lost its power. What an interrupted one left is removed
/// when the folder is opened again. While it is open no other process can open it.
///
/// A run's first checkpoint holds everything. Those behind it hold what has changed since the one
/// before, and name those that they lie on, until these changes outweigh what they lie on or there are
/// 32 of them: then the next holds everything again. The last few are kept, with all that they need,
/// and at least so many that two of them need nothing in common.
#[derive(Clone, Debug)]
pub struct FileCheckpointStorage(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    retained: usize,
    /// Held for as long as this is open: the system lets go of it however the process ends.
    _lock: File,
    /// The id of the last complete checkpoint, and the greatest that was ever begun. Held while one
    /// is written.
    ids: Mutex<(Option<u64>, u64)>,
    /// What the next one may lie on.
    chain: Mutex<Option<Chain>>,
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

    /// As [`FileCheckpointStorage::open`], keeping the last `retained` checkpoints, at least one: three
    /// unless said otherwise. With one, only what that needs is kept besides.
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
            chain: Mutex::new(None),
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

    /// The checkpoint of this id, with all that it lies on.
    ///
    /// # Errors
    /// When it is not there, cannot be read, or is damaged; or one that it lies on.
    pub fn read(&self, id: u64) -> Result<Checkpoint, CheckpointError> {
        let (manifest, _) = self.manifest(id, id)?;
        let mut snapshot = Snapshot::default();
        for link in &manifest.on {
            let (below, checksum) = self.manifest(id, link.id)?;
            if checksum != link.checksum {
                let file = self.file(link.id, MANIFEST);
                let reason = format!("is another than the one that `{COMPLETE}{id}` lies on");
                return Err(CheckpointError::Damaged { id, file, reason });
            }
            snapshot = self.states(id, &below)?.onto(snapshot);
        }
        let snapshot = self.states(id, &manifest)?.onto(snapshot);
        Ok(Checkpoint { id, parent: manifest.parent, snapshot })
    }

    fn file(&self, id: u64, name: &str) -> PathBuf {
        self.0.folder.join(format!("{COMPLETE}{id}")).join(name)
    }

    /// Reads a file of checkpoint `part`, for checkpoint `id`, which needs it.
    fn bytes(&self, id: u64, part: u64, name: &str) -> Result<Vec<u8>, CheckpointError> {
        let file = self.file(part, name);
        fs::read(&file).map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                CheckpointError::Damaged { id, file, reason: "is not there".to_owned() }
            }
            _ => CheckpointError::io("read", &file)(error),
        })
    }

    /// The manifest of `part`, and the checksum of that file.
    fn manifest(&self, id: u64, part: u64) -> Result<(Manifest, u64), CheckpointError> {
        let bytes = self.bytes(id, part, MANIFEST)?;
        let damaged = |reason| {
            let file = self.file(part, MANIFEST);
            CheckpointError::Damaged { id, file, reason }
        };
        let manifest = Manifest::decode(&bytes).map_err(damaged)?;
        if manifest.id != part {
            return Err(damaged(format!("is that of checkpoint {}", manifest.id)));
        }
        Ok((manifest, xxh3_64(&bytes)))
    }

    /// What is in this one alone, for checkpoint `id`.
    fn states(&self, id: u64, part: &Manifest) -> Result<Snapshot, CheckpointError> {
        let bytes = self.bytes(id, part.id, STATES)?;
        let mut snapshot = Snapshot::default();
        let read = part.states(&bytes, |path, state| {
            snapshot.insert(path.to_owned(), state.to_vec());
        });
        let file = self.file(part.id, STATES);
        read.map_err(|reason| CheckpointError::Damaged { id, file, reason })?;
        Ok(snapshot)
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

    /// Writes it; the checksum of its manifest.
    fn write(&self, manifest: &Manifest, snapshot: &Snapshot) -> Result<u64, CheckpointError> {
        let begun = self.0.folder.join(format!("{BEGUN}{}", manifest.id));
        fs::create_dir(&begun).map_err(CheckpointError::io("make the folder", &begun))?;
        let write = |name: &str, parts: &mut dyn Iterator<Item = &[u8]>| {
            let path = begun.join(name);
            let mut file = File::create_new(&path).map_err(CheckpointError::io("create", &path))?;
            for part in parts {
                file.write_all(part).map_err(CheckpointError::io("write", &path))?;
            }
            file.sync_all().map_err(CheckpointError::io("flush", &path))
        };
        write(STATES, &mut snapshot.paths().filter_map(|path| snapshot.get(path)))?;
        let path = begun.join(MANIFEST);
        let encoded = manifest.encode().map_err(|error| CheckpointError::Io {
            action: "encode",
            path,
            error: std::io::Error::other(error),
        })?;
        write(MANIFEST, &mut [&*encoded].into_iter())?;
        flush_folder(&begun)?;
        let complete = self.0.folder.join(format!("{COMPLETE}{}", manifest.id));
        fs::rename(&begun, &complete).map_err(CheckpointError::io("rename to", &complete))?;
        flush_folder(&self.0.folder)?;
        Ok(xxh3_64(&encoded))
    }

    /// Removes what is not kept, as long as everything that is kept can be read.
    fn collect(&self) -> Result<(), CheckpointError> {
        let mut all: Vec<(u64, Vec<u64>)> = Vec::new();
        let mut manifests = Vec::new();
        for id in self.ids()? {
            // What cannot be read is needed by nobody else, as far as can be told.
            let manifest = self.manifest(id, id).map(|(manifest, _)| manifest);
            let on = manifest.iter().flat_map(|manifest| &manifest.on);
            all.push((id, on.map(|link| link.id).collect()));
            manifests.push((id, manifest));
        }
        let gone = not_kept(&all, self.0.retained);
        if gone.is_empty() {
            return Ok(());
        }
        for (id, manifest) in manifests.into_iter().filter(|(id, _)| !gone.contains(id)) {
            let read = manifest.and_then(|part| Ok((self.bytes(id, id, STATES)?, part)));
            let is_whole = read.is_ok_and(|(bytes, part)| {
                let there = |link: &Link| all.iter().any(|(id, _)| *id == link.id);
                part.on.iter().all(there) && part.states(&bytes, |_, _| ()).is_ok()
            });
            if !is_whole {
                return Ok(());
            }
        }
        for id in gone {
            // Renamed first: what is removed halfway has no name of a complete one.
            let from = self.0.folder.join(format!("{COMPLETE}{id}"));
            let to = self.0.folder.join(format!("{BEGUN}{id}"));
            fs::rename(&from, &to).map_err(CheckpointError::io("rename", &from))?;
            fs::remove_dir_all(&to).map_err(CheckpointError::io("remove", &to))?;
        }
        Ok(())
    }

    fn chain(&self) -> MutexGuard<'_, Option<Chain>> {
        self.0.chain.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CheckpointStorage for FileCheckpointStorage {
    fn publish(&self, snapshot: &Snapshot) -> Result<u64, CheckpointError> {
        let mut ids = self.0.ids.lock().unwrap_or_else(PoisonError::into_inner);
        let (parent, greatest) = *ids;
        let id = greatest + 1;
        // Whatever becomes of it, its id is never used again.
        ids.1 = id;
        let below = snapshot.since().map(|cut| {
            // It stays what the next one may lie on, should this one fail.
            self.chain()
                .clone()
                .filter(|chain| chain.is_of(cut))
                .ok_or_else(|| CheckpointError::Overtaken { folder: self.0.folder.clone() })
        });
        let below = below.transpose()?;
        let on = below.as_ref().map_or_else(Vec::new, |chain| chain.links.clone());
        let checksum = self.write(&Manifest::of(id, parent, on, snapshot), snapshot)?;
        ids.0 = Some(id);
        *self.chain() = Some(Chain::with(below, snapshot, Link { id, checksum }));
        // The checkpoint is complete: what fails from here on costs only room.
        if let Err(error) = self.collect() {
            tracing::warn!(%error, "old checkpoints stay");
        }
        Ok(id)
    }

    fn takes_changes_since(&self) -> Option<CutId> {
        self.chain().as_ref().and_then(Chain::takes_changes_since)
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
