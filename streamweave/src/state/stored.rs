//! `Stored`: one value for each key, kept by a backend.
//!
//! In memory are the entries that were used last, in two tables: `recent`, which has what was read or changed
//! since it was empty, and `older`, what it was before that. When `recent` is full its changes are put and it becomes
//! `older`, whose entries are forgotten. That happens at the first access of a unit only, so that nothing is put of
//! a unit that may still fail; what a unit changes is undone in `recent` alone.

mod saved;

use std::any::Any;
use std::borrow::Borrow;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use self::saved::Token;
use super::backend::{
    BackendError, Change, ExactlyOnceStateBackend, InMemoryBackend, Place, SavedPart,
};
use super::key_group::finest;
use super::stable_key::{StableHash, StableKey};
use super::table::Table;
use super::undo::At;
use super::{StateError, wire};
use crate::broken::{Broken, broken};

/// A table of so many entries is put away, unless said otherwise.
const ENTRIES: usize = 4096;
/// The state of so many complete checkpoints can be restored, unless said otherwise: more than a storage ever
/// has. It keeps the last three, and two chains of 33 at most that need nothing in common.
const RETAINED: usize = 70;

/// One value for each key, as [`Keyed`](super::Keyed), kept by an [`ExactlyOnceStateBackend`]: where that is on
/// disk (`FjallBackend`, with the feature `fjall`), state may be larger than memory, and a checkpoint
/// names it only, so that it is small whatever the state's size.
///
/// Each access may fail, as a disk may, and then fails its unit (`?`): nothing that stood is lost. What was used
/// last is in memory, twice [`cached`](Stored::cached) entries and what one unit touches.
///
/// ```
/// use streamweave::prelude::*;
/// use streamweave::state::Stored;
///
/// /// How often each word has come.
/// #[node(key = String)]
/// struct Count {
///     #[input(key = |word| word.clone())]
///     words: String,
///     #[output]
///     out: (String, u64),
///     // On disk: `init = Stored::on(self.disk.clone())`, with a field `disk: FjallBackend`.
///     #[state]
///     counts: Stored<String, u64>,
/// }
///
/// impl CountHandlers for Count {
///     fn on_words(&self, state: &mut CountState, word: String, out: &mut impl CountOut) -> NodeResult {
///         let count = state.counts.entry_ref(&word)?;
///         *count += 1;
///         out.out((word, *count));
///         Ok(())
///     }
/// }
///
/// let graph = graph! {
///     count: Count {},
///     graph.words => count.words,
///     count.out => graph.counts,
/// };
/// let mut run = graph.inline()?;
/// for word in ["a", "b", "a"] {
///     run.inputs.words.try_send(word.to_owned())?;
/// }
/// run.step()?;
/// let counts: Vec<_> = std::iter::from_fn(|| run.outputs.counts.try_recv()).map(|(_, n)| n).collect();
/// assert_eq!(counts, [1, 1, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What is on disk, and for how long
///
/// Changes are written when more entries than are cached have been used, and at each checkpoint, which waits
/// for the disk. What is written behind the last checkpoint is as if it had never been when that is
/// restored. What checkpoints need that are restored is kept for the last 70 complete ones
/// ([`retain`](Stored::retain)); of an older one the restore is refused. A graph that is not restored begins without
/// state, and does not start where there is some of a checkpoint that is known to be complete. Of the last
/// one of a run that is not known, if the run has ended with it or was killed just then: what it holds
/// is kept, and can be restored as before. A field that the checkpoint does not have begins without state.
///
/// A node that [restarts](crate::supervision::RestartedState) with fresh state removes all entries when the next
/// record comes, in one unit: on disk that takes a while where there are millions.
///
/// On several workers the state's key has to be the node's. A savepoint needs nothing but itself, and is
/// refused where the state is on disk.
pub struct Stored<K, V> {
    backend: Arc<dyn ExactlyOnceStateBackend>,
    recent: Table<K, Held<V>, Held<V>>,
    older: Table<K, Held<V>, Held<V>>,
    cached: usize,
    retained: usize,
    undo: bool,
    /// The unit has had an access.
    entered: bool,
    /// All that is there is to go, before anything else.
    emptied: bool,
    /// Where it is, once it is open.
    place: Option<Place>,
    /// What it is restored from when it is opened, and then taken back to.
    saved: Vec<Token>,
    parts: Vec<SavedPart>,
    /// Of what is put now.
    version: u64,
    epoch: u32,
    /// Which epochs began behind which versions, of checkpoints that are not known to be complete.
    barriers: VecDeque<(u32, u64)>,
    /// The versions of those that are, as many as are retained.
    complete: VecDeque<u64>,
    /// What was saved last.
    token: Result<Option<Token>, StateError>,
}

/// What there is of a key.
#[derive(Clone)]
struct Held<V> {
    /// None where the key has no value.
    value: Option<V>,
    /// It is to be put.
    changed: bool,
}

impl<V> Held<V> {
    fn set(&mut self, value: Option<V>) {
        (self.value, self.changed) = (value, true);
    }
}

impl<K, V> Stored<K, V> {
    /// Kept by this backend. One may be shared by several fields, nodes and graphs.
    pub fn on(backend: impl ExactlyOnceStateBackend) -> Self {
        Self::on_shared(Arc::new(backend))
    }

    /// Kept by a backend that others have, too.
    pub fn on_shared(backend: Arc<dyn ExactlyOnceStateBackend>) -> Self {
        Stored {
            backend,
            recent: Table::new(),
            older: Table::new(),
            cached: ENTRIES,
            retained: RETAINED,
            undo: false,
            entered: false,
            emptied: false,
            place: None,
            saved: Vec::new(),
            parts: Vec::new(),
            version: 1,
            epoch: 0,
            barriers: VecDeque::new(),
            complete: VecDeque::new(),
            token: Ok(None),
        }
    }

    /// When so many entries were used, what was changed of them is written; twice as many are in memory. At
    /// first 4,096: to write all of them keeps the node for some 40 ms.
    #[must_use]
    pub fn cached(mut self, entries: usize) -> Self {
        self.cached = entries.max(1);
        self
    }

    /// The state of so many complete checkpoints can be restored: no fewer than the storage keeps, with what these
    /// lie on. At first 70, more than a `FileCheckpointStorage` has unless it is told to keep more than three.
    #[must_use]
    pub fn retain(mut self, checkpoints: usize) -> Self {
        self.retained = checkpoints.max(1);
        self
    }

    /// How many entries are in memory now.
    pub fn in_memory(&self) -> usize {
        self.recent.len() + self.older.len()
    }
}

impl<K, V> Stored<K, V>
where
    K: StableKey + Serialize + DeserializeOwned,
    V: Clone + Serialize + DeserializeOwned + Send + 'static,
{
    /// The key's value.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn get<Q>(&mut self, key: &Q) -> Result<Option<&V>, StateError>
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let at = self.find(key)?;
        Ok(self.recent.slot(at).value.as_ref())
    }

    /// The key has a value.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn contains_key<Q>(&mut self, key: &Q) -> Result<bool, StateError>
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        Ok(self.get(key)?.is_some())
    }

    /// The key's value, for a [query](crate::graph::Running::query): it is not kept in memory.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn peek<Q>(&self, key: &Q) -> Result<Option<V>, StateError>
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        match self.recent.get(key).or_else(|| self.older.get(key)) {
            Some(held) => Ok(held.value.clone()),
            None if self.emptied => Ok(None),
            None => self.read(key),
        }
    }

    /// The key's value, to be changed.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn get_mut<Q>(&mut self, key: &Q) -> Result<Option<&mut V>, StateError>
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let at = self.find(key)?;
        if self.recent.slot(at).value.is_none() {
            return Ok(None);
        }
        let held = self.recent.touch(at, Held::clone);
        held.changed = true;
        Ok(held.value.as_mut())
    }

    /// The key's value, put in as the default if there was none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn entry_ref<Q>(&mut self, key: &Q) -> Result<&mut V, StateError>
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ToOwned<Owned = K> + ?Sized,
        V: Default,
    {
        let at = self.find(key)?;
        let held = self.recent.touch(at, Held::clone);
        held.changed = true;
        Ok(held.value.get_or_insert_default())
    }

    /// Sets the key's value. What it was is not read.
    ///
    /// # Errors
    /// When what was changed before is to be written, and cannot.
    pub fn insert(&mut self, key: K, value: V) -> Result<(), StateError> {
        self.enter()?;
        self.check(&key)?;
        let absent = |key| (key, Held { value: None, changed: false });
        self.recent.touch_or_insert(key, |key| key, absent, Held::clone).set(Some(value));
        Ok(())
    }

    /// Removes the key. What its value was is not read.
    ///
    /// # Errors
    /// When what was changed before is to be written, and cannot.
    pub fn remove<Q>(&mut self, key: &Q) -> Result<(), StateError>
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        self.enter()?;
        self.check(key)?;
        let absent = |key: &Q| (key.to_owned(), Held { value: None, changed: false });
        self.recent.touch_or_insert(key, |key| *key, absent, Held::clone).set(None);
        Ok(())
    }

    fn find<Q>(&mut self, key: &Q) -> Result<At, StateError>
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        self.enter()?;
        match self.recent.find(key) {
            Some(at) => Ok(at),
            None => self.load(key),
        }
    }

    /// What is not in `recent` is found elsewhere, and put there.
    #[cold]
    #[inline(never)]
    fn load<Q>(&mut self, key: &Q) -> Result<At, StateError>
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let held = match self.older.get(key) {
            Some(held) => held.clone(),
            None => Held { value: self.read(key)?, changed: false },
        };
        Ok(self.recent.place(key, || (key.to_owned(), held)))
    }

    fn read<Q: StableHash + ?Sized>(&self, key: &Q) -> Result<Option<V>, StateError> {
        let place = self.check(key)?;
        let found = self.backend.get(place, &encoded(key))?;
        found.map(|bytes| wire::read(&bytes)).transpose()
    }

    /// The key is of this instance.
    fn check<Q: StableHash + ?Sized>(&self, key: &Q) -> Result<&Place, BackendError> {
        let place = self.place.as_ref().ok_or(BackendError::NotOpen)?;
        match place.groups.contains(&finest(key.stable_hash())) {
            true => Ok(place),
            false => Err(BackendError::OtherWorker { field: place.field.clone() }),
        }
    }

    /// An access begins. The first one of a unit makes room: then nothing of what is in memory is of a unit that may
    /// fail, but where nothing is undone, and a failure is that of the run.
    #[inline]
    fn enter(&mut self) -> Result<(), StateError> {
        if self.recent.len() >= self.cached || self.emptied {
            self.make_room()?;
        }
        self.entered = true;
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn make_room(&mut self) -> Result<(), StateError> {
        if self.entered && self.undo && !broken(Broken::FailedUnitIsPut) {
            return Ok(());
        }
        self.write()?;
        if self.recent.len() >= self.cached {
            let mut empty = Table::new();
            empty.set_undo(self.undo);
            self.older = std::mem::replace(&mut self.recent, empty);
        }
        Ok(())
    }

    /// Puts what was changed.
    fn write(&mut self) -> Result<(), StateError> {
        let place = self.place.as_ref().ok_or(BackendError::NotOpen)?;
        if self.emptied {
            self.backend.clear(place, self.version)?;
            self.emptied = false;
        }
        let changed = self.recent.iter().filter(|entry| entry.slot.changed);
        let changes: Result<Vec<Change>, StateError> = changed
            .map(|entry| {
                let value = entry.slot.value.as_ref().map(|value| {
                    let mut bytes = Vec::new();
                    wire::write(value, &mut bytes).map(|()| bytes)
                });
                Ok((encoded(&entry.key), value.transpose()?))
            })
            .collect();
        let mut changes = changes?;
        // The table's order is its own.
        changes.sort_unstable();
        if !changes.is_empty() {
            self.backend.put(place, self.version, changes)?;
            self.recent.slots_mut().for_each(|held| held.changed = false);
            // What the last unit has logged is of no use any more.
            self.recent.begin();
        }
        Ok(())
    }

    /// All that was changed is written, and can be restored from the answer.
    fn seal(&mut self) -> Result<Option<Token>, StateError> {
        if self.place.is_none() {
            return Ok(None);
        }
        let version = self.version;
        let written = self.write();
        // What comes is not of it, whether it is saved or not.
        self.version = version.saturating_add(1);
        written?;
        let Some(place) = &self.place else { return Ok(None) };
        let kept = self.backend.snapshot(place, version)?;
        let complete = self.complete.iter().copied().collect();
        Ok(Some(Token::new(place, version, complete, kept)))
    }

    /// A checkpoint that covers everything before this epoch is complete.
    fn is_complete(&mut self, epoch: u32) {
        let mut version = None;
        while let Some((_, behind)) = self.barriers.pop_front_if(|(begun, _)| *begun <= epoch) {
            version = Some(behind);
        }
        let (Some(version), Some(place)) = (version, &self.place) else { return };
        self.complete.push_back(version);
        let over = self.complete.len().saturating_sub(self.retained);
        self.complete.drain(..over);
        // As long as fewer are known there may be older ones that nobody has told of.
        let is_full = self.complete.len() == self.retained;
        let oldest = self.complete.front().copied().filter(|_| is_full);
        let mut oldest = oldest.unwrap_or(0);
        if broken(Broken::VersionForgottenEarly) {
            oldest = self.version;
        }
        if let Err(error) = self.backend.forget(place, version, oldest) {
            tracing::warn!(field = place.field, %error, "old versions of stored state are kept for now");
        }
    }

    /// Another takes its place, empty.
    fn take_place_of(&mut self, mut before: Self) {
        before.recent = Table::new();
        before.recent.set_undo(before.undo);
        before.older = Table::new();
        (before.emptied, before.entered) = (true, false);
        *self = before;
    }

    fn take_any(&mut self, before: Box<dyn Any + Send>) {
        if let Ok(before) = before.downcast::<Self>() {
            self.take_place_of(*before);
        }
    }
}

/// The key's group, so that a place is a range of keys, and the key.
fn encoded<Q: StableHash + ?Sized>(key: &Q) -> Vec<u8> {
    let mut bytes = finest(key.stable_hash()).to_be_bytes().to_vec();
    key.encode(&mut bytes);
    bytes
}

impl<K, V> Drop for Stored<K, V> {
    fn drop(&mut self) {
        if let Some(place) = &self.place {
            self.backend.release(place);
        }
    }
}

impl<K, V> Default for Stored<K, V> {
    /// In memory.
    fn default() -> Self {
        Self::on(InMemoryBackend::default())
    }
}

impl<K, V> fmt::Debug for Stored<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored")
            .field("backend", &self.backend)
            .field("place", &self.place)
            .field("in_memory", &self.in_memory())
            .finish_non_exhaustive()
    }
}
