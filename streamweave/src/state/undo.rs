//! The undo log of one unit: what was changed, put in and removed, in that order.
//!
//! Records point at their entry's bucket, so that logging a change clones no key. Before anything
//! moves entries, or frees a bucket that the log points at, the log is *pinned*: those records
//! take a copy of the key instead. That is rare, and happens to a record at most once.

/// A bucket in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct At {
    pub(super) segment: u32,
    pub(super) bucket: u32,
}

#[derive(Clone)]
pub(super) enum Place<K> {
    At(At),
    Key(K),
}

#[derive(Clone)]
pub(super) enum Logged<K, S, U> {
    Changed { place: Place<K>, stamp: u64, undo: U },
    Inserted { place: Place<K> },
    Removed { entry: super::table::Entry<K, S> },
}

#[derive(Clone)]
pub(super) struct Log<K, S, U> {
    records: Vec<Logged<K, S, U>>,
    /// Records before this one hold no places.
    pinned: usize,
}

impl<K, S, U> Log<K, S, U> {
    pub(super) fn new() -> Self {
        Self { records: Vec::new(), pinned: 0 }
    }

    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    #[inline(always)]
    pub(super) fn clear(&mut self) {
        self.records.clear();
        self.pinned = 0;
    }

    #[inline(always)]
    pub(super) fn push(&mut self, record: Logged<K, S, U>) {
        self.records.push(record);
    }

    pub(super) fn pop(&mut self) -> Option<Logged<K, S, U>> {
        let record = self.records.pop();
        self.pinned = self.pinned.min(self.records.len());
        record
    }

    pub(super) fn last_mut(&mut self) -> Option<&mut Logged<K, S, U>> {
        self.records.last_mut()
    }

    pub(super) fn pin(&mut self, mut key_at: impl FnMut(At) -> K) {
        for record in &mut self.records[self.pinned..] {
            if let Logged::Changed { place, .. } | Logged::Inserted { place } = record
                && let Place::At(at) = *place
            {
                *place = Place::Key(key_at(at));
            }
        }
        self.pinned = self.records.len();
    }
}
