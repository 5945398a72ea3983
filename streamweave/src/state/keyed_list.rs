//! `KeyedList`: a queue for each key, undone operation by operation.

use std::borrow::Borrow;
use std::collections::VecDeque;
use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Shape;
use super::kind::{State, names, state_by_table};
use super::stable_key::{StableHash, StableKey};
use super::table::Table;
use super::undo::At;

/// What takes back one change of a list.
#[derive(Clone)]
enum Undo<V> {
    /// So many were appended.
    Appended(usize),
    /// This was taken from the front.
    Popped(V),
    /// These were cleared.
    Cleared(VecDeque<V>),
}

/// A list for each key, appended at its back and read or shortened from its front.
///
/// Undo costs what changed: appending is undone by truncating, clearing moves the old list aside.
/// A key whose list is empty is absent.
///
/// ```
/// use streamweave::state::KeyedList;
///
/// let mut pending: KeyedList<u32, String> = KeyedList::new();
/// pending.entry(7).push("first".into());
/// pending.entry(7).push("second".into());
/// assert_eq!(pending.entry(7).pop_front().as_deref(), Some("first"));
/// ```
#[derive(Clone)]
pub struct KeyedList<K, V> {
    table: Table<K, VecDeque<V>, Undo<V>>,
}

impl<K, V> KeyedList<K, V> {
    /// No keys.
    pub fn new() -> Self {
        Self { table: Table::new() }
    }

    /// How many keys have a list.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// No key has a list.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All keys with their lists, in an order that must not reach a deterministic output.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &VecDeque<V>)> {
        self.table.iter().map(|entry| (&entry.key, &entry.slot))
    }
}

impl<K: StableKey, V: Clone> KeyedList<K, V> {
    /// The key's list, if it has one.
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<&VecDeque<V>>
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        self.table.get(key)
    }

    /// The key's list, to be read and changed.
    #[inline]
    pub fn entry(&mut self, key: K) -> ListEntry<'_, K, V> {
        let at = self.table.place_owned(key, VecDeque::new);
        ListEntry { table: &mut self.table, at }
    }

    /// As [`entry`](Self::entry), cloning the key only when it is put in.
    #[inline]
    pub fn entry_ref<Q>(&mut self, key: &Q) -> ListEntry<'_, K, V>
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let at = self.table.place(key, || (key.to_owned(), VecDeque::new()));
        ListEntry { table: &mut self.table, at }
    }

    /// Removes the key with its whole list. Says whether it had one.
    pub fn remove<Q>(&mut self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        match self.table.find(key) {
            Some(at) => self.table.remove(at, |_| (), drop).is_some(),
            None => false,
        }
    }
}

impl<K, V> Default for KeyedList<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> fmt::Debug for KeyedList<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedList").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl<K, V> State for KeyedList<K, V>
where
    K: StableKey + Serialize + DeserializeOwned,
    V: Clone + Serialize + DeserializeOwned + Send + 'static,
{
    state_by_table!(Shape::keyed::<K, VecDeque<V>>(names::KEYED_LIST), take_back);
}

fn take_back<V>(list: &mut VecDeque<V>, undo: Undo<V>) {
    match undo {
        Undo::Appended(count) => list.truncate(list.len().saturating_sub(count)),
        Undo::Popped(value) => list.push_front(value),
        Undo::Cleared(before) => *list = before,
    }
}

/// One key's list, to be read and changed. When it is let go of empty, the key is removed.
pub struct ListEntry<'a, K: StableKey, V> {
    table: &'a mut Table<K, VecDeque<V>, Undo<V>>,
    at: At,
}

impl<K: StableKey, V: Clone> ListEntry<'_, K, V> {
    /// The list as it is.
    #[inline]
    pub fn view(&self) -> &VecDeque<V> {
        self.table.slot(self.at)
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.view().len()
    }

    /// There are no values.
    pub fn is_empty(&self) -> bool {
        self.view().is_empty()
    }

    /// The values from front to back.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.view().iter()
    }

    /// Appends at the back.
    pub fn push(&mut self, value: V) {
        match self.table.last_change(self.at) {
            Some(Undo::Appended(count)) => *count += 1,
            _ => {
                let undo = self.table.undo().then_some(Undo::Appended(1));
                self.table.log_change(self.at, undo);
            }
        }
        self.table.slot_unlogged(self.at).push_back(value);
    }

    /// Takes from the front.
    pub fn pop_front(&mut self) -> Option<V> {
        let value = self.table.slot_unlogged(self.at).pop_front()?;
        let undo = self.table.undo().then(|| Undo::Popped(value.clone()));
        self.table.log_change(self.at, undo);
        Some(value)
    }

    /// Removes all values.
    pub fn clear(&mut self) {
        if self.is_empty() {
            return;
        }
        let before = std::mem::take(self.table.slot_unlogged(self.at));
        let undo = self.table.undo().then_some(Undo::Cleared(before));
        self.table.log_change(self.at, undo);
    }
}

impl<K: StableKey, V> Drop for ListEntry<'_, K, V> {
    #[inline]
    fn drop(&mut self) {
        if self.table.slot(self.at).is_empty() {
            self.table.remove(self.at, |_| (), drop);
        }
    }
}

impl<K: StableKey, V> fmt::Debug for ListEntry<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListEntry").finish_non_exhaustive()
    }
}
