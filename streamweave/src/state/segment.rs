//! One hash table of a segmented store, and beside it one byte for each of its buckets: the mark
//! of the epoch in which the bucket's entry was last changed (see [`Epochs`]).
//!
//! The marks lie apart from the entries so that a look-up moves no more memory than that of a
//! plain table.
//!
//! [`Epochs`]: super::epochs::Epochs

use hashbrown::HashTable;
use hashbrown::hash_table::OccupiedEntry;

use super::stable_key::StableKey;

#[derive(Clone)]
pub(super) struct Entry<K, S> {
    pub(super) key: K,
    pub(super) slot: S,
}

/// Aligned to a cache line: it is found by a shift, and one load brings all of it.
#[derive(Clone)]
#[repr(align(64))]
pub(super) struct Segment<K, S> {
    entries: HashTable<Entry<K, S>>,
    /// As many as there are buckets.
    marks: Box<[u8]>,
}

/// An entry and the mark of its last change, to be changed.
pub(super) struct Held<'a, K, S> {
    pub(super) bucket: u32,
    pub(super) entry: &'a mut Entry<K, S>,
    pub(super) mark: &'a mut u8,
}

impl<K, S> Segment<K, S> {
    /// Has room for so many entries.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        let entries = HashTable::with_capacity(capacity);
        let marks = vec![0; entries.num_buckets()].into_boxed_slice();
        Self { entries, marks }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// One more entry would make the others move.
    pub(super) fn is_full(&self) -> bool {
        self.entries.len() == self.entries.capacity()
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry<K, S>> {
        self.entries.iter()
    }

    /// The entries with at least this mark.
    pub(super) fn since(&self, mark: u16) -> impl Iterator<Item = &Entry<K, S>> {
        let marked = move |&bucket: &usize| u16::from(self.marks[bucket]) >= mark;
        self.entries.iter_buckets().filter(marked).filter_map(|b| self.entries.get_bucket(b))
    }

    pub(super) fn marks_mut(&mut self) -> impl Iterator<Item = &mut u8> {
        self.marks.iter_mut()
    }

    #[inline(always)]
    pub(super) fn find(&self, hash: u64, is: impl Fn(&K) -> bool) -> Option<u32> {
        self.entries.find_bucket_index(hash, |entry| is(&entry.key)).map(|bucket| bucket as u32)
    }

    #[inline(always)]
    pub(super) fn find_slot(&self, hash: u64, is: impl Fn(&K) -> bool) -> Option<&S> {
        self.entries.find(hash, |entry| is(&entry.key)).map(|entry| &entry.slot)
    }

    #[inline(always)]
    pub(super) fn get(&self, bucket: u32) -> (&Entry<K, S>, u8) {
        match (self.entries.get_bucket(bucket as usize), self.marks.get(bucket as usize)) {
            (Some(entry), Some(mark)) => (entry, *mark),
            _ => vacant(),
        }
    }

    #[inline(always)]
    pub(super) fn get_mut(&mut self, bucket: u32) -> Held<'_, K, S> {
        let held = self.entries.get_bucket_mut(bucket as usize);
        match (held, self.marks.get_mut(bucket as usize)) {
            (Some(entry), Some(mark)) => Held { bucket, entry, mark },
            _ => vacant(),
        }
    }

    /// Removes an entry, if the bucket has one.
    pub(super) fn take(&mut self, bucket: u32) -> Option<(Entry<K, S>, u8)> {
        let held = self.entries.get_bucket_entry(bucket as usize).ok()?;
        Some((held.remove().0, self.marks[bucket as usize]))
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(&K) -> bool) {
        self.entries.retain(|entry| keep(&entry.key));
    }
}

/// Out of the way of those who look.
#[cold]
#[inline(never)]
fn vacant() -> ! {
    unreachable!("places are not kept across what moves entries")
}

impl<K: StableKey, S> Segment<K, S> {
    /// Puts in an entry whose key is absent, where there is room.
    pub(super) fn insert(&mut self, hash: u64, entry: Entry<K, S>, mark: u8) -> Held<'_, K, S> {
        debug_assert!(!self.is_full(), "the marks do not move with the entries");
        let put = self.entries.insert_unique(hash, entry, |entry| entry.key.stable_hash());
        let bucket = put.bucket_index();
        let (entry, held) = (OccupiedEntry::into_mut(put), &mut self.marks[bucket]);
        *held = mark;
        Held { bucket: bucket as u32, entry, mark: held }
    }

    /// Takes all entries, each with its hash and mark.
    pub(super) fn empty(&mut self, mut give: impl FnMut(u64, Entry<K, S>, u8)) {
        let Self { mut entries, marks } = std::mem::replace(self, Self::with_capacity(0));
        for (bucket, mark) in marks.into_iter().enumerate() {
            if let Ok(held) = entries.get_bucket_entry(bucket) {
                let (entry, _) = held.remove();
                give(entry.key.stable_hash(), entry, mark);
            }
        }
    }

    /// Makes room for more entries: twice as many, unless what fills it are places of entries
    /// that were removed.
    pub(super) fn grow(&mut self) {
        let mut larger = Self::with_capacity(self.len() + self.len() / 2 + 1);
        self.empty(|hash, entry, mark| {
            larger.insert(hash, entry, mark);
        });
        *self = larger;
    }
}
