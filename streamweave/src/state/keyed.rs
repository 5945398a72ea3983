//! `Keyed`: one value for each key.

use std::borrow::Borrow;
use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::kind::{State, state_by_table};
use super::stable_key::{StableHash, StableKey};
use super::table::Table;
use super::{Shape, kind};

/// One value for each key.
///
/// What a unit changes is logged entry by entry while undo is on: the value as it was is cloned
/// at the first touch, so values should be small. For a collection under each key use
/// [`KeyedMap`](super::KeyedMap) or [`KeyedList`](super::KeyedList).
///
/// ```
/// use streamweave::state::{Keyed, State};
///
/// let mut counts: Keyed<String, u64> = Keyed::new();
/// counts.set_undo(true);
/// *counts.entry_ref("a") += 1;
/// counts.begin();
/// *counts.entry_ref("a") += 1;
/// counts.insert("b".into(), 7);
/// counts.rollback();
/// assert_eq!((counts.get("a"), counts.get("b")), (Some(&1), None));
/// ```
#[derive(Clone)]
pub struct Keyed<K, V> {
    table: Table<K, V, V>,
}

impl<K, V> Keyed<K, V> {
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

    /// All entries, in an order that must not reach a deterministic output: sort them first.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.table.iter().map(|entry| (&entry.key, &entry.slot))
    }
}

impl<K: StableKey, V: Clone> Keyed<K, V> {
    /// The key's value.
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        self.table.get(key)
    }

    /// The key has a value.
    #[inline]
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        self.table.get(key).is_some()
    }

    /// The key's value, to be changed.
    #[inline]
    pub fn get_mut<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        let at = self.table.find(key)?;
        Some(self.table.touch(at, V::clone))
    }

    /// The key's value, put in as the default if there was none.
    #[inline]
    pub fn entry(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        self.get_or_insert_with(key, V::default)
    }

    /// As [`entry`](Self::entry), cloning the key only when it is put in.
    #[inline]
    pub fn entry_ref<Q>(&mut self, key: &Q) -> &mut V
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ToOwned<Owned = K> + ?Sized,
        V: Default,
    {
        let make = |key: &Q| (key.to_owned(), V::default());
        self.table.touch_or_insert(key, |key| *key, make, V::clone)
    }

    /// The key's value, put in as what `make` returns if there was none.
    #[inline]
    pub fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        self.table.touch_or_insert(key, |key| key, |key| (key, make()), V::clone)
    }

    /// Puts in the default where the key has no value; whether it had none. A value that is there
    /// does not count as changed.
    ///
    /// ```
    /// use streamweave::state::{Keyed, State};
    ///
    /// let mut seen: Keyed<String, ()> = Keyed::new();
    /// seen.set_epoch(3);
    /// assert!(seen.insert_absent("a"));
    /// seen.set_epoch(4);
    /// assert!(!seen.insert_absent("a"));
    /// assert_eq!(seen.epoch_of("a"), Some(3));
    /// ```
    #[inline]
    pub fn insert_absent<Q>(&mut self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ToOwned<Owned = K> + ?Sized,
        V: Default,
    {
        self.table.insert_absent(key, |key| (key.to_owned(), V::default()))
    }

    /// Sets the key's value and returns the one before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        if let Some(held) = self.get_mut(&key) {
            return Some(std::mem::replace(held, value));
        }
        self.table.place_owned(key, || value);
        None
    }

    /// Removes the key and returns its value.
    pub fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        let at = self.table.find(key)?;
        self.table.remove(at, V::clone, |value| value)
    }

    /// The epoch in which the key's value was last changed; 0 before the first.
    pub fn epoch_of<Q>(&self, key: &Q) -> Option<u32>
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        let at = self.table.find(key)?;
        Some(self.table.epochs().epoch_of(self.table.mark(at)))
    }
}

impl<K, V> Default for Keyed<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> fmt::Debug for Keyed<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyed").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl<K, V> State for Keyed<K, V>
where
    K: StableKey + Serialize + DeserializeOwned,
    V: Clone + Serialize + DeserializeOwned + Send + 'static,
{
    state_by_table!(Shape::keyed::<K, V>(kind::names::KEYED), |value, before| *value = before);
}
