//! `FjallBackend`: stored state on disk, in a log-structured store.
//!
//! A state field has a keyspace of its own. In it are, by the first byte of the key,
//!
//! ```text
//! e, group, key                 -> version, value             the newest value
//! u, version, group, key        -> 0 | 1, version, value      what it was before that version
//! s, groups, version            -> number, 0 | 1              a version that a checkpoint names, and a number
//!                                                             that is drawn for it; whether one that holds
//!                                                             it is known to be complete
//! ```
//!
//! numbers big-endian. An entry is put together with what it was before, so what lies on disk can be taken back to
//! any version from which on that is kept. A batch is written whole or not at all, and batches that are lost with
//! the machine's power are the last ones, none of which a checkpoint names: [`snapshot`] waits for the disk.
//!
//! [`snapshot`]: ExactlyOnceStateBackend::snapshot

mod error;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode};

use self::error::Failed;
use self::rows::{Id, Sealed, entries, entry, parse_undo, sealed, undo, undo_from, undos};
use super::backend::{Places, lock, newest};
use super::{BackendError, Change, ExactlyOnceStateBackend, Place, SavedPart};
use crate::broken::{Broken, broken};

/// So many rows are changed in one batch where there may be any number of them.
const ROWS: usize = 1024;

/// Keeps stored state in a folder: larger than memory, and there again after the process or the machine
/// failed. What it takes in memory is a cache of 32 MiB, and up to 64 MiB a state field of what is on its way to
/// the disk.
///
/// Open it once, and give a clone to each node that keeps state there; the instances of a node on workers
/// share it. The folder belongs to the job's checkpoints: keep, move and remove both together.
///
/// ```
/// use std::time::Duration;
/// use streamweave::checkpoint::{CheckpointStorage, FileCheckpointStorage};
/// use streamweave::prelude::*;
/// use streamweave::state::{FjallBackend, Stored};
///
/// /// How often each user has come.
/// #[node(key = u64)]
/// struct Visits {
///     disk: FjallBackend,
///     #[input(key = |user| user)]
///     users: u64,
///     #[output]
///     out: u64,
///     #[state(init = Stored::on(self.disk.clone()))]
///     counts: Stored<u64, u64>,
/// }
///
/// impl VisitsHandlers for Visits {
///     fn on_users(&self, state: &mut VisitsState, user: u64, out: &mut impl VisitsOut) -> NodeResult {
///         let count = state.counts.entry_ref(&user)?;
///         *count += 1;
///         out.out(*count);
///         Ok(())
///     }
/// }
///
/// # let folder = std::env::temp_dir().join(format!("streamweave-doc-fjall-{}", std::process::id()));
/// let storage = FileCheckpointStorage::open(folder.join("checkpoints"))?;
/// let disk = FjallBackend::open(folder.join("state"))?;
/// for life in 0..2 {
///     let mut graph = graph! {
///         visits: Visits { disk: disk.clone() },
///         graph.users => visits.users,
///         visits.out => graph.counts,
///     };
///     if let Some(checkpoint) = storage.latest()? {
///         graph.restore(checkpoint.snapshot())?;
///     }
///     let mut run = graph.inline()?;
///     run.inputs.users.try_send(7)?;
///     run.checkpoint(&storage)?;
///     // Behind the checkpoint: the next life does not see it.
///     run.inputs.users.try_send(7)?;
///     run.step()?;
///     let counts: Vec<_> = std::iter::from_fn(|| run.outputs.counts.try_recv()).collect();
///     assert_eq!(counts, [life + 1, life + 2]);
/// }
/// # drop(storage);
/// # drop(disk);
/// # std::fs::remove_dir_all(folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct FjallBackend {
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    database: Database,
    places: Places,
    /// Which folder it is.
    id: u64,
    /// There was nothing in it when it was opened.
    is_new: bool,
    /// Those of the fields that are in use.
    keyspaces: RwLock<BTreeMap<String, Keyspace>>,
    /// What is to be forgotten of each place, by its first group: up to which version, and the undo row that
    /// is looked at next.
    leaving: Mutex<BTreeMap<(String, u16), (u64, Vec<u8>)>>,
}

impl FjallBackend {
    /// Opens a folder, or makes it. It is this process's alone until the last clone is gone.
    ///
    /// # Errors
    /// When another process has it, or it cannot be read.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, BackendError> {
        let folder = folder.as_ref().to_owned();
        let failed = Failed { action: "open", folder: &folder };
        let database = Database::builder(&folder).open().map_err(|error| failed.by(&error))?;
        let meta = database.keyspace("streamweave", KeyspaceCreateOptions::default);
        let meta = meta.map_err(|error| failed.by(&error))?;
        let id = meta.get("id").map_err(|error| failed.by(&error))?;
        let id = id.as_deref().and_then(rows::number);
        let is_new = id.is_none();
        let id = id.unwrap_or_else(rows::drawn);
        if is_new {
            meta.insert("id", id.to_be_bytes()).map_err(|error| failed.by(&error))?;
            database.persist(PersistMode::SyncAll).map_err(|error| failed.by(&error))?;
        }
        let (places, keyspaces, leaving) = Default::default();
        let shared = Shared { folder, database, places, id, is_new, keyspaces, leaving };
        Ok(FjallBackend { shared: Arc::new(shared) })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.shared.folder
    }
}

impl fmt::Debug for FjallBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FjallBackend").field("folder", &self.shared.folder).finish_non_exhaustive()
    }
}

impl Shared {
    fn failed(&self, action: &'static str) -> impl Fn(fjall::Error) -> BackendError + '_ {
        move |error| Failed { action, folder: &self.folder }.by(&error)
    }

    fn damaged(&self) -> BackendError {
        let reason = "an entry in it is damaged".into();
        BackendError::Io { action: "read", folder: self.folder.clone(), reason }
    }

    fn keyspace(&self, field: &str) -> Result<Keyspace, BackendError> {
        if let Some(known) =
            self.keyspaces.read().unwrap_or_else(PoisonError::into_inner).get(field)
        {
            return Ok(known.clone());
        }
        let name = rows::keyspace_name(field);
        let opened = self.database.keyspace(&name, KeyspaceCreateOptions::default);
        let opened = opened.map_err(self.failed("open"))?;
        let mut known = self.keyspaces.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(field.to_owned(), opened.clone());
        Ok(opened)
    }

    fn commit(&self, batch: OwnedWriteBatch) -> Result<(), BackendError> {
        batch.commit().map_err(self.failed("write"))
    }

    /// The versions that checkpoints name and that have a group of these.
    fn sealed(
        &self,
        keyspace: &Keyspace,
        groups: &Range<u16>,
    ) -> Result<Vec<Sealed>, BackendError> {
        let rows = keyspace.prefix([rows::SEALED]);
        let rows = rows.map(|row| row.into_inner().map_err(self.failed("read")));
        let all = rows.filter_map(|row| match row {
            Ok((key, value)) => Sealed::parse(&key, &value).map(Ok),
            Err(error) => Some(Err(error)),
        });
        let all: Vec<Sealed> = all.collect::<Result<_, _>>()?;
        Ok(all.into_iter().filter(|row| super::backend::meet(&row.groups, groups)).collect())
    }

    /// What is to be restored is here.
    fn check(&self, place: &Place, saved: Option<&[SavedPart]>) -> Result<(), BackendError> {
        let keyspace = self.keyspace(&place.field)?;
        let known = self.sealed(&keyspace, &place.groups)?;
        if saved.is_none() && known.iter().any(|row| row.is_complete) {
            let (folder, field) = (self.folder.clone(), place.field.clone());
            return Err(BackendError::NotRestored { folder, field });
        }
        if saved.is_none() && !known.is_empty() {
            tracing::warn!(
                field = place.field,
                folder = %self.folder.display(),
                "there may be a checkpoint with state that is here, and the graph was not restored from it: it \
                 begins without, and that can still be restored"
            );
        }
        for SavedPart { groups, version, bytes } in saved.unwrap_or_default() {
            let Id { store, drawn } = Id::parse(bytes)?;
            if store != self.id {
                let folder = self.folder.clone();
                return Err(BackendError::Foreign { folder, is_new: self.is_new });
            }
            let is_it =
                |row: &Sealed| (&row.groups, row.version, row.drawn) == (groups, *version, drawn);
            if !known.iter().any(is_it) {
                let (folder, field) = (self.folder.clone(), place.field.clone());
                return Err(BackendError::Gone { folder, field, version: *version });
            }
        }
        Ok(())
    }

    /// What is newer than these parts goes.
    fn restore(&self, place: &Place, saved: &[SavedPart]) -> Result<(), BackendError> {
        let keyspace = self.keyspace(&place.field)?;
        let is_here = |of: &(String, u16)| of.0 == place.field && place.groups.contains(&of.1);
        lock(&self.leaving).retain(|of, _| !is_here(of));
        let mut begin = self.database.batch();
        for mut row in self.sealed(&keyspace, &place.groups)? {
            let is_newer = |part: &SavedPart| {
                super::backend::meet(&part.groups, &row.groups) && row.version > part.version
            };
            let id = Id { store: self.id, drawn: row.drawn }.bytes();
            let is_it = |part: &SavedPart| part.bytes == id;
            if saved.iter().any(is_newer) {
                begin.remove(&keyspace, sealed(&row.groups, row.version));
            } else if saved.iter().any(is_it) {
                // Whoever restores it has it.
                row.is_complete = true;
                begin.insert(&keyspace, sealed(&row.groups, row.version), row.value());
            }
        }
        self.commit(begin)?;
        if broken(Broken::NewerIsKept) {
            return Ok(());
        }
        self.take_back(&keyspace, place, saved)
    }

    /// The newest first, what was put behind the saved versions becomes what it was before.
    fn take_back(
        &self,
        keyspace: &Keyspace,
        place: &Place,
        saved: &[SavedPart],
    ) -> Result<(), BackendError> {
        let least = saved.iter().map(|part| part.version).min().unwrap_or(0);
        let mut batch = self.database.batch();
        for row in keyspace.range(undo_from(least.saturating_add(1))..vec![rows::UNDO + 1]).rev() {
            let (row, before) = row.into_inner().map_err(self.failed("read"))?;
            let Some((version, key)) = parse_undo(&row) else { continue };
            let group = key.first_chunk().map_or(0, |first| u16::from_be_bytes(*first));
            let part = saved.iter().find(|part| part.groups.contains(&group));
            if !place.has(key) || part.is_some_and(|part| version <= part.version) {
                continue;
            }
            match before.split_first() {
                Some((1, older)) => batch.insert(keyspace, entry(key), older),
                _ => batch.remove(keyspace, entry(key)),
            }
            batch.remove(keyspace, row.clone());
            if batch.len() >= ROWS {
                self.commit(std::mem::replace(&mut batch, self.database.batch()))?;
            }
        }
        self.commit(batch)
    }

    /// Removes some of the place's undo rows that nobody needs any more: more than came. Those of other places
    /// lie between them, and are jumped over.
    fn forget_some(
        &self,
        keyspace: &Keyspace,
        place: &Place,
        rows: usize,
        batch: &mut OwnedWriteBatch,
    ) -> Result<(), BackendError> {
        let of_place = (place.field.clone(), place.groups.start);
        let Some((last, mut next)) = lock(&self.leaving).get(&of_place).cloned() else {
            return Ok(());
        };
        let end = undo_from(last.saturating_add(1));
        let mut left = rows;
        while left > 0 {
            let Some(first) = keyspace.range(next.clone()..end.clone()).next() else { break };
            let first = first.key().map_err(self.failed("read"))?;
            let Some((version, _)) = parse_undo(&first) else { break };
            let own = undos(version, &place.groups);
            let mut walked = 1;
            for row in keyspace.range(next.clone().max(own.start)..own.end).take(left) {
                let row = row.key().map_err(self.failed("read"))?;
                // Right behind it.
                next = [&row[..], &[0]].concat();
                batch.remove(keyspace, row);
                walked += 1;
            }
            if walked <= left {
                next = undo_from(version.saturating_add(1));
            }
            left = left.saturating_sub(walked);
        }
        // Whether these are removed or not, it goes on there: what is left does no harm.
        lock(&self.leaving).insert(of_place, (last, next));
        Ok(())
    }
}

impl ExactlyOnceStateBackend for FjallBackend {
    fn keeps_entries(&self) -> bool {
        true
    }

    fn take(&self, place: &Place, saved: Option<&[SavedPart]>) -> Result<(), BackendError> {
        self.shared.places.take(place)?;
        let checked = self.shared.check(place, saved);
        if checked.is_err() {
            self.release(place);
        }
        checked
    }

    fn restore(&self, place: &Place, saved: &[SavedPart]) -> Result<u64, BackendError> {
        if !saved.is_empty() {
            self.shared.restore(place, saved)?;
            return Ok(newest(saved));
        }
        // Whether a checkpoint was published that names one of these nobody may have told. So they stay, and
        // behind them all is removed.
        let sealed = self.shared.sealed(&self.shared.keyspace(&place.field)?, &place.groups)?;
        let last = sealed.iter().map(|row| row.version).max().unwrap_or(0);
        let (groups, bytes) = (place.groups.clone(), Vec::new());
        self.shared.restore(place, &[SavedPart { groups, version: last, bytes }])?;
        if last > 0 {
            self.clear(place, last.saturating_add(1))?;
        }
        Ok(last)
    }

    fn release(&self, place: &Place) {
        self.shared.places.release(place);
    }

    fn get(&self, place: &Place, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        let found = self.shared.keyspace(&place.field)?.get(entry(key));
        let found = found.map_err(self.shared.failed("read"))?;
        let Some(found) = found else { return Ok(None) };
        let value = found.get(rows::VERSION..).ok_or_else(|| self.shared.damaged())?;
        Ok(Some(value.to_vec()))
    }

    fn put(&self, place: &Place, version: u64, changes: Vec<Change>) -> Result<(), BackendError> {
        let keyspace = self.shared.keyspace(&place.field)?;
        let mut batch = self.shared.database.batch();
        let count = changes.len();
        for (key, value) in changes {
            let row = entry(&key);
            let before = keyspace.get(&row).map_err(self.shared.failed("read"))?;
            match before {
                Some(before) => {
                    let put = rows::number(&before).ok_or_else(|| self.shared.damaged())?;
                    // What it was before this version is there, if it was put in it.
                    if put != version {
                        batch.insert(&keyspace, undo(version, &key), [&[1], &before[..]].concat());
                    }
                }
                None => {
                    let undo = undo(version, &key);
                    let is_there = keyspace.contains_key(&undo);
                    if !is_there.map_err(self.shared.failed("read"))? {
                        batch.insert(&keyspace, undo, [0]);
                    }
                }
            }
            match value {
                Some(value) => {
                    batch.insert(&keyspace, row, [&version.to_be_bytes(), &value[..]].concat());
                }
                None => batch.remove(&keyspace, row),
            }
        }
        self.shared.forget_some(&keyspace, place, 2 * count + ROWS, &mut batch)?;
        self.shared.commit(batch)
    }

    fn clear(&self, place: &Place, version: u64) -> Result<(), BackendError> {
        let keyspace = self.shared.keyspace(&place.field)?;
        let mut changes = Vec::new();
        for row in keyspace.range(entries(&place.groups)) {
            let row = row.key().map_err(self.shared.failed("read"))?;
            changes.extend(row.get(1..).map(|key| (key.to_vec(), None)));
            if changes.len() >= ROWS {
                self.put(place, version, std::mem::take(&mut changes))?;
            }
        }
        self.put(place, version, changes)
    }

    fn snapshot(&self, place: &Place, version: u64) -> Result<Vec<u8>, BackendError> {
        let keyspace = self.shared.keyspace(&place.field)?;
        // A version that was taken back is made again with the same number, here or in a copy.
        let drawn = rows::drawn();
        let row = Sealed { groups: place.groups.clone(), version, drawn, is_complete: false };
        let inserted = keyspace.insert(sealed(&row.groups, version), row.value());
        inserted.map_err(self.shared.failed("write"))?;
        self.shared.database.persist(PersistMode::SyncAll).map_err(self.shared.failed("flush"))?;
        Ok(Id { store: self.shared.id, drawn }.bytes())
    }

    fn forget(&self, place: &Place, complete: u64, oldest: u64) -> Result<(), BackendError> {
        let keyspace = self.shared.keyspace(&place.field)?;
        let mut batch = self.shared.database.batch();
        for mut row in self.shared.sealed(&keyspace, &place.groups)? {
            if row.version < oldest {
                batch.remove(&keyspace, sealed(&row.groups, row.version));
            } else if row.version == complete && row.groups == place.groups {
                row.is_complete = true;
                batch.insert(&keyspace, sealed(&row.groups, row.version), row.value());
            }
        }
        self.shared.commit(batch)?;
        let mut leaving = lock(&self.shared.leaving);
        let of_place = (place.field.clone(), place.groups.start);
        leaving.entry(of_place).or_insert_with(|| (0, undo_from(0))).0 = oldest;
        Ok(())
    }
}
