//! `KeyedUndo`: one value for each key, which takes back by itself what a unit did to it.

use std::borrow::Borrow;
use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Shape;
use super::kind::{State, names, state_by_table};
use super::stable_key::{StableHash, StableKey};
use super::table::Table;
use super::undo::At;

/// A value of [`KeyedUndo`]: large, and changed a little at a time, so that to note what a unit
/// changes in it costs less than to clone it.
pub trait Undo: Send + 'static {
    /// What takes changes back, those of one unit at most. Empty by default.
    type Log: Default + Send + 'static;

    /// Takes back what is in `log`, the latest first. A change that was noted may not have been made
    /// any more, where it panicked.
    fn undo(&mut self, log: Self::Log);
}

/// One value for each key, as [`Keyed`](super::Keyed), for values that are too large to be cloned
/// at the first touch in each unit: they note what is changed, and [take it back](Undo::undo) themselves.
///
/// It is saved in the form of [`Keyed`](super::Keyed), so a node can change from one to the other and go on from its
/// checkpoints.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use streamweave::state::{KeyedUndo, State, Undo};
///
/// /// How often each of a thousand sizes has come.
/// #[derive(Serialize, Deserialize)]
/// struct Sizes(Vec<u64>);
///
/// impl Undo for Sizes {
///     /// A size and how often it had come.
///     type Log = Vec<(usize, u64)>;
///
///     fn undo(&mut self, log: Self::Log) {
///         for (size, count) in log.into_iter().rev() {
///             self.0[size] = count;
///         }
///     }
/// }
///
/// let mut sizes: KeyedUndo<String, Sizes> = KeyedUndo::new();
/// sizes.set_undo(true);
/// let mut count = |sizes: &mut KeyedUndo<_, _>, size: usize| {
///     sizes.entry_or_insert_with("eu".to_string(), || Sizes(vec![0; 1000])).change(|sizes: &mut Sizes, log| {
///         log.push((size, sizes.0[size]));
///         sizes.0[size] += 1;
///     });
/// };
/// count(&mut sizes, 7);
/// sizes.begin();
/// count(&mut sizes, 7);
/// count(&mut sizes, 8);
/// sizes.rollback();
/// assert_eq!(sizes.get("eu").map(|sizes| (sizes.0[7], sizes.0[8])), Some((1, 0)));
/// ```
pub struct KeyedUndo<K, V: Undo> {
    table: Table<K, V, V::Log>,
}

impl<K, V: Undo> KeyedUndo<K, V> {
    /// No keys.
    pub fn new() -> Self {
        Self { table: Table::new() }
    }

    /// How many keys have a value.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// No key has a value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All entries, in an order that must not reach a deterministic output.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.table.iter().map(|entry| (&entry.key, &entry.slot))
    }
}

impl<K: StableKey, V: Undo> KeyedUndo<K, V> {
    /// The key's value.
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        self.table.get(key)
    }

    /// The key's value, put in as the default if there was none.
    #[inline]
    pub fn entry(&mut self, key: K) -> UndoEntry<'_, K, V>
    where
        V: Default,
    {
        self.entry_or_insert_with(key, V::default)
    }

    /// The key's value, put in as what `make` returns if there was none.
    #[inline]
    pub fn entry_or_insert_with(
        &mut self,
        key: K,
        make: impl FnOnce() -> V,
    ) -> UndoEntry<'_, K, V> {
        let at = self.table.place_owned(key, make);
        UndoEntry { table: &mut self.table, at }
    }

    /// Removes the key. Says whether it had a value.
    pub fn remove<Q>(&mut self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        let found = self.table.find(key);
        found.is_some_and(|at| self.table.remove(at, |_| (), drop).is_some())
    }
}

impl<K, V: Undo> Default for KeyedUndo<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V: Undo> fmt::Debug for KeyedUndo<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedUndo").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl<K, V> State for KeyedUndo<K, V>
where
    K: StableKey + Serialize + DeserializeOwned,
    V: Undo + Serialize + DeserializeOwned,
{
    state_by_table!(Shape::keyed::<K, V>(names::KEYED), V::undo);
}

/// The value of one key of a [`KeyedUndo`], to be read and changed.
pub struct UndoEntry<'a, K: StableKey, V: Undo> {
    table: &'a mut Table<K, V, V::Log>,
    at: At,
}

impl<K: StableKey, V: Undo> UndoEntry<'_, K, V> {
    /// The value as it is.
    #[inline]
    pub fn view(&self) -> &V {
        self.table.slot(self.at)
    }

    /// Changes the value. `change` notes what takes a change back before it makes it, behind what is in
    /// the log already: so what was done until a panic is taken back, too. Where no policy takes
    /// changes back, the log is dropped at once.
    #[inline]
    pub fn change<R>(&mut self, change: impl FnOnce(&mut V, &mut V::Log) -> R) -> R {
        match self.table.slot_and_undo(self.at, V::Log::default) {
            (value, Some(log)) => change(value, log),
            (value, None) => change(value, &mut V::Log::default()),
        }
    }
}

impl<K: StableKey, V: Undo> fmt::Debug for UndoEntry<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UndoEntry").finish_non_exhaustive()
    }
}
