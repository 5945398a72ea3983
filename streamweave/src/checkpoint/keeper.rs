//! How checkpoints are kept, wherever they lie: their ids, what lies on what, and which ones go.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use xxhash_rust::xxh3::xxh3_64;

use crate::checkpoint::chain::{Chain, not_kept};
use crate::checkpoint::lineage::{Committed, last_whole};
use crate::checkpoint::manifest::{Link, Manifest};
use crate::checkpoint::packing::{Stored, stored};
use crate::checkpoint::shelf::{self, MANIFEST, Name, Shelf};
use crate::checkpoint::{Checkpoint, CheckpointError, Inspection};
use crate::graph::{CutId, Snapshot};

/// So many complete checkpoints are kept unless said otherwise.
pub(super) const RETAINED: usize = 3;

#[derive(Debug)]
pub(super) struct Keeper<S> {
    shelf: S,
    retained: usize,
    /// Held while one is written.
    ids: Mutex<Ids>,
    /// What the next one may lie on.
    chain: Mutex<Option<Chain>>,
    /// States are packed.
    packs: AtomicBool,
}

/// Of the checkpoints that there ever were.
#[derive(Debug)]
struct Ids {
    /// The greatest that was begun.
    begun: u64,
    /// The greatest of which something may have been committed.
    committed: u64,
    /// The log says so.
    logged: bool,
}

impl<S: Shelf> Keeper<S> {
    /// Keeps the last `retained`, on a shelf on which `greatest` is the greatest id so far.
    pub(super) fn new(shelf: S, greatest: u64, retained: usize) -> Result<Self, CheckpointError> {
        // Without a log all that is there was.
        let last = shelf::ids(&shelf)?.last().copied().unwrap_or(0);
        let logged = shelf.logged()?;
        let committed = logged.unwrap_or(last);
        let begun = greatest.max(committed);
        let ids = Mutex::new(Ids { begun, committed, logged: logged.is_some() });
        let (chain, packs) = (Mutex::new(None), AtomicBool::new(false));
        Ok(Keeper { shelf, retained: retained.max(1), ids, chain, packs })
    }

    pub(super) fn ids(&self) -> Result<Vec<u64>, CheckpointError> {
        shelf::ids(&self.shelf)
    }

    pub(super) fn read(&self, id: u64) -> Result<Checkpoint, CheckpointError> {
        let checkpoint = shelf::read(&self.shelf, &Name::Checkpoint(id))?;
        self.will_commit(id)?;
        Ok(checkpoint)
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
        let checkpoint = shelf::read(&self.shelf, &self.existing(name)?)?;
        // It may be of another folder.
        if self.ids()?.contains(&checkpoint.id()) {
            self.will_commit(checkpoint.id())?;
        }
        Ok(checkpoint)
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
        let mut ids = self.own();
        let savepoint = Name::savepoint(name)?;
        if self.shelf.names()?.contains(&savepoint) {
            let folder = self.shelf.place();
            return Err(CheckpointError::SavepointExists { name: name.to_owned(), folder });
        }
        let id = self.publish_as(&mut ids, snapshot)?;
        // With what it lies on, as that goes in time.
        let whole = shelf::read(&self.shelf, &Name::Checkpoint(id))?;
        let stored = self.stored(whole.snapshot());
        let descent = whole.snapshot().descent;
        let manifest = Manifest::of(id, whole.parent(), Vec::new(), descent, &stored);
        self.put(&savepoint, &manifest, &stored)?;
        Ok(id)
    }

    pub(super) fn latest(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        let committed = Committed::UpTo(self.own().committed);
        self.begin(last_whole(&self.shelf, committed)?)
    }

    pub(super) fn latest_intact(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        self.begin(last_whole(&self.shelf, Committed::Whatever)?)
    }

    /// A run is to begin with what it has published, and not with what came of it elsewhere; and it commits
    /// what it begins with.
    fn begin(&self, with: Option<Checkpoint>) -> Result<Option<Checkpoint>, CheckpointError> {
        self.shelf.still_mine()?;
        if let Some(checkpoint) = &with {
            self.will_commit(checkpoint.id())?;
        }
        Ok(with)
    }

    /// What is in the checkpoint `id` is about to be committed.
    pub(super) fn will_commit(&self, id: u64) -> Result<(), CheckpointError> {
        let mut ids = self.own();
        if id > ids.committed || !ids.logged {
            let id = id.max(ids.committed);
            self.shelf.log(id)?;
            (ids.committed, ids.logged) = (id, true);
        }
        Ok(())
    }

    pub(super) fn publish(&self, snapshot: &Snapshot) -> Result<u64, CheckpointError> {
        self.publish_as(&mut self.own(), snapshot)
    }

    fn publish_as(&self, ids: &mut Ids, snapshot: &Snapshot) -> Result<u64, CheckpointError> {
        let id = ids.begun + 1;
        // Whatever becomes of it, its id is never used again.
        ids.begun = id;
        let parent = self.parent_of(snapshot)?;
        let below = snapshot.since().map(|cut| {
            // It stays what the next one may lie on, should this one fail.
            self.chain()
                .clone()
                .filter(|chain| chain.is_of(cut))
                .ok_or_else(|| CheckpointError::Overtaken { folder: self.shelf.place() })
        });
        let below = below.transpose()?;
        let on = below.as_ref().map_or_else(Vec::new, |chain| chain.links.clone());
        let stored = self.stored(snapshot);
        let manifest = Manifest::of(id, parent, on, snapshot.descent, &stored);
        let checksum = self.put(&Name::Checkpoint(id), &manifest, &stored)?;
        *self.chain() = Some(Chain::with(below, snapshot, Link { id, checksum }));
        // The checkpoint is complete: what fails from here on costs only room.
        if let Err(error) = self.collect() {
            tracing::warn!(%error, "old checkpoints stay");
        }
        Ok(id)
    }

    /// The checkpoint that a run had taken before, or was restored from, where it is here.
    fn parent_of(&self, snapshot: &Snapshot) -> Result<Option<u64>, CheckpointError> {
        if let Some(parent) = self.chain().as_ref().and_then(|last| last.parent_of(snapshot)) {
            return Ok(Some(parent));
        }
        let Some(from) = snapshot.descent.from else { return Ok(None) };
        let name = Name::Checkpoint(from.id);
        match shelf::manifest(&self.shelf, &name, &name) {
            Ok((_, checksum)) => Ok((checksum == from.checksum).then_some(from.id)),
            Err(CheckpointError::Damaged { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts it on the shelf; the checksum of its manifest.
    fn put(
        &self,
        name: &Name,
        manifest: &Manifest,
        stored: &[Stored<'_>],
    ) -> Result<u64, CheckpointError> {
        let encoded = manifest.encode().map_err(|error| {
            let path = self.shelf.place().join(name.to_string()).join(MANIFEST);
            CheckpointError::io("encode", &path)(std::io::Error::other(error))
        })?;
        let mut states = stored.iter().map(|state| &*state.bytes);
        self.shelf.put(name, &mut states, &encoded)?;
        Ok(xxh3_64(&encoded))
    }

    fn stored<'a>(&self, snapshot: &'a Snapshot) -> Vec<Stored<'a>> {
        stored(snapshot, self.packs.load(Ordering::Relaxed))
    }

    /// What is kept from now on is packed.
    #[cfg(feature = "zstd")]
    pub(super) fn pack(&self) {
        self.packs.store(true, Ordering::Relaxed);
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

    fn own(&self) -> MutexGuard<'_, Ids> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
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
            /// Packs what is kept from now on with zstd, at its level 1, where that makes it smaller. Every
            /// program with the feature `zstd` can read both.
            ///
            /// ```
            /// use streamweave::checkpoint::{CheckpointStorage, FileCheckpointStorage};
            /// use streamweave::prelude::*;
            ///
            /// # let folder = std::env::temp_dir().join(format!("packed-{}", std::process::id()));
            /// let storage = FileCheckpointStorage::open(&folder)?.compressed();
            /// let graph = graph! {
            ///     sum: streamweave::nodes::fold(0_u64, |sum: &mut u64, n: u64| *sum += n),
            ///     graph.numbers => sum.input,
            ///     sum.out => graph.sum,
            /// };
            /// graph.inline()?.checkpoint(&storage)?;
            /// # drop(storage);
            /// # std::fs::remove_dir_all(folder)?;
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            #[cfg(feature = "zstd")]
            #[must_use]
            pub fn compressed(self) -> Self {
                self.0.pack();
                self
            }

            /// The ids of the complete checkpoints that are there, the oldest first.
            ///
            /// # Errors
            /// When they cannot be listed.
            pub fn ids(&self) -> Result<Vec<u64>, CheckpointError> {
                self.0.ids()
            }

            /// The checkpoint of this id, with all that it lies on. As it may be restored, and what it holds be
            /// committed then, that is [noted](CheckpointStorage::will_commit).
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

            /// The last checkpoint that is whole of those that the last one descends from (where its manifest
            /// is damaged, so that nobody knows what that is, the one before it): for going on although
            /// [`latest`](CheckpointStorage::latest) fails. What was committed, or sent, by the run since
            /// that checkpoint may be again.
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

            fn will_commit(&self, id: u64) -> Result<(), CheckpointError> {
                self.0.will_commit(id)
            }

            fn latest(&self) -> Result<Option<Checkpoint>, CheckpointError> {
                self.0.latest()
            }
        }
    };
}
pub(super) use kept;
