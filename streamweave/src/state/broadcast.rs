//! `Broadcast`: a table that every worker has in full.

use std::borrow::Borrow;
use std::ops::Range;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::kind::names;
use super::stable_key::{StableHash, StableKey};
use super::{ALL_GROUPS, Begun, Coverage, Keyed, Shape, State, StateError, StateKind};

/// A table that every worker has in full: what comes by a broadcast input and is looked up by
/// records that stay where they are, whatever their keys.
///
/// ```
/// use streamweave::state::{Broadcast, State, StateKind};
///
/// let mut names: Broadcast<u64, String> = Broadcast::new();
/// names.insert(7, "Ada".into());
/// assert_eq!(names.get(&7).map(String::as_str), Some("Ada"));
/// assert_eq!(Broadcast::<u64, String>::KIND, StateKind::Broadcast);
/// ```
#[derive(Clone, Debug)]
pub struct Broadcast<K, V> {
    rows: Keyed<K, V>,
}

impl<K, V> Broadcast<K, V> {
    /// No rows.
    pub fn new() -> Self {
        Self { rows: Keyed::new() }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// There are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl<K: StableKey, V: Clone> Broadcast<K, V> {
    /// The key's row.
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        self.rows.get(key)
    }

    /// Sets the key's row and returns the one before.
    pub fn insert(&mut self, key: K, row: V) -> Option<V> {
        self.rows.insert(key, row)
    }

    /// Removes the key's row and returns it.
    pub fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        self.rows.remove(key)
    }
}

impl<K, V> Default for Broadcast<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> State for Broadcast<K, V>
where
    K: StableKey + Serialize + DeserializeOwned,
    V: Clone + Serialize + DeserializeOwned + Send + 'static,
{
    const KIND: StateKind = StateKind::Broadcast;

    fn shape() -> Shape {
        Shape::keyed::<K, V>(names::BROADCAST)
    }

    fn set_undo(&mut self, on: bool) {
        self.rows.set_undo(on);
    }

    #[inline(always)]
    fn begin(&mut self) {
        self.rows.begin();
    }

    fn rollback(&mut self) {
        self.rows.rollback();
    }

    fn set_epoch(&mut self, epoch: u32) {
        self.rows.set_epoch(epoch);
    }

    fn settle(&mut self, epoch: u32) {
        self.rows.settle(epoch);
    }

    /// Written in full with every range: whichever groups a worker has, it needs all rows.
    fn snapshot(&self, _: Range<u16>, into: &mut Vec<u8>) -> Result<(), StateError> {
        self.rows.snapshot(ALL_GROUPS, into)
    }

    fn snapshot_changes(
        &self,
        since: u32,
        _: Range<u16>,
        into: &mut Vec<u8>,
    ) -> Result<Coverage, StateError> {
        self.rows.snapshot_changes(since, ALL_GROUPS, into)
    }

    fn begin_snapshot(&mut self, since: Option<u32>) -> Result<Begun, StateError> {
        self.rows.begin_snapshot(since)
    }

    fn advance_snapshot(&mut self, entries: usize) -> Option<Result<Vec<u8>, StateError>> {
        self.rows.advance_snapshot(entries)
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        self.rows.restore(bytes)
    }

    /// Groups that move take no row with them; all groups are dropped to be replaced.
    fn clear_groups(&mut self, groups: Range<u16>) {
        if groups == ALL_GROUPS {
            self.rows.clear_groups(groups);
        }
    }
}
