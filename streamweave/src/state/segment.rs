//! One hash table of a segmented store, and beside it one byte for each of its buckets: the mark
//! of the epoch in which the bucket's entry was last changed (see [`Epochs`]).
//!
//! The marks lie apart from the entries so that a look-up moves no more memory than that of a
//! plain table.
//!
//! [`Epochs`]: super::epochs::Epochs

use std::ops::Range;

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

/// A segment that lacks an entry and has room for it.
pub(super) struct Absent<'a, K, S> {
    entries: &'a mut HashTable<Entry<K, S>>,
    marks: &'a mut [u8],
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

    pub(super) fn slots_mut(&mut self) -> impl Iterator<Item = &mut S> {
        self.entries.iter_mut().map(|entry| &mut entry.slot)
    }

    /// The entries with at least this mark.
    pub(super) fn since(&self, mark: u16) -> impl Iterator<Item = &Entry<K, S>> {
        let marked = move |&bucket: &usize| u16::from(self.marks[bucket]) >= mark;
        self.entries.iter_buckets().filter(marked).filter_map(|b| self.entries.get_bucket(b))
    }

    pub(super) fn buckets(&self) -> usize {
        self.marks.len()
    }

    /// The entries of these buckets with one of these marks, and where they are.
    pub(super) fn marked(
        &self,
        buckets: Range<usize>,
        marks: &Range<u16>,
    ) -> impl Iterator<Item = (u32, &Entry<K, S>)> {
        let marked = move |&bucket: &usize| marks.contains(&u16::from(self.marks[bucket]));
        let entry = |bucket| Some((bucket as u32, self.entries.get_bucket(bucket)?));
        buckets.filter(marked).filter_map(entry)
    }

    /// What the bucket holds, if anything, and its mark.
    pub(super) fn held(&self, bucket: u32) -> Option<(&Entry<K, S>, u8)> {
        let entry = self.entries.get_bucket(bucket as usize)?;
        Some((entry, *self.marks.get(bucket as usize)?))
    }

    pub(super) fn marks_mut(&mut self) -> impl Iterator<Item = &mut u8> {
        self.marks.iter_mut()
    }

    #[inline(always)]
    pub(super) fn find(&self, hash: u64, is: impl Fn(&K) -> bool) -> Option<u32> {
        self.entries.find_bucket_index(hash, |entry| is(&entry.key)).map(|bucket| bucket as u32)
    }

    #[inline(always)]
    pub(super) fn find_held(
        &mut self,
        hash: u64,
        is: impl Fn(&K) -> bool,
    ) -> Result<Held<'_, K, S>, Absent<'_, K, S>> {
        match self.entries.find_entry(hash, |entry| is(&entry.key)) {
            Ok(found) => {
                let bucket = found.bucket_index();
                let Some(mark) = self.marks.get_mut(bucket) else { vacant() };
                Ok(Held { bucket: bucket as u32, entry: found.into_mut(), mark })
            }
            Err(absent) => Err(Absent { entries: absent.into_table(), marks: &mut self.marks }),
        }
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
        let Self { entries, marks } = self;
        Absent { entries, marks }.insert(hash, entry, mark).0
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

impl<'a, K: StableKey, S> Absent<'a, K, S> {
    /// Puts it in. Says also whether that took the last room.
    pub(super) fn insert(self, hash: u64, entry: Entry<K, S>, mark: u8) -> (Held<'a, K, S>, bool) {
        let Self { entries, marks } = self;
        debug_assert!(entries.len() < entries.capacity(), "marks do not move with entries");
        let full = entries.len() + 1 == entries.capacity();
        let put = entries.insert_unique(hash, entry, |entry| entry.key.stable_hash());
        let bucket = put.bucket_index();
        let held = &mut marks[bucket];
        *held = mark;
        (Held { bucket: bucket as u32, entry: OccupiedEntry::into_mut(put), mark: held }, full)
    }
}
