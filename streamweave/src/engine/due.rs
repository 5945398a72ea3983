//! Timers by when they are due: those of one instant in the order of their encoded keys and
//! names.
//!
//! Windows set a timer for each key and all of them for the same few instants. So an instant's
//! timers lie in a hash table while they are set, and are sorted once, when the first of them is
//! due.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use hashbrown::HashTable;

use crate::state::StableKey;

/// Timers of keys `K` that are due at a `T`; of the same key, name and instant there is one.
pub(crate) struct DueTimers<T, K> {
    /// None of them empty.
    instants: BTreeMap<T, Instant<K>>,
    len: usize,
}

enum Instant<K> {
    Waiting(HashTable<Entry<K>>),
    /// The last one is due first.
    Due(Vec<Entry<K>>),
}

struct Entry<K> {
    /// The first bytes of the encoded key: mostly enough to tell which of two comes first.
    prefix: u64,
    key: K,
    name: &'static str,
}

impl<T, K> Default for DueTimers<T, K> {
    fn default() -> Self {
        DueTimers { instants: BTreeMap::new(), len: 0 }
    }
}

impl<T, K> fmt::Debug for DueTimers<T, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DueTimers({})", self.len)
    }
}

impl<K: StableKey> Entry<K> {
    /// `encoded` is a buffer to be used again.
    fn new(key: K, name: &'static str, encoded: &mut Vec<u8>) -> Self {
        encoded.clear();
        key.encode(encoded);
        encoded.resize(encoded.len().max(8), 0);
        let prefix = encoded.first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
        Entry { prefix, key, name }
    }

    fn is(&self, key: &K, name: &str) -> bool {
        self.key == *key && self.name == name
    }

    fn order(&self, other: &Self) -> Ordering {
        let keys = || {
            let (mut left, mut right) = (Vec::new(), Vec::new());
            if self.key != other.key {
                self.key.encode(&mut left);
                other.key.encode(&mut right);
            }
            left.cmp(&right)
        };
        self.prefix.cmp(&other.prefix).then_with(keys).then_with(|| self.name.cmp(other.name))
    }
}

impl<T, K> DueTimers<T, K> {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

impl<T: Ord + Copy, K: StableKey> DueTimers<T, K> {
    /// When the first is due.
    pub(crate) fn earliest(&self) -> Option<T> {
        self.instants.first_key_value().map(|(at, _)| *at)
    }

    pub(crate) fn set(&mut self, at: T, key: K, name: &'static str) {
        let instant = self.instants.entry(at).or_insert_with(|| Instant::Waiting(HashTable::new()));
        match instant {
            Instant::Waiting(waiting) => {
                let hash = key.stable_hash();
                let rehash = |entry: &Entry<K>| entry.key.stable_hash();
                let found = waiting.entry(hash, |entry| entry.is(&key, name), rehash);
                if let hashbrown::hash_table::Entry::Vacant(vacant) = found {
                    vacant.insert(Entry { prefix: 0, key, name });
                    self.len += 1;
                }
            }
            Instant::Due(due) => {
                let entry = Entry::new(key, name, &mut Vec::new());
                if let Err(at) = due.binary_search_by(|held| entry.order(held)) {
                    due.insert(at, entry);
                    self.len += 1;
                }
            }
        }
    }

    pub(crate) fn cancel(&mut self, at: T, key: &K, name: &'static str) {
        let Some(instant) = self.instants.get_mut(&at) else { return };
        let (found, left) = match instant {
            Instant::Waiting(waiting) => {
                let found = waiting.find_entry(key.stable_hash(), |entry| entry.is(key, name)).ok();
                (found.map(|found| found.remove()).is_some(), waiting.len())
            }
            Instant::Due(due) if due.last().is_some_and(|first| first.is(key, name)) => {
                due.pop();
                (true, due.len())
            }
            Instant::Due(due) => {
                let found = due.iter().position(|entry| entry.is(key, name));
                (found.map(|found| due.remove(found)).is_some(), due.len())
            }
        };
        self.len -= usize::from(found);
        if left == 0 {
            self.instants.remove(&at);
        }
    }

    /// The first of all.
    pub(crate) fn first(&mut self) -> Option<(T, &K, &'static str)> {
        let mut first = self.instants.first_entry()?;
        let at = *first.key();
        if let Instant::Waiting(waiting) = first.get_mut() {
            let mut encoded = Vec::new();
            let prefixed = |entry: Entry<K>| Entry::new(entry.key, entry.name, &mut encoded);
            let mut due: Vec<_> = waiting.drain().map(prefixed).collect();
            due.sort_unstable_by(|a, b| b.order(a));
            *first.get_mut() = Instant::Due(due);
        }
        match first.into_mut() {
            Instant::Due(due) => due.last().map(|entry| (at, &entry.key, entry.name)),
            Instant::Waiting(_) => None,
        }
    }

    /// All of them, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (T, &K, &'static str)> {
        self.instants.iter().flat_map(|(at, instant)| {
            let (waiting, due) = match instant {
                Instant::Waiting(waiting) => (Some(waiting.iter()), None),
                Instant::Due(due) => (None, Some(due.iter())),
            };
            let entries = waiting.into_iter().flatten().chain(due.into_iter().flatten());
            entries.map(|entry| (*at, &entry.key, entry.name))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Against an ordered set, with keys whose first bytes are often the same.
    #[test]
    fn as_an_ordered_set() {
        let keys = ["", "a", "aaaaaaaa", "aaaaaaaab", "aaaaaaaac", "b", "a\0", "a\0\0"];
        let names = ["x", "y"];
        let mut timers = DueTimers::<i64, String>::default();
        let mut model = BTreeSet::new();
        let mut random = 11_u64;
        for _ in 0..50_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (random >> 60) as i64 - 8;
            let key = keys[(random >> 50) as usize % keys.len()].to_owned();
            let name = names[(random >> 45) as usize % names.len()];
            match (random >> 33) % 16 {
                0..5 => {
                    timers.set(at, key.clone(), name);
                    model.insert((at, key, name));
                }
                5..9 => {
                    timers.cancel(at, &key, name);
                    model.remove(&(at, key, name));
                }
                9..15 => {
                    let first = timers.first().map(|(at, key, name)| (at, key.clone(), name));
                    assert_eq!(first.as_ref(), model.first());
                    if let Some((at, key, name)) = first {
                        timers.cancel(at, &key, name);
                        model.pop_first();
                    }
                }
                _ => {
                    let mut all: Vec<_> =
                        timers.iter().map(|(at, key, name)| (at, key.clone(), name)).collect();
                    all.sort();
                    assert_eq!(all, model.iter().cloned().collect::<Vec<_>>());
                }
            }
            assert_eq!(timers.len(), model.len());
            assert_eq!(timers.earliest(), model.first().map(|(at, ..)| *at));
        }
    }
}
