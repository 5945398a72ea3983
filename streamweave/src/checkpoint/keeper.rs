//! How checkpoints are kept, wherever they lie: their ids, what lies on what, and which ones go.

use std::sync::{Mutex, MutexGuard, PoisonError};

use xxhash_rust::xxh3::xxh3_64;

use crate::checkpoint::chain::{Chain, not_kept};
use crate::checkpoint::manifest::{Link, Manifest};
use crate::checkpoint::shelf::{self, MANIFEST, Name, Shelf};
use crate::checkpoint::{Checkpoint, CheckpointError, Inspection};
use crate::graph::{CutId, Snapshot};

/// So many complete checkpoints are kept unless said otherwise.
pub(super) const RETAINED: usize = 3;

#[derive(Debug)]
pub(super) struct Keeper<S> {
    shelf: S,
    retained: usize,
    /// The id of the last complete checkpoint, and the greatest that was ever begun. Held while one
    /// is written.
    ids: Mutex<(Option<u64>, u64)>,
    /// What the next one may lie on.
    chain: Mutex<Option<Chain>>,
}

impl<S: Shelf> Keeper<S> {
    /// Keeps the last `retained`, on a shelf on which `greatest` is the greatest id so far.
    pub(super) fn new(shelf: S, greatest: u64, retained: usize) -> Result<Self, CheckpointError> {
        let last = shelf::ids(&shelf)?.last().copied();
        let (ids, chain) = (Mutex::new((last, greatest)), Mutex::new(None));
        Ok(Keeper { shelf, retained: retained.max(1), ids, chain })
    }

    pub(super) fn ids(&self) -> Result<Vec<u64>, CheckpointError> {
        shelf::ids(&self.shelf)
    }

    pub(super) fn read(&self, id: u64) -> Result<Checkpoint, CheckpointError> {
        shelf::read(&self.shelf, &Name::Checkpoint(id))
    }

    pub(super) fn inspect(&self, id: u64) -> Result<Inspection, CheckpointError> {
        Inspection::of(&self.shelf, &Name::Checkpoint(id))
    }

    /// The names of the savepoints, sorted.
    pub(super) fn savepoints(&self) -> Result<Vec<String>, CheckpointError> {
        let names = self.shelf.names()?.into_iter().filter_map(|name| match name {
            Name::Checkpoint(_) => None,
            Name::Savepoint(name) => Some(name),
        });
        let mut names: Vec<_> = names.collect();
        names.sort_unstable();
        Ok(names)
    }

    pub(super) fn read_savepoint(&self, name: &str) -> Result<Checkpoint, CheckpointError> {
        shelf::read(&self.shelf, &self.existing(name)?)
    }

    pub(super) fn remove_savepoint(&self, name: &str) -> Result<(), CheckpointError> {
        self.shelf.discard(&[self.existing(name)?])
    }

    fn existing(&self, name: &str) -> Result<Name, CheckpointError> {
        let savepoint = Name::savepoint(name)?;
        if !self.shelf.names()?.contains(&savepoint) {
            return Err(CheckpointError::None {
                place: self.shelf.place().join(savepoint.to_string()),
            });
        }
        Ok(savepoint)
    }

    /// Keeps it as the next checkpoint, from which runs go on by themselves, and once more by name.
    pub(super) fn savepoint(
        &self,
        name: &str,
        snapshot: &Snapshot,
    ) -> Result<u64, CheckpointError> {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        let savepoint = Name::savepoint(name)?;
        if self.shelf.names()?.contains(&savepoint) {
            let folder = self.shelf.place();
            return Err(CheckpointError::SavepointExists { name: name.to_owned(), folder });
        }
        let id = self.publish_as(&mut ids, snapshot)?;
        // With what it lies on, as that goes in time.
        let whole = self.read(id)?;
        let manifest = Manifest::of(id, whole.parent(), Vec::new(), whole.snapshot());
        self.put(&savepoint, &manifest, whole.snapshot())?;
        Ok(id)
    }

    pub(super) fn latest(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        let last = self.ids()?.last().map(|id| self.read(*id)).transpose()?;
        // A run is to begin with what it has published, and not with what came of it elsewhere.
        self.shelf.still_mine()?;
        Ok(last)
    }

    pub(super) fn latest_intact(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        let mut first = None;
        for id in self.ids()?.into_iter().rev() {
            match self.read(id) {
                Ok(checkpoint) => {
                    self.shelf.still_mine()?;
                    return Ok(Some(checkpoint));
                }
                Err(error) => {
                    tracing::warn!(id, %error, "a checkpoint is passed over");
                    first.get_or_insert(error);
                }
            }
        }
        first.map_or(Ok(None), Err)
    }

    pub(super) fn publish(&self, snapshot: &Snapshot) -> Result<u64, CheckpointError> {
        self.publish_as(&mut self.ids.lock().unwrap_or_else(PoisonError::into_inner), snapshot)
    }

    fn publish_as(
        &self,
        ids: &mut (Option<u64>, u64),
        snapshot: &Snapshot,
    ) -> Result<u64, CheckpointError> {
        let (parent, greatest) = *ids;
        let id = greatest + 1;
        // Whatever becomes of it, its id is never used again.
        ids.1 = id;
        let below = snapshot.since().map(|cut| {
            // It stays what the next one may lie on, should this one fail.
            self.chain()
                .clone()
                .filter(|chain| chain.is_of(cut))
                .ok_or_else(|| CheckpointError::Overtaken { folder: self.shelf.place() })
        });
        let below = below.transpose()?;
        let on = below.as_ref().map_or_else(Vec::new, |chain| chain.links.clone());
        let checksum =
            self.put(&Name::Checkpoint(id), &Manifest::of(id, parent, on, snapshot), snapshot)?;
        ids.0 = Some(id);
        *self.chain() = Some(Chain::with(below, snapshot, Link { id, checksum }));
        // The checkpoint is complete: what fails from here on costs only room.
        if let Err(error) = self.collect() {
            tracing::warn!(%error, "old checkpoints stay");
        }
        Ok(id)
    }

    /// Puts it on the shelf; the checksum of its manifest.
    fn put(
        &self,
        name: &Name,
        manifest: &Manifest,
        snapshot: &Snapshot,
    ) -> Result<u64, CheckpointError> {
        let encoded = manifest.encode().map_err(|error| {
            let path = self.shelf.place().join(name.to_string()).join(MANIFEST);
            CheckpointError::io("encode", &path)(std::io::Error::other(error))
        })?;
        let mut states = snapshot.paths().filter_map(|path| snapshot.get(path));
        self.shelf.put(name, &mut states, &encoded)?;
        Ok(xxh3_64(&encoded))
    }

    pub(super) fn takes_changes_since(&self) -> Option<CutId> {
        self.chain().as_ref().and_then(Chain::takes_changes_since)
    }

    /// Removes what is not kept, as long as everything that is kept can be read.
    fn collect(&self) -> Result<(), CheckpointError> {
        let mut all: Vec<(u64, Vec<u64>)> = Vec::new();
        let mut manifests = Vec::new();
        for id in self.ids()? {
            // What cannot be read is needed by nobody else, as far as can be told.
            let name = Name::Checkpoint(id);
            let manifest = shelf::manifest(&self.shelf, &name, &name).map(|(manifest, _)| manifest);
            let on = manifest.iter().flat_map(|manifest| &manifest.on);
            all.push((id, on.map(|link| link.id).collect()));
            manifests.push((id, manifest));
        }
        let gone = not_kept(&all, self.retained);
        if gone.is_empty() {
            return Ok(());
        }
        for (id, manifest) in manifests.into_iter().filter(|(id, _)| !gone.contains(id)) {
            let name = Name::Checkpoint(id);
            let is_whole = manifest.is_ok_and(|manifest| {
                let there = |link: &Link| all.iter().any(|(id, _)| *id == link.id);
                manifest.on.iter().all(there)
                    && shelf::states(&self.shelf, &name, &name, &manifest).is_ok()
            });
            if !is_whole {
                return Ok(());
            }
        }
        self.shelf.discard(&gone.into_iter().map(Name::Checkpoint).collect::<Vec<_>>())
    }

    fn chain(&self) -> MutexGuard<'_, Option<Chain>> {
        self.chain.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What can be done with a storage of checkpoints, wherever they lie: the methods of a struct around an
/// `Arc<Keeper<..>>`.
macro_rules! kept {
    ($storage:ident) => {
        impl $storage {
            /// The ids of the complete checkpoints that are there, the oldest first.
            ///
            /// # Errors
            /// When they cannot be listed.
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

            /// What is in the checkpoint of this id, which is verified with all that it lies on.
            ///
            /// # Errors
            /// As of `read`.
            pub fn inspect(&self, id: u64) -> Result<Inspection, CheckpointError> {
                self.0.inspect(id)
            }

            /// The last checkpoint that is whole, where later ones are not: for going on although
            /// [`latest`](CheckpointStorage::latest) fails. What was sent by the run since that
            /// checkpoint may be sent again.
            ///
            /// # Errors
            /// When they cannot be listed, or none of them is whole: what is wrong with the last one.
            pub fn latest_intact(&self) -> Result<Option<Checkpoint>, CheckpointError> {
                self.0.latest_intact()
            }

            /// The names of the savepoints that are there, sorted.
            ///
            /// # Errors
            /// When they cannot be listed.
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
            /// When it is not there ([`CheckpointError::None`]), or cannot be removed.
            pub fn remove_savepoint(&self, name: &str) -> Result<(), CheckpointError> {
                self.0.remove_savepoint(name)
            }
        }

        impl CheckpointStorage for $storage {
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
    };
}
pub(super) use kept;
