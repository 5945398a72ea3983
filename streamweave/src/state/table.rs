//! The store under every keyed kind of state: entries inline in hash tables, segmented by key
//! group so that no insertion ever moves more than 28,672 entries or a 256th of a large state, with a log that
//! takes back the changes of one unit.
//!
//! One stable hash serves three ends: its top 7 bits are the table's tags, the 15 below the key
//! group (the upper 8 of those the slice, and by it the segment), the bottom ones the place in the segment's table.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Range;

use hashbrown::HashTable;

use super::epochs::Epochs;
use super::key_group::finest;
use super::stable_key::{StableHash, StableKey};
use super::undo::{At, Log, Logged, Place};

/// A segment that holds this many entries is split in two (what 32,768 buckets hold), as long as
/// it has more than one slice: few large tables cost less in the processor's caches than many
/// small ones, and a split moves too few entries to be felt.
const SPLIT_AT: usize = 28_672;
/// The finest segmentation, in which every slice is a segment.
const SLICES: usize = 256;
/// Groups of the finest division in one slice: 2^15 / 2^8.
const GROUPS_PER_SLICE: u16 = 128;
/// Up to this many removals are always remembered for a snapshot of changes; beyond it, as many
/// as there are entries.
const REMOVALS: usize = 1024;

#[derive(Clone)]
pub(super) struct Entry<K, S> {
    pub(super) key: K,
    pub(super) slot: S,
    /// See [`Epochs`].
    pub(super) stamp: u64,
}

/// `S` is what is stored with a key, `U` what takes back one change of an `S`.
#[derive(Clone)]
pub(super) struct Table<K, S, U> {
    segments: Vec<HashTable<Entry<K, S>>>,
    /// Which segment has a slice. A segment's slices lie next to each other.
    directory: [u8; SLICES],
    len: usize,
    epochs: Epochs,
    undo: bool,
    log: Log<K, S, U>,
    /// Keys removed, with the stamp of the removal.
    removed: Vec<(K, u64)>,
}

impl<K, S, U> fmt::Debug for Table<K, S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("len", &self.len).field("undo", &self.undo).finish()
    }
}

#[inline(always)]
fn slice_of(hash: u64) -> usize {
    usize::from(finest(hash) / GROUPS_PER_SLICE) % SLICES
}

impl<K, S, U> Table<K, S, U> {
    pub(super) fn new() -> Self {
        Self {
            segments: vec![HashTable::new()],
            directory: [0; SLICES],
            len: 0,
            epochs: Epochs::new(),
            undo: false,
            log: Log::new(),
            removed: Vec::new(),
        }
    }

    #[inline(always)]
    fn segment_of(&self, hash: u64) -> usize {
        usize::from(self.directory[slice_of(hash)])
    }

    fn slices(&self, segment: usize) -> Range<usize> {
        let has = |&slice: &usize| usize::from(self.directory[slice]) == segment;
        let start = (0..SLICES).find(has).unwrap_or(SLICES);
        start..start + (start..SLICES).take_while(has).count()
    }

    /// The groups of a segment.
    fn groups(&self, segment: usize) -> Range<u16> {
        let slices = self.slices(segment);
        slices.start as u16 * GROUPS_PER_SLICE..slices.end as u16 * GROUPS_PER_SLICE
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry<K, S>> {
        self.segments.iter().flatten()
    }

    pub(super) fn epochs(&self) -> &Epochs {
        &self.epochs
    }

    pub(super) fn undo(&self) -> bool {
        self.undo
    }

    pub(super) fn set_undo(&mut self, on: bool) {
        self.undo = on;
        self.new_unit();
    }

    pub(super) fn set_epoch(&mut self, epoch: u32) {
        self.epochs.begin_epoch(epoch);
    }

    pub(super) fn settle(&mut self, epoch: u32) {
        let start = self.epochs.forget_before(epoch);
        self.removed.retain(|&(_, stamp)| stamp >= start);
    }

    /// While undo is on, an entry has the current stamp exactly if this unit logged it.
    #[inline(always)]
    pub(super) fn begin(&mut self) {
        if !self.log.is_empty() {
            self.log.clear();
            self.epochs.advance();
        }
    }

    /// Like `begin`, but also after changes that were not logged.
    fn new_unit(&mut self) {
        self.log.clear();
        self.epochs.advance();
    }

    #[inline(always)]
    pub(super) fn at(&self, At { segment, bucket }: At) -> &Entry<K, S> {
        match self.segments[segment as usize].get_bucket(bucket as usize) {
            Some(entry) => entry,
            None => unreachable!("places are not kept across what moves entries"),
        }
    }

    #[inline(always)]
    fn at_mut(&mut self, at: At) -> &mut Entry<K, S> {
        occupied(&mut self.segments, at)
    }

    /// Marks the entry as changed, and logs what takes the change back: at its first touch in a
    /// unit, while undo is on.
    #[inline(always)]
    pub(super) fn touch(&mut self, at: At, save: impl FnOnce(&S) -> U) -> &mut S {
        let now = self.epochs.now();
        let entry = occupied(&mut self.segments, at);
        if entry.stamp != now {
            if self.undo {
                let stamp = entry.stamp;
                self.log.push(Logged::Changed {
                    place: Place::At(at),
                    stamp,
                    undo: save(&entry.slot),
                });
            }
            entry.stamp = now;
        }
        &mut entry.slot
    }

    /// Marks the entry as changed in a part, and logs what takes that change back.
    #[inline]
    pub(super) fn log_change(&mut self, at: At, undo: Option<U>) {
        let now = self.epochs.now();
        let entry = occupied(&mut self.segments, at);
        let stamp = std::mem::replace(&mut entry.stamp, now);
        if let Some(undo) = undo {
            self.log.push(Logged::Changed { place: Place::At(at), stamp, undo });
        }
    }

    /// The last change logged, if it was of this entry: to be extended.
    #[inline]
    pub(super) fn last_change(&mut self, at: At) -> Option<&mut U> {
        if self.at(at).stamp != self.epochs.now() {
            return None;
        }
        match self.log.last_mut() {
            Some(Logged::Changed { place: Place::At(last), undo, .. }) if *last == at => Some(undo),
            _ => None,
        }
    }

    /// For changes that [`log_change`](Self::log_change) is told of.
    #[inline]
    pub(super) fn slot_unlogged(&mut self, at: At) -> &mut S {
        &mut self.at_mut(at).slot
    }

    pub(super) fn slot(&self, at: At) -> &S {
        &self.at(at).slot
    }
}

/// Apart from the look-up, which is the faster for it.
#[cold]
#[inline(never)]
fn insert_absent<'a, K: StableKey, S, U>(
    table: &'a mut HashTable<Entry<K, S>>,
    hash: u64,
    entry: Entry<K, S>,
    log: Option<(&mut Log<K, S, U>, usize)>,
) -> &'a mut S {
    let put = table.insert_unique(hash, entry, |entry| entry.key.stable_hash());
    if let Some((log, segment)) = log {
        let at = At { segment: segment as u32, bucket: put.bucket_index() as u32 };
        log.push(Logged::Inserted { place: Place::At(at) });
    }
    &mut put.into_mut().slot
}

#[inline(always)]
fn occupied<K, S>(segments: &mut [HashTable<Entry<K, S>>], at: At) -> &mut Entry<K, S> {
    match segments[at.segment as usize].get_bucket_mut(at.bucket as usize) {
        Some(entry) => entry,
        None => unreachable!("places are not kept across what moves entries"),
    }
}

impl<K: StableKey, S, U> Table<K, S, U> {
    #[inline(always)]
    fn position(&self, hash: u64, is: impl Fn(&K) -> bool) -> Option<At> {
        let segment = self.segment_of(hash);
        let bucket = self.segments[segment].find_bucket_index(hash, |entry| is(&entry.key))?;
        Some(At { segment: segment as u32, bucket: bucket as u32 })
    }

    #[inline(always)]
    pub(super) fn find<Q>(&self, key: &Q) -> Option<At>
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        self.position(key.stable_hash(), |held| held.borrow() == key)
    }

    #[inline(always)]
    pub(super) fn get<Q>(&self, key: &Q) -> Option<&S>
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        let hash = key.stable_hash();
        let segment = self.segment_of(hash);
        let entry = self.segments[segment].find(hash, |entry| entry.key.borrow() == key)?;
        Some(&entry.slot)
    }

    /// The key's place, and whether it had to be put in: then with what `make` returns.
    #[inline(always)]
    pub(super) fn place<Q>(&mut self, key: &Q, make: impl FnOnce() -> (K, S)) -> (At, bool)
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        let hash = key.stable_hash();
        match self.position(hash, |held| held.borrow() == key) {
            Some(at) => (at, false),
            None => {
                let (key, slot) = make();
                (self.insert_new(hash, key, slot), true)
            }
        }
    }

    /// As `place`, for a key that is owned already.
    #[inline(always)]
    pub(super) fn place_owned(&mut self, key: K, make: impl FnOnce() -> S) -> (At, bool) {
        let hash = key.stable_hash();
        match self.position(hash, |held| *held == key) {
            Some(at) => (at, false),
            None => (self.insert_new(hash, key, make()), true),
        }
    }

    /// The key's slot, put in if absent, touched: what `place` and `touch` do, in one look-up.
    /// `T` is the key, borrowed or owned.
    #[inline(always)]
    pub(super) fn touch_or_insert<T, Q>(
        &mut self,
        key: T,
        view: impl Fn(&T) -> &Q,
        make: impl FnOnce(T) -> (K, S),
        save: impl FnOnce(&S) -> U,
    ) -> &mut S
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        let hash = view(&key).stable_hash();
        let mut segment = self.segment_of(hash);
        // Room is made before it is known to be needed, so that one look-up is enough.
        if self.segments[segment].len() == self.segments[segment].capacity() {
            segment = self.make_room(hash);
        }
        let now = self.epochs.now();
        let sought = view(&key);
        match self.segments[segment].find_entry(hash, |entry| entry.key.borrow() == sought) {
            Ok(found) => {
                if self.undo && found.get().stamp != now {
                    let at = At { segment: segment as u32, bucket: found.bucket_index() as u32 };
                    let Entry { slot, stamp, .. } = found.get();
                    let (place, stamp, undo) = (Place::At(at), *stamp, save(slot));
                    self.log.push(Logged::Changed { place, stamp, undo });
                }
                let entry = found.into_mut();
                entry.stamp = now;
                &mut entry.slot
            }
            Err(absent) => {
                let (key, slot) = make(key);
                let log = self.undo.then_some((&mut self.log, segment));
                self.len += 1;
                insert_absent(absent.into_table(), hash, Entry { key, slot, stamp: now }, log)
            }
        }
    }

    /// Lets one more entry in where a hash belongs, without anything moving at that time.
    #[cold]
    #[inline(never)]
    fn make_room(&mut self, hash: u64) -> usize {
        let mut segment = self.segment_of(hash);
        if self.segments[segment].len() >= SPLIT_AT && self.split(segment) {
            segment = self.segment_of(hash);
        }
        if self.segments[segment].len() == self.segments[segment].capacity() {
            self.pin();
            self.segments[segment].reserve(1, |entry| entry.key.stable_hash());
        }
        segment
    }

    #[inline(never)]
    fn insert_new(&mut self, hash: u64, key: K, slot: S) -> At {
        let stamp = self.epochs.now();
        let at = self.put(hash, Entry { key, slot, stamp });
        if self.undo {
            self.log.push(Logged::Inserted { place: Place::At(at) });
        }
        at
    }

    /// Puts in an entry whose key is absent.
    fn put(&mut self, hash: u64, entry: Entry<K, S>) -> At {
        let mut segment = self.segment_of(hash);
        if self.segments[segment].len() == self.segments[segment].capacity() {
            segment = self.make_room(hash);
        }
        let occupied =
            self.segments[segment].insert_unique(hash, entry, |entry| entry.key.stable_hash());
        self.len += 1;
        At { segment: segment as u32, bucket: occupied.bucket_index() as u32 }
    }

    /// Gives the upper half of a segment's slices to a new segment, if it has more than one.
    #[cold]
    fn split(&mut self, segment: usize) -> bool {
        let slices = self.slices(segment);
        let upper = slices.start + slices.len() / 2..slices.end;
        if upper.len() == slices.len() {
            return false;
        }
        self.pin();
        let added = self.segments.len() as u8;
        self.directory[upper].fill(added);
        let mut halves = [HashTable::with_capacity(SPLIT_AT), HashTable::with_capacity(SPLIT_AT)];
        for entry in std::mem::take(&mut self.segments[segment]) {
            let hash = entry.key.stable_hash();
            let half = &mut halves[usize::from(self.directory[slice_of(hash)] == added)];
            half.insert_unique(hash, entry, |entry: &Entry<K, S>| entry.key.stable_hash());
        }
        let [lower, upper] = halves;
        self.segments[segment] = lower;
        self.segments.push(upper);
        true
    }

    /// Makes the log find its entries by key, before they move.
    #[cold]
    fn pin(&mut self) {
        let Self { log, segments, .. } = self;
        log.pin(|at| occupied(segments, at).key.clone());
    }

    fn resolve(&self, place: Place<K>) -> Option<At> {
        match place {
            Place::At(at) => Some(at),
            Place::Key(key) => self.find(&key),
        }
    }

    fn take(&mut self, at: At) -> Option<Entry<K, S>> {
        let entry = self.segments[at.segment as usize].get_bucket_entry(at.bucket as usize).ok()?;
        self.len -= 1;
        Some(entry.remove().0)
    }

    /// Removes an entry. While undo is on the log needs what is removed, and `copy` makes the
    /// answer; otherwise `give` does.
    pub(super) fn remove<R>(
        &mut self,
        at: At,
        copy: impl FnOnce(&S) -> R,
        give: impl FnOnce(S) -> R,
    ) -> Option<R> {
        if self.undo && self.at(at).stamp == self.epochs.now() {
            // The log has this entry, and its place may be given to another.
            self.pin();
        }
        let entry = self.take(at)?;
        self.record_removal(&entry.key);
        if !self.undo {
            return Some(give(entry.slot));
        }
        let answer = copy(&entry.slot);
        self.log.push(Logged::Removed { entry });
        Some(answer)
    }

    fn record_removal(&mut self, key: &K) {
        if !self.epochs.recording() {
            return;
        }
        if self.removed.len() >= self.len.max(REMOVALS) {
            self.removed.clear();
            self.epochs.lose_up_to_now();
            return;
        }
        self.removed.push((key.clone(), self.epochs.now()));
    }

    /// Takes back every change since `begin`, the latest first.
    pub(super) fn rollback(&mut self, take_back: impl Fn(&mut S, U)) {
        while let Some(logged) = self.log.pop() {
            match logged {
                Logged::Changed { place, stamp, undo } => {
                    if let Some(at) = self.resolve(place) {
                        let entry = self.at_mut(at);
                        take_back(&mut entry.slot, undo);
                        entry.stamp = stamp;
                    }
                }
                Logged::Inserted { place } => {
                    if let Some(at) = self.resolve(place) {
                        self.take(at);
                    }
                }
                Logged::Removed { entry } => {
                    self.put(entry.key.stable_hash(), entry);
                }
            }
        }
        self.new_unit();
    }

    pub(super) fn clear_groups(&mut self, groups: &Range<u16>) {
        for index in 0..self.segments.len() {
            let here = self.groups(index);
            let segment = &mut self.segments[index];
            if here.start >= groups.start && here.end <= groups.end {
                *segment = HashTable::new();
            } else if here.start < groups.end && groups.start < here.end {
                segment.retain(|entry| !groups.contains(&finest(entry.key.stable_hash())));
            }
        }
        self.len = self.segments.iter().map(HashTable::len).sum();
        self.removed.retain(|(key, _)| !groups.contains(&finest(key.stable_hash())));
        self.new_unit();
    }

    /// Puts an entry in, over what was there, without undo.
    pub(super) fn restore_entry(&mut self, key: K, slot: S) {
        let stamp = self.epochs.now();
        match self.find(&key) {
            Some(at) => {
                let entry = self.at_mut(at);
                entry.slot = slot;
                entry.stamp = stamp;
            }
            None => {
                self.put(key.stable_hash(), Entry { key, slot, stamp });
            }
        }
    }

    /// Removes an entry without undo.
    pub(super) fn restore_removal(&mut self, key: &K) {
        if let Some(at) = self.find(key) {
            self.take(at);
        }
    }

    /// To be called around `restore_entry`: what was logged before no longer applies.
    pub(super) fn restoring(&mut self) {
        self.new_unit();
    }

    /// The entries of these groups with at least this stamp, segment by segment, each batch in an
    /// order that depends on the keys alone (group, then encoding).
    pub(super) fn sorted_batches(
        &self,
        groups: Range<u16>,
        since: u64,
    ) -> impl Iterator<Item = Vec<&Entry<K, S>>> {
        // In the order of their slices, not in that of their splitting.
        let mut order: Vec<usize> = (0..self.segments.len()).collect();
        order.sort_unstable_by_key(|&segment| self.slices(segment).start);
        order.into_iter().filter_map(move |index| {
            let segment = &self.segments[index];
            let here = self.groups(index);
            if here.start >= groups.end || groups.start >= here.end {
                return None;
            }
            let entries = segment.iter().filter(|entry| entry.stamp >= since);
            Some(sort_by_key(entries, |entry| &entry.key, &groups))
        })
    }

    /// How many entries `sorted_batches` will give.
    pub(super) fn count(&self, groups: &Range<u16>, since: u64) -> usize {
        let all = groups.start == 0 && groups.end > finest(u64::MAX);
        self.iter()
            .filter(|entry| entry.stamp >= since)
            .filter(|entry| all || groups.contains(&finest(entry.key.stable_hash())))
            .count()
    }

    /// The keys of these groups that were removed since this stamp and are absent, each once.
    pub(super) fn sorted_removals(&self, groups: &Range<u16>, since: u64) -> Vec<&K> {
        let gone = self.removed.iter().filter(|&&(_, stamp)| stamp >= since).map(|(key, _)| key);
        let absent = gone.filter(|key| self.find(*key).is_none());
        let mut keys = sort_by_key(absent, |key| key, groups);
        keys.dedup();
        keys
    }
}

fn sort_by_key<'a, K: StableKey, T>(
    items: impl Iterator<Item = &'a T>,
    key: fn(&T) -> &K,
    groups: &Range<u16>,
) -> Vec<&'a T> {
    // One buffer holds all encodings: one allocation for thousands of keys.
    let mut encoded = Vec::new();
    let mut sorted: Vec<(u16, Range<usize>, &T)> = Vec::new();
    for item in items {
        let group = finest(key(item).stable_hash());
        if groups.contains(&group) {
            let start = encoded.len();
            key(item).encode(&mut encoded);
            sorted.push((group, start..encoded.len(), item));
        }
    }
    sorted.sort_unstable_by(|a, b| {
        a.0.cmp(&b.0).then_with(|| encoded[a.1.clone()].cmp(&encoded[b.1.clone()]))
    });
    sorted.into_iter().map(|(_, _, item)| item).collect()
}
