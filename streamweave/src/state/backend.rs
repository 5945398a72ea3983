//! What keeps the entries of [`Stored`](super::Stored) state: the trait, and the one in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use thiserror::Error;

use super::{StateError, wire};

/// The part of a backend that one instance of a node has for a state field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The node's path, without the number of a worker, and the field: `shop/counter.counts`.
    pub field: String,
    /// The key groups of the instance: no other instance has one of these. None where there are several
    /// instances, and nothing divides keys among them.
    pub groups: Range<u16>,
}

impl Place {
    /// Whether a key is of this place: its first two bytes are its group.
    pub fn has(&self, key: &[u8]) -> bool {
        let group = key.first_chunk().map(|first| u16::from_be_bytes(*first));
        group.is_some_and(|group| self.groups.contains(&group))
    }

    fn meets(&self, other: &Place) -> bool {
        self.field == other.field && meet(&self.groups, &other.groups)
    }
}

/// Whether they have a group in common.
pub(super) fn meet(one: &Range<u16>, other: &Range<u16>) -> bool {
    one.start < other.end && other.start < one.end
}

/// The start of a graph, as far as its state is open.
#[derive(Debug, Default)]
pub struct Opening {
    pub(super) restored: bool,
    /// What its fields have by now.
    taken: Vec<Place>,
}

impl Opening {
    /// Of a graph that was restored: a field that has nothing saved came later than the checkpoint.
    pub fn new(restored: bool) -> Self {
        Opening { restored, taken: Vec::new() }
    }

    /// What came of taking a place; where it is held, whether by this graph or another one.
    pub(super) fn took(
        &mut self,
        place: &Place,
        taken: Result<(), BackendError>,
    ) -> Result<(), BackendError> {
        let is_own = self.taken.iter().any(|other| other.meets(place));
        taken.map_err(|error| match error {
            BackendError::Taken { field } if is_own => BackendError::TwoFields { field },
            error => error,
        })?;
        self.taken.push(place.clone());
        Ok(())
    }
}

/// What a checkpoint has of one instance of the field, as it was then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedPart {
    /// The key groups that the instance had.
    pub groups: Range<u16>,
    /// The version that was saved.
    pub version: u64,
    /// What [`snapshot`](ExactlyOnceStateBackend::snapshot) gave for it.
    pub bytes: Vec<u8>,
}

/// The last version of these, or 0.
pub(super) fn newest(saved: &[SavedPart]) -> u64 {
    saved.iter().map(|part| part.version).max().unwrap_or(0)
}

/// An encoded key, its group in front, and its value; nothing where the key is removed.
pub type Change = (Vec<u8>, Option<Vec<u8>>);

/// What keeps the entries of [`Stored`](super::Stored) state, by versions, so that it is as of a checkpoint again
/// when that is restored, whatever was put behind it.
///
/// A version is what lies between two snapshots of an instance, and the versions of a place only grow. Within
/// one, and from one to the next, changes stand in the order in which they are put: it is units that are
/// put one after the other, and not logical times. So two updates of a key at one logical time are two
/// updates, and the second sees what the first has written.
///
/// What is put is what stands: nothing of a unit that may still fail. Calls for one place come one after the
/// other, those for several places of a field from several threads at once.
pub trait ExactlyOnceStateBackend: fmt::Debug + Send + Sync + 'static {
    /// Whether entries are kept here, and a checkpoint only names them: then they have to be there when it
    /// is restored, and a savepoint, which needs nothing else, cannot be taken.
    fn keeps_entries(&self) -> bool;

    /// Takes the place for an instance that is to be restored from these parts, those with groups of the
    /// place, and sees that it can be. There are none in a checkpoint that does not have the field, and
    /// nothing where the run begins without one. Nothing is changed: another part of the graph may be refused.
    ///
    /// # Errors
    /// When another instance has the place, when what was saved is not there, or when the run begins
    /// without a checkpoint and there is state that a complete one holds.
    fn take(&self, place: &Place, saved: Option<&[SavedPart]>) -> Result<(), BackendError>;

    /// All that is in the place, which has been [taken](ExactlyOnceStateBackend::take) with these parts, is
    /// as it was when they were saved, and whatever is newer is as if it had never been put. Without parts
    /// there is nothing; but what a checkpoint may hold that nobody has told of can be restored later.
    ///
    /// Says the last version that it keeps, or 0: what is put next is of a later one.
    ///
    /// # Errors
    /// When that cannot be written.
    fn restore(&self, place: &Place, saved: &[SavedPart]) -> Result<u64, BackendError>;

    /// The instance is gone.
    fn release(&self, place: &Place);

    /// The newest value of the key, if it has one.
    ///
    /// # Errors
    /// When it cannot be read.
    fn get(&self, place: &Place, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError>;

    /// Puts changes of different keys, all or none.
    ///
    /// # Errors
    /// When they cannot be written: nothing is changed then.
    fn put(&self, place: &Place, version: u64, changes: Vec<Change>) -> Result<(), BackendError>;

    /// Removes all keys of the place. After an error some may be there, and the call comes again.
    ///
    /// # Errors
    /// When that cannot be written.
    fn clear(&self, place: &Place, version: u64) -> Result<(), BackendError>;

    /// What a checkpoint is to hold, so that the place is [restored](ExactlyOnceStateBackend::restore) as it
    /// is now, when all of this version has been put. What it names is durable when this returns.
    ///
    /// # Errors
    /// When that cannot be brought about.
    fn snapshot(&self, place: &Place, version: u64) -> Result<Vec<u8>, BackendError>;

    /// A checkpoint with version `complete` is complete, and no version before `oldest` will be restored.
    ///
    /// # Errors
    /// When it cannot be noted: it is said again with the next one.
    fn forget(&self, place: &Place, complete: u64, oldest: u64) -> Result<(), BackendError>;
}

/// What goes wrong with what keeps [`Stored`](super::Stored) state.
#[derive(Clone, Error)]
#[non_exhaustive]
pub enum BackendError {
    /// Something cannot be read or written there.
    #[error(
        "cannot {action} the state in `{}`: {reason}. Nothing that stood is lost: see whether the disk is \
         full or failing, then start again from the last checkpoint",
        folder.display()
    )]
    Io {
        /// What was tried.
        action: &'static str,
        /// The folder.
        folder: PathBuf,
        /// Why not.
        reason: String,
    },
    /// Another process, or another part of this one, has the folder.
    #[error(
        "the state in `{}` is in use by another process, or opened twice in this one: end the other \
         one, or open the folder once and share the backend by `clone`",
        folder.display()
    )]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// Another instance has this state.
    #[error(
        "the state `{field}` is in use by another graph that has not ended: end it, or give each graph \
         a backend of its own"
    )]
    Taken {
        /// The node and its field.
        field: String,
    },
    /// Two fields of the graph would have one state.
    #[error(
        "there is state of another field of this graph in `{field}`, from when that had this name: give \
         the field that is new another one"
    )]
    TwoFields {
        /// The node and its field, by the name of the new one.
        field: String,
    },
    /// It is not the folder that the checkpoint was taken with.
    #[error(
        "the checkpoint's state is not in `{}`, which {}: name the folder that the job had, or \
         put it back where it was. Its state cannot be had from the checkpoint alone",
        folder.display(),
        if *is_new { "has only been made now" } else { "is another one" }
    )]
    Foreign {
        /// The folder.
        folder: PathBuf,
        /// There was nothing in it.
        is_new: bool,
    },
    /// The folder has no such state any more.
    #[error(
        "version {version} of `{field}` is not in `{}`: a run went on from an older checkpoint, so many \
         were complete behind it, or it came about in a copy of the folder. Restore a newer checkpoint, or have more of them kept with \
         `Stored::retain`",
        folder.display()
    )]
    Gone {
        /// The folder.
        folder: PathBuf,
        /// The node and its field.
        field: String,
        /// The version.
        version: u64,
    },
    /// The graph begins anew where there is state of a complete checkpoint.
    #[error(
        "there is state of `{field}` in `{}`, and the graph was not restored: restore the last \
         checkpoint, or, to begin anew, remove the folder or name another",
        folder.display()
    )]
    NotRestored {
        /// The folder.
        folder: PathBuf,
        /// The node and its field.
        field: String,
    },
    /// The key belongs to another worker.
    #[error(
        "a key of `{field}` belongs to another worker: on several workers the state's key has to be the \
         node's, as only that decides where a record goes"
    )]
    OtherWorker {
        /// The node and its field.
        field: String,
    },
    /// Several workers have the state of a node without a key.
    #[error(
        "`{field}` is on several workers, and without a key of the node none has keys of its own: give \
         the node a key, or take it out of `#[workers(..)]`"
    )]
    NoKey {
        /// The node and its field.
        field: String,
    },
    /// It is used without a graph.
    #[error("stored state is opened when its graph starts: it cannot be used before")]
    NotOpen,
    /// What a checkpoint holds cannot be read.
    #[error("the saved state cannot be read: {reason}; restore an older checkpoint")]
    Unreadable {
        /// Why not.
        reason: String,
    },
}

// `main` shows an error by `Debug`: it is to be read there too.
impl fmt::Debug for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The places that are taken.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<Vec<Place>>);

impl Places {
    pub(super) fn take(&self, place: &Place) -> Result<(), BackendError> {
        let mut taken = lock(&self.0);
        if taken.iter().any(|other| other.meets(place)) {
            return Err(BackendError::Taken { field: place.field.clone() });
        }
        taken.push(place.clone());
        Ok(())
    }

    pub(super) fn release(&self, place: &Place) {
        lock(&self.0).retain(|other| other != place);
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps the entries in memory: what [`Stored`](super::Stored) has unless it is given another. Checkpoints
/// hold all of them, each time. For tests, and for state that is to be on disk some day.
#[derive(Debug, Default)]
pub struct InMemoryBackend {
    places: Places,
    /// By field and key.
    entries: Mutex<BTreeMap<String, Entries>>,
}

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

fn read(saved: &[SavedPart]) -> Result<Vec<Entries>, BackendError> {
    let read = saved.iter().map(|part| wire::read(&part.bytes));
    let read: Result<_, StateError> = read.collect();
    read.map_err(|error| BackendError::Unreadable { reason: error.to_string() })
}

impl ExactlyOnceStateBackend for InMemoryBackend {
    fn keeps_entries(&self) -> bool {
        false
    }

    fn take(&self, place: &Place, saved: Option<&[SavedPart]>) -> Result<(), BackendError> {
        read(saved.unwrap_or_default())?;
        self.places.take(place)
    }

    fn restore(&self, place: &Place, saved: &[SavedPart]) -> Result<u64, BackendError> {
        let read = read(saved)?;
        let mut all = lock(&self.entries);
        let entries = all.entry(place.field.clone()).or_default();
        entries.retain(|key, _| !place.has(key));
        entries.extend(read.into_iter().flatten().filter(|(key, _)| place.has(key)));
        Ok(newest(saved))
    }

    fn release(&self, place: &Place) {
        self.places.release(place);
    }

    fn get(&self, place: &Place, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        Ok(lock(&self.entries).get(&place.field).and_then(|entries| entries.get(key)).cloned())
    }

    fn put(&self, place: &Place, _: u64, changes: Vec<Change>) -> Result<(), BackendError> {
        let mut all = lock(&self.entries);
        let entries = all.entry(place.field.clone()).or_default();
        for (key, value) in changes {
            match value {
                Some(value) => entries.insert(key, value),
                None => entries.remove(&key),
            };
        }
        Ok(())
    }

    fn clear(&self, place: &Place, _: u64) -> Result<(), BackendError> {
        if let Some(entries) = lock(&self.entries).get_mut(&place.field) {
            entries.retain(|key, _| !place.has(key));
        }
        Ok(())
    }

    fn snapshot(&self, place: &Place, _: u64) -> Result<Vec<u8>, BackendError> {
        let all = lock(&self.entries);
        let entries = all.get(&place.field).into_iter().flatten();
        let own: BTreeMap<_, _> = entries.filter(|(key, _)| place.has(key)).collect();
        let mut bytes = Vec::new();
        wire::write(&own, &mut bytes)
            .map_err(|error| BackendError::Unreadable { reason: error.to_string() })?;
        Ok(bytes)
    }

    fn forget(&self, _: &Place, _: u64, _: u64) -> Result<(), BackendError> {
        Ok(())
    }
}
