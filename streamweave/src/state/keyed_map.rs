//! `KeyedMap`: an ordered map for each key, undone entry by inner entry.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::collections::btree_map::{Entry, OccupiedEntry};
use std::fmt;
use std::ops::RangeBounds;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Shape;
use super::kind::{State, names, state_by_table};
use super::stable_key::{StableHash, StableKey};
use super::table::{Part, Table};
use super::undo::At;

/// An inner value with the stamp of its last change, which is not saved.
#[derive(Clone)]
struct Cell<V> {
    value: V,
    stamp: u64,
}

impl<V: Serialize> Serialize for Cell<V> {
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        self.value.serialize(serializer)
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Cell<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self { value: V::deserialize(deserializer)?, stamp: 0 })
    }
}

type Inner<K2, V> = BTreeMap<K2, Cell<V>>;
/// An inner key with what was there before.
type Before<K2, V> = (K2, Option<Cell<V>>);

/// An ordered map for each key: an order book by instrument, open orders by customer.
///
/// What a unit changes is logged inner entry by inner entry, so that a change costs the same in a
/// large map as in a small one. A key whose map is empty is absent.
///
/// ```
/// use streamweave::state::KeyedMap;
///
/// let mut books: KeyedMap<String, i64, u32> = KeyedMap::new();
/// books.entry("ACME".into()).insert(101, 5);
/// books.entry("ACME".into()).insert(99, 7);
/// assert_eq!(books.get("ACME").and_then(|book| book.first()), Some((&99, &7)));
/// ```
#[derive(Clone)]
pub struct KeyedMap<K, K2, V> {
    table: Table<K, Inner<K2, V>, Before<K2, V>>,
}

impl<K, K2, V> KeyedMap<K, K2, V> {
    /// No keys.
    pub fn new() -> Self {
        Self { table: Table::new() }
    }

    /// How many keys have a map.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// No key has a map.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All keys with their maps, in an order that must not reach a deterministic output.
    pub fn iter(&self) -> impl Iterator<Item = (&K, MapRef<'_, K2, V>)> {
        self.table.iter().map(|entry| (&entry.key, MapRef(&entry.slot)))
    }
}

impl<K: StableKey, K2: Ord + Clone, V: Clone> KeyedMap<K, K2, V> {
    /// The key's map, if it has one.
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<MapRef<'_, K2, V>>
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        self.table.get(key).map(MapRef)
    }

    /// The key's map, to be read and changed.
    #[inline]
    pub fn entry(&mut self, key: K) -> MapEntry<'_, K, K2, V> {
        let at = self.table.place_owned(key, BTreeMap::new);
        MapEntry { table: &mut self.table, at }
    }

    /// As [`entry`](Self::entry), cloning the key only when it is put in.
    #[inline]
    pub fn entry_ref<Q>(&mut self, key: &Q) -> MapEntry<'_, K, K2, V>
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let at = self.table.place(key, || (key.to_owned(), BTreeMap::new()));
        MapEntry { table: &mut self.table, at }
    }

    /// Removes the key with its whole map. Says whether it had one.
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

impl<K, K2, V> Default for KeyedMap<K, K2, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, K2, V> fmt::Debug for KeyedMap<K, K2, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedMap").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl<K, K2, V> State for KeyedMap<K, K2, V>
where
    K: StableKey + Serialize + DeserializeOwned,
    K2: Ord + Clone + Serialize + DeserializeOwned + Send + 'static,
    V: Clone + Serialize + DeserializeOwned + Send + 'static,
{
    state_by_table!(Shape::keyed::<K, BTreeMap<K2, V>>(names::KEYED_MAP), take_back);
}

fn take_back<K2: Ord, V>(inner: &mut Inner<K2, V>, (key, before): Before<K2, V>) {
    match before {
        Some(cell) => inner.insert(key, cell),
        None => inner.remove(&key),
    };
}

/// The entry, noted as changed.
fn changed<'a, K, S, K2: Ord + Clone, V: Clone>(
    held: OccupiedEntry<'a, K2, Cell<V>>,
    part: Part<'_, K, S, Before<K2, V>>,
) -> &'a mut Cell<V> {
    let unit = part.unit();
    if held.get().stamp != unit {
        part.change(|| (held.key().clone(), Some(held.get().clone())));
    }
    let cell = held.into_mut();
    cell.stamp = unit;
    cell
}

/// One key's map, to be read.
#[derive(Clone, Copy)]
pub struct MapRef<'a, K2, V>(&'a Inner<K2, V>);

impl<'a, K2: Ord, V> MapRef<'a, K2, V> {
    /// The inner key's value.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&'a V>
    where
        K2: Borrow<Q>,
    {
        self.0.get(key).map(|cell| &cell.value)
    }

    /// How many inner entries there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// There are no inner entries.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The inner entries in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&'a K2, &'a V)> + use<'a, K2, V> {
        self.0.iter().map(|(key, cell)| (key, &cell.value))
    }

    /// The inner entries of a range in order. As with `BTreeMap`, the range's start must not be
    /// after its end.
    pub fn range<R: RangeBounds<K2>>(
        &self,
        range: R,
    ) -> impl DoubleEndedIterator<Item = (&'a K2, &'a V)> + use<'a, K2, V, R> {
        self.0.range(range).map(|(key, cell)| (key, &cell.value))
    }

    /// The inner entry with the least key.
    pub fn first(&self) -> Option<(&'a K2, &'a V)> {
        self.iter().next()
    }

    /// The inner entry with the greatest key.
    pub fn last(&self) -> Option<(&'a K2, &'a V)> {
        self.iter().next_back()
    }
}

impl<K2, V> fmt::Debug for MapRef<'_, K2, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapRef").field("len", &self.0.len()).finish_non_exhaustive()
    }
}

/// One key's map, to be read and changed. When it is let go of empty, the key is removed.
pub struct MapEntry<'a, K: StableKey, K2, V> {
    table: &'a mut Table<K, Inner<K2, V>, Before<K2, V>>,
    at: At,
}

impl<K: StableKey, K2: Ord + Clone, V: Clone> MapEntry<'_, K, K2, V> {
    /// The map, to be read in all ways that [`MapRef`] has.
    #[inline]
    pub fn view(&self) -> MapRef<'_, K2, V> {
        MapRef(self.table.slot(self.at))
    }

    /// The inner key's value.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K2: Borrow<Q>,
    {
        self.view().get(key)
    }

    /// How many inner entries there are.
    pub fn len(&self) -> usize {
        self.view().len()
    }

    /// There are no inner entries.
    pub fn is_empty(&self) -> bool {
        self.view().is_empty()
    }

    /// The inner entries in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K2, &V)> {
        self.view().iter()
    }

    /// The inner entries of a range in order; its start must not be after its end.
    pub fn range<R: RangeBounds<K2>>(
        &self,
        range: R,
    ) -> impl DoubleEndedIterator<Item = (&K2, &V)> {
        self.view().range(range)
    }

    /// The inner entry with the least key.
    pub fn first(&self) -> Option<(&K2, &V)> {
        self.view().first()
    }

    /// The inner entry with the greatest key.
    pub fn last(&self) -> Option<(&K2, &V)> {
        self.view().last()
    }

    /// The inner key's value, to be changed.
    pub fn get_mut(&mut self, key: &K2) -> Option<&mut V> {
        let (inner, part) = self.table.part(self.at);
        let cell = inner.get_mut(key)?;
        let unit = part.unit();
        if cell.stamp != unit {
            part.change(|| (key.clone(), Some(cell.clone())));
            cell.stamp = unit;
        }
        Some(&mut cell.value)
    }

    /// Sets the inner key's value and returns the one before.
    pub fn insert(&mut self, key: K2, value: V) -> Option<V> {
        let (inner, part) = self.table.part(self.at);
        match inner.entry(key) {
            Entry::Occupied(held) => Some(std::mem::replace(&mut changed(held, part).value, value)),
            Entry::Vacant(absent) => {
                let stamp = part.unit();
                part.change(|| (absent.key().clone(), None));
                absent.insert(Cell { value, stamp });
                None
            }
        }
    }

    /// The inner key's value, put in as the default if there was none.
    pub fn or_default(&mut self, key: K2) -> &mut V
    where
        V: Default,
    {
        let (inner, part) = self.table.part(self.at);
        match inner.entry(key) {
            Entry::Occupied(held) => &mut changed(held, part).value,
            Entry::Vacant(absent) => {
                let stamp = part.unit();
                part.change(|| (absent.key().clone(), None));
                &mut absent.insert(Cell { value: V::default(), stamp }).value
            }
        }
    }

    /// Removes the inner key and returns its value.
    pub fn remove(&mut self, key: &K2) -> Option<V> {
        let (inner, part) = self.table.part(self.at);
        let (key, cell) = inner.remove_entry(key)?;
        if !part.undo() {
            part.change(|| (key, None));
            return Some(cell.value);
        }
        let value = cell.value.clone();
        part.change(|| (key, Some(cell)));
        Some(value)
    }

    /// Removes the inner entry with the least key.
    pub fn pop_first(&mut self) -> Option<(K2, V)> {
        let key = self.first()?.0.clone();
        let value = self.remove(&key)?;
        Some((key, value))
    }
}

impl<K: StableKey, K2, V> Drop for MapEntry<'_, K, K2, V> {
    #[inline]
    fn drop(&mut self) {
        if self.table.slot(self.at).is_empty() {
            self.table.remove(self.at, |_| (), drop);
        }
    }
}

impl<K: StableKey, K2, V> fmt::Debug for MapEntry<'_, K, K2, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapEntry").finish_non_exhaustive()
    }
}
