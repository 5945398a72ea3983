//! The undo log of one unit: what was changed, put in and removed, in that order.
//!
//! Records point at their entry's bucket, so that logging a change clones no key. Before anything
//! moves entries, or frees a bucket that the log points at, the log is *pinned*: a copy of the
//! key is kept beside each of those records. That is rare, and happens to a record at most once.
//!
//! A unit mostly changes one entry once. So the log is made for that: the first record of a unit
//! is just written, and only further ones look whether the log has their entry already.

use hashbrown::HashTable;

use super::segment::Entry;

/// So many records are looked through one by one; beyond, there is an index of them.
const LOOKED_THROUGH: usize = 8;

/// A bucket in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct At {
    pub(super) bucket: u32,
    pub(super) segment: u8,
}

#[derive(Clone)]
pub(super) enum Place<K> {
    At(At),
    Key(K),
}

/// What to take back, as [`Log::pop`] returns it.
pub(super) enum Logged<K, S, U> {
    Changed { place: Place<K>, mark: u8, undo: U },
    Inserted { place: Place<K> },
    Removed { entry: Entry<K, S>, mark: u8 },
}

/// The parts of an [`At`] are fields here, so that they leave no gaps.
#[derive(Clone)]
enum Record<U> {
    Changed { bucket: u32, segment: u8, mark: u8, undo: U },
    Inserted { bucket: u32, segment: u8 },
    Removed { mark: u8 },
}

impl<U> Record<U> {
    fn at(&self) -> Option<At> {
        match *self {
            Self::Changed { bucket, segment, .. } | Self::Inserted { bucket, segment } => {
                Some(At { bucket, segment })
            }
            Self::Removed { .. } => None,
        }
    }
}

#[derive(Clone)]
pub(super) struct Log<K, S, U> {
    records: Vec<Record<U>>,
    /// Something is in the fields below.
    more: bool,
    /// Records before this one have their keys in `keys`.
    pinned: usize,
    keys: Vec<K>,
    /// What the records of removals do not hold themselves.
    removed: Vec<Entry<K, S>>,
    /// Where the unpinned records of changes point, once there are many.
    index: HashTable<At>,
}

impl<K, S, U> Log<K, S, U> {
    pub(super) fn new() -> Self {
        Self {
            records: Vec::new(),
            more: false,
            pinned: 0,
            keys: Vec::new(),
            removed: Vec::new(),
            index: HashTable::new(),
        }
    }

    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    #[inline(always)]
    pub(super) fn clear(&mut self) {
        self.records.clear();
        if self.more {
            self.clear_more();
        }
    }

    #[cold]
    #[inline(never)]
    fn clear_more(&mut self) {
        self.more = false;
        self.pinned = 0;
        self.keys.clear();
        self.removed.clear();
        self.index.clear();
    }

    /// A change of an entry, whatever the log has of it already.
    #[inline(always)]
    pub(super) fn change(&mut self, At { bucket, segment }: At, mark: u8, undo: U) {
        self.records.push(Record::Changed { bucket, segment, mark, undo });
    }

    #[inline(always)]
    pub(super) fn insertion(&mut self, At { bucket, segment }: At) {
        self.records.push(Record::Inserted { bucket, segment });
    }

    pub(super) fn removal(&mut self, entry: Entry<K, S>, mark: u8) {
        self.records.push(Record::Removed { mark });
        self.removed.push(entry);
        self.more = true;
    }

    /// A change of an entry, unless a record of this unit takes it back too.
    #[inline(always)]
    pub(super) fn touch(&mut self, at: At, mark: u8, save: impl FnOnce() -> U) {
        if self.records.is_empty() && self.records.capacity() > 0 {
            self.change(at, mark, save());
        } else {
            self.touch_further(at, mark, save);
        }
    }

    #[cold]
    #[inline(never)]
    fn touch_further(&mut self, at: At, mark: u8, save: impl FnOnce() -> U) {
        if !self.look_for(at) {
            self.change(at, mark, save());
        }
    }

    /// There is a record of this entry. May overlook one, and takes it for granted that the
    /// answer no is followed by one.
    fn look_for(&mut self, at: At) -> bool {
        let unpinned = &self.records[self.pinned..];
        if unpinned.len() <= LOOKED_THROUGH {
            return unpinned.iter().rev().any(|record| record.at() == Some(at));
        }
        if self.index.is_empty() {
            self.more = true;
            for at in unpinned.iter().filter_map(Record::at) {
                self.index.insert_unique(hash(&at), at, hash);
            }
        }
        match self.index.entry(hash(&at), |held| *held == at, hash) {
            hashbrown::hash_table::Entry::Occupied(_) => true,
            hashbrown::hash_table::Entry::Vacant(absent) => {
                absent.insert(at);
                false
            }
        }
    }

    /// What takes back the last change, if that was of this entry.
    pub(super) fn last_change(&mut self, at: At) -> Option<&mut U> {
        if self.pinned == self.records.len() {
            return None;
        }
        match self.records.last_mut()? {
            Record::Changed { bucket, segment, undo, .. }
                if *bucket == at.bucket && *segment == at.segment =>
            {
                Some(undo)
            }
            _ => None,
        }
    }

    pub(super) fn pop(&mut self) -> Option<Logged<K, S, U>> {
        let record = self.records.pop()?;
        let pinned = self.records.len() < self.pinned;
        self.pinned = self.pinned.min(self.records.len());
        // Keys were put aside in the order of the records.
        let key = if pinned && record.at().is_some() { self.keys.pop() } else { None };
        let place = |at| key.map_or(Place::At(at), Place::Key);
        match record {
            Record::Changed { bucket, segment, mark, undo } => {
                Some(Logged::Changed { place: place(At { bucket, segment }), mark, undo })
            }
            Record::Inserted { bucket, segment } => {
                Some(Logged::Inserted { place: place(At { bucket, segment }) })
            }
            Record::Removed { mark } => {
                self.removed.pop().map(|entry| Logged::Removed { entry, mark })
            }
        }
    }

    /// Makes the log find its entries by key.
    pub(super) fn pin(&mut self, key_at: impl FnMut(At) -> K) {
        if self.pinned == self.records.len() {
            return;
        }
        self.more = true;
        self.keys.extend(self.records[self.pinned..].iter().filter_map(Record::at).map(key_at));
        self.pinned = self.records.len();
        self.index.clear();
    }

    pub(super) fn marks_mut(&mut self) -> impl Iterator<Item = &mut u8> {
        self.records.iter_mut().filter_map(|record| match record {
            Record::Changed { mark, .. } | Record::Removed { mark } => Some(mark),
            Record::Inserted { .. } => None,
        })
    }
}

/// Spread over all bits: the table takes its tags from the top ones.
fn hash(at: &At) -> u64 {
    let place = u64::from(at.segment) << 32 | u64::from(at.bucket);
    let product = place.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    product ^ product >> 32
}
