//! The store under every keyed kind of state: entries inline in hash tables, segmented by key
//! group so that no insertion ever moves more than 28,672 entries or a 256th of a large state,
//! with a log that takes back the changes of one unit.
//!
//! One stable hash serves three ends: its top 7 bits are the table's tags, the 15 below the key
//! group (the upper 8 of those the slice, and by it the segment), the bottom ones the place in the
//! segment's table.

use std::any::{Any, TypeId};
use std::borrow::Borrow;
use std::fmt;
use std::ops::Range;

use super::epochs::Epochs;
use super::key_group::finest;
use super::pending::Pending;
use super::segment::{Absent, Entry, Held, Segment};
use super::stable_key::{StableHash, StableKey};
use super::undo::{At, Log, Logged, Place};

/// A segment that holds this many entries is split in two (what 32,768 buckets hold), as long as
/// it has more than one slice: few large tables cost less in the processor's caches than many
/// small ones, and a split moves too few entries to be felt.
const SPLIT_AT: usize = 28_672;
/// As long as there is only one, it may hold this many (what 131,072 buckets hold): it is found
/// without a look into the directory.
const SPLIT_FIRST_AT: usize = 114_688;
/// The finest segmentation, in which every slice is a segment.
const SLICES: usize = 256;
/// Groups of the finest division in one slice: 2^15 / 2^8.
const GROUPS_PER_SLICE: u16 = 128;
/// Up to this many removals are always remembered for a snapshot of changes; beyond it, as many
/// as there are entries.
const REMOVALS: usize = 1024;

/// `S` is what is stored with a key, `U` what takes back one change of an `S`.
#[derive(Clone)]
pub(super) struct Table<K, S, U> {
    pub(super) segments: Vec<Segment<K, S>>,
    /// Which segment has a slice. A segment's slices lie next to each other.
    directory: [u8; SLICES],
    ledger: Ledger<K, S, U>,
    /// Keys removed, with the mark of the removal.
    pub(super) removed: Vec<(K, u8)>,
}

/// What is noted of changes, apart from the segments so that both can be changed at once.
#[derive(Clone)]
struct Ledger<K, S, U> {
    undo: bool,
    /// Changes are to be noted: for undo, or for a snapshot on its way.
    notes: bool,
    /// The mark of entries that another change needs no note of: that of now or, while undo is
    /// on, none.
    settled: u16,
    /// Some segment is full. They are given room before the next look-up that may put an entry
    /// in, so that it need not look twice.
    crowded: bool,
    len: usize,
    log: Log<K, S, U>,
    epochs: Epochs,
    /// A snapshot on its way.
    pending: Option<Box<Pending<K, S>>>,
}

/// Notes the change of a part of an entry.
pub(super) struct Part<'a, K, S, U> {
    ledger: &'a mut Ledger<K, S, U>,
    mark: &'a mut u8,
    at: At,
}

impl<K, S, U> Part<'_, K, S, U> {
    /// Tells the changes of parts of one unit and epoch from those of another.
    #[inline(always)]
    pub(super) fn unit(&self) -> u64 {
        self.ledger.log.unit()
    }

    pub(super) fn undo(&self) -> bool {
        self.ledger.undo
    }

    /// Marks the entry as changed and, while undo is on, logs what takes the change back.
    #[inline]
    pub(super) fn change(self, undo: impl FnOnce() -> U) {
        let Part { ledger, mark, at } = self;
        let before = std::mem::replace(mark, ledger.epochs.now());
        if ledger.undo {
            ledger.log.change(at, before, undo());
        }
    }
}

impl<K, S, U> fmt::Debug for Table<K, S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("len", &self.len()).field("undo", &self.undo()).finish()
    }
}

#[inline(always)]
fn slice_of(hash: u64) -> usize {
    usize::from(finest(hash) / GROUPS_PER_SLICE) % SLICES
}

impl<K, S, U> Table<K, S, U> {
    pub(super) fn new() -> Self {
        Self {
            segments: vec![Segment::with_capacity(0)],
            directory: [0; SLICES],
            ledger: Ledger {
                undo: false,
                notes: false,
                settled: 0,
                crowded: true,
                len: 0,
                log: Log::new(),
                epochs: Epochs::new(),
                pending: None,
            },
            removed: Vec::new(),
        }
    }

    #[inline(always)]
    fn segment_of(&self, hash: u64) -> usize {
        usize::from(self.directory[slice_of(hash)])
    }

    /// The segment of a key. While there is only one, nothing waits for the directory.
    #[inline(always)]
    fn segment(&self, hash: u64) -> &Segment<K, S> {
        match &self.segments[..] {
            [only] => only,
            several => &several[usize::from(self.directory[slice_of(hash)])],
        }
    }

    pub(super) fn slices(&self, segment: usize) -> Range<usize> {
        let has = |&slice: &usize| usize::from(self.directory[slice]) == segment;
        let start = (0..SLICES).find(has).unwrap_or(SLICES);
        start..start + (start..SLICES).take_while(has).count()
    }

    /// The groups of a segment.
    pub(super) fn groups(&self, segment: usize) -> Range<u16> {
        let slices = self.slices(segment);
        slices.start as u16 * GROUPS_PER_SLICE..slices.end as u16 * GROUPS_PER_SLICE
    }

    pub(super) fn len(&self) -> usize {
        self.ledger.len
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry<K, S>> {
        self.segments.iter().flat_map(Segment::entries)
    }

    /// All slots, for changes that nobody is told of.
    pub(super) fn slots_mut(&mut self) -> impl Iterator<Item = &mut S> {
        self.segments.iter_mut().flat_map(Segment::slots_mut)
    }

    pub(super) fn epochs(&self) -> &Epochs {
        &self.ledger.epochs
    }

    pub(super) fn undo(&self) -> bool {
        self.ledger.undo
    }

    pub(super) fn set_undo(&mut self, on: bool) {
        self.ledger.undo = on;
        self.ledger.settle();
        self.new_unit();
    }

    /// Puts a snapshot on its way in, or takes it out.
    pub(super) fn set_pending(
        &mut self,
        pending: Option<Box<Pending<K, S>>>,
    ) -> Option<Box<Pending<K, S>>> {
        let before = std::mem::replace(&mut self.ledger.pending, pending);
        self.ledger.log.call_further(self.ledger.pending.is_some());
        self.ledger.settle();
        before
    }

    pub(super) fn settle(&mut self, epoch: u32) {
        let start = self.ledger.epochs.forget_before(epoch);
        self.removed.retain(|&(_, mark)| mark >= start);
    }

    #[inline(always)]
    pub(super) fn begin(&mut self) {
        self.ledger.log.begin();
    }

    fn new_unit(&mut self) {
        self.ledger.log.end();
    }

    #[inline(always)]
    fn held(&mut self, at: At) -> Held<'_, K, S> {
        self.segments[usize::from(at.segment)].get_mut(at.bucket)
    }

    /// The slot, and what is to be told of changes of its parts.
    #[inline(always)]
    pub(super) fn part(&mut self, at: At) -> (&mut S, Part<'_, K, S, U>) {
        let held = self.segments[usize::from(at.segment)].get_mut(at.bucket);
        (&mut held.entry.slot, Part { ledger: &mut self.ledger, mark: held.mark, at })
    }

    /// Marks the entry as changed in a part, and logs what takes that change back.
    #[inline]
    pub(super) fn log_change(&mut self, at: At, undo: Option<U>) {
        let now = self.ledger.epochs.now();
        let mark = std::mem::replace(self.held(at).mark, now);
        if let Some(undo) = undo {
            self.ledger.log.change(at, mark, undo);
        }
    }

    /// The last change logged, if it was of this entry: to be extended.
    #[inline]
    pub(super) fn last_change(&mut self, at: At) -> Option<&mut U> {
        self.ledger.log.last_change(at)
    }

    /// Marks the entry as changed: its slot and, while undo is on, what takes back all of the unit's
    /// changes of it since another entry's, begun as `fresh`.
    #[inline]
    pub(super) fn slot_and_undo(
        &mut self,
        at: At,
        fresh: impl FnOnce() -> U,
    ) -> (&mut S, Option<&mut U>) {
        let held = self.segments[usize::from(at.segment)].get_mut(at.bucket);
        let mark = std::mem::replace(held.mark, self.ledger.epochs.now());
        let Ledger { undo, log, .. } = &mut self.ledger;
        if *undo && log.last_change(at).is_none() {
            log.change(at, mark, fresh());
        }
        (&mut held.entry.slot, undo.then(|| log.last_change(at)).flatten())
    }

    /// For changes that [`log_change`](Self::log_change) is told of.
    #[inline]
    pub(super) fn slot_unlogged(&mut self, at: At) -> &mut S {
        &mut self.held(at).entry.slot
    }

    #[inline]
    pub(super) fn slot(&self, at: At) -> &S {
        &self.segments[usize::from(at.segment)].get(at.bucket).0.slot
    }

    /// The mark of the entry's last change.
    pub(super) fn mark(&self, at: At) -> u8 {
        self.segments[usize::from(at.segment)].get(at.bucket).1
    }
}

impl<K: StableKey, S, U> Table<K, S, U> {
    pub(super) fn set_epoch(&mut self, epoch: u32) {
        self.abandon_snapshot();
        self.ledger.log.begin_epoch();
        if let Some(renumbering) = self.ledger.epochs.begin_epoch(epoch) {
            let held = self.segments.iter_mut().flat_map(Segment::marks_mut);
            for mark in held.chain(self.removed.iter_mut().map(|(_, mark)| mark)) {
                *mark = renumbering[usize::from(*mark)];
            }
            self.ledger.log.renumber(&renumbering);
        }
        self.ledger.settle();
    }

    /// Marks the entry as changed, and logs what takes the change back: at its first touch in a
    /// unit, while undo is on.
    #[inline(always)]
    pub(super) fn touch(&mut self, at: At, save: impl FnOnce(&S) -> U) -> &mut S {
        let now = self.ledger.epochs.now();
        let Held { entry, mark, .. } = self.segments[usize::from(at.segment)].get_mut(at.bucket);
        if self.ledger.notes {
            self.ledger.note(at, *mark, entry, save);
        }
        *mark = now;
        &mut entry.slot
    }

    /// An entry is about to be changed in ways that the log is told of later.
    #[inline]
    fn may_change(&mut self, at: At) {
        if self.ledger.pending.is_some() {
            self.put_aside(at);
        }
    }

    #[cold]
    #[inline(never)]
    fn put_aside(&mut self, at: At) {
        let Held { entry, mark, .. } = self.segments[usize::from(at.segment)].get_mut(at.bucket);
        if let Some(pending) = &mut self.ledger.pending {
            pending.put_aside(entry, *mark);
            // Once is enough, whether it is changed or not.
            *mark = self.ledger.epochs.now();
        }
    }

    pub(super) fn segment_of_group(&self, group: u16) -> usize {
        usize::from(self.directory[usize::from(group / GROUPS_PER_SLICE) % SLICES])
    }

    #[inline(always)]
    fn position(&self, hash: u64, is: impl Fn(&K) -> bool) -> Option<At> {
        let bucket = self.segment(hash).find(hash, is)?;
        Some(At { bucket, segment: self.segment_of(hash) as u8 })
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
        self.segment(hash).find_slot(hash, |held| held.borrow() == key)
    }

    /// The key's place, put in with what `make` returns if absent.
    #[inline(always)]
    pub(super) fn place<Q>(&mut self, key: &Q, make: impl FnOnce() -> (K, S)) -> At
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        let hash = key.stable_hash();
        match self.position(hash, |held| held.borrow() == key) {
            Some(at) => {
                self.may_change(at);
                at
            }
            None => {
                let (key, slot) = make();
                self.insert_new(hash, key, slot)
            }
        }
    }

    /// As `place`, for a key that is owned already.
    #[inline(always)]
    pub(super) fn place_owned(&mut self, key: K, make: impl FnOnce() -> S) -> At {
        let hash = key.stable_hash();
        match self.position(hash, |held| *held == key) {
            Some(at) => {
                self.may_change(at);
                at
            }
            None => self.insert_new(hash, key, make()),
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
        if self.ledger.crowded {
            self.make_room();
        }
        let Self { segments, ledger, directory, .. } = self;
        let segment = || directory[slice_of(hash)];
        let held = match &mut segments[..] {
            [only] => only,
            several => &mut several[usize::from(segment())],
        };
        let sought = view(&key);
        match held.find_held(hash, |held| held.borrow() == sought) {
            Ok(Held { bucket, entry, mark }) => {
                if u16::from(*mark) != ledger.settled {
                    if ledger.notes {
                        let at = At { bucket, segment: segment() };
                        ledger.note(at, *mark, entry, save);
                    }
                    *mark = ledger.epochs.now();
                }
                &mut entry.slot
            }
            Err(absent) => ledger.insert(absent, segment(), hash, key, make),
        }
    }

    /// Puts in what `make` returns where the key is absent; whether it was. What is there counts as
    /// looked at, not as changed.
    #[inline(always)]
    pub(super) fn insert_absent<Q>(&mut self, key: &Q, make: impl FnOnce(&Q) -> (K, S)) -> bool
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        let hash = key.stable_hash();
        if self.ledger.crowded {
            self.make_room();
        }
        let Self { segments, ledger, directory, .. } = self;
        let segment = || directory[slice_of(hash)];
        let held = match &mut segments[..] {
            [only] => only,
            several => &mut several[usize::from(segment())],
        };
        match held.find_held(hash, |held| held.borrow() == key) {
            Ok(_) => false,
            Err(absent) => {
                ledger.insert(absent, segment(), hash, key, make);
                true
            }
        }
    }

    fn insert_new(&mut self, hash: u64, key: K, slot: S) -> At {
        let mark = self.ledger.epochs.now();
        let at = self.put(hash, Entry { key, slot }, mark);
        if self.ledger.undo {
            self.ledger.log.insertion(at);
        }
        at
    }

    /// Puts in an entry whose key is absent.
    #[inline(never)]
    fn put(&mut self, hash: u64, entry: Entry<K, S>, mark: u8) -> At {
        if self.ledger.crowded {
            self.make_room();
        }
        let segment = self.segment_of(hash);
        let held = &mut self.segments[segment];
        let Held { bucket, .. } = held.insert(hash, entry, mark);
        self.ledger.crowded = held.is_full();
        self.ledger.len += 1;
        At { bucket, segment: segment as u8 }
    }

    /// Lets one more entry into every segment.
    #[cold]
    #[inline(never)]
    fn make_room(&mut self) {
        self.pin();
        if let Some(pending) = &mut self.ledger.pending {
            pending.entries_moved();
        }
        let mut segment = 0;
        while segment < self.segments.len() {
            if !self.segments[segment].is_full() {
                segment += 1;
            } else if self.segments[segment].len() < self.split_at() || !self.split(segment) {
                self.segments[segment].grow();
            }
        }
        self.ledger.crowded = false;
    }

    /// How many entries a segment may hold before it is split.
    fn split_at(&self) -> usize {
        if self.segments.len() == 1 { SPLIT_FIRST_AT } else { SPLIT_AT }
    }

    /// Divides a segment's slices with new segments: the first one by eight, the others by two.
    /// Says whether it had enough of them.
    fn split(&mut self, segment: usize) -> bool {
        let slices = self.slices(segment);
        let parts = if self.segments.len() == 1 { 8 } else { 2 };
        if slices.len() < parts {
            return false;
        }
        let added = self.segments.len();
        for part in 1..parts {
            let upper = slices.start + slices.len() * part / parts..slices.end;
            self.directory[upper].fill((added + part - 1) as u8);
        }
        let mut counts = vec![0; parts];
        let part_of = |hash| usize::from(self.directory[slice_of(hash)]).saturating_sub(added - 1);
        for entry in self.segments[segment].entries() {
            counts[part_of(entry.key.stable_hash())] += 1;
        }
        // One part may have got nearly all.
        let room = |count: usize| Segment::with_capacity(SPLIT_AT.max(count + 1));
        let mut divided: Vec<Segment<K, S>> = counts.into_iter().map(room).collect();
        self.segments[segment].empty(|hash, entry, mark| {
            divided[part_of(hash)].insert(hash, entry, mark);
        });
        let mut divided = divided.into_iter();
        if let Some(lowest) = divided.next() {
            self.segments[segment] = lowest;
        }
        self.segments.extend(divided);
        true
    }

    /// Makes the log find its entries by key, before they move.
    fn pin(&mut self) {
        let Self { ledger, segments, .. } = self;
        ledger.log.pin(|at| segments[usize::from(at.segment)].get(at.bucket).0.key.clone());
    }

    fn resolve(&self, place: Place<K>) -> Option<At> {
        match place {
            Place::At(at) => Some(at),
            Place::Key(key) => self.find(&key),
        }
    }

    fn take(&mut self, at: At) -> Option<(Entry<K, S>, u8)> {
        let taken = self.segments[usize::from(at.segment)].take(at.bucket)?;
        self.ledger.len -= 1;
        Some(taken)
    }

    /// Removes an entry. While undo is on the log needs what is removed, and `copy` makes the
    /// answer; otherwise `give` does.
    pub(super) fn remove<R>(
        &mut self,
        at: At,
        copy: impl FnOnce(&S) -> R,
        give: impl FnOnce(S) -> R,
    ) -> Option<R> {
        // The log may have this entry, and its bucket may be given to another.
        self.pin();
        self.may_change(at);
        let (entry, mark) = self.take(at)?;
        self.record_removal(&entry.key);
        if !self.ledger.undo {
            return Some(give(entry.slot));
        }
        let answer = copy(&entry.slot);
        self.ledger.log.removal(entry, mark);
        Some(answer)
    }

    fn record_removal(&mut self, key: &K) {
        if !self.ledger.epochs.recording() {
            return;
        }
        if self.removed.len() >= self.ledger.len.max(REMOVALS) {
            self.removed.clear();
            self.ledger.epochs.lose_up_to_now();
            return;
        }
        self.removed.push((key.clone(), self.ledger.epochs.now()));
    }

    /// Takes back every change since `begin`, the latest first.
    pub(super) fn rollback(&mut self, take_back: impl Fn(&mut S, U)) {
        while let Some(logged) = self.ledger.log.pop() {
            match logged {
                Logged::Changed { place, mark, undo } => {
                    if let Some(at) = self.resolve(place) {
                        let held = self.held(at);
                        take_back(&mut held.entry.slot, undo);
                        *held.mark = mark;
                    }
                }
                Logged::Inserted { place } => {
                    if let Some(at) = self.resolve(place) {
                        self.take(at);
                    }
                }
                Logged::Removed { entry, mark } => {
                    // Recorded last of all that is not taken back yet, if it was.
                    self.removed.pop_if(|(key, _)| *key == entry.key);
                    self.put(entry.key.stable_hash(), entry, mark);
                }
            }
        }
        self.new_unit();
    }

    pub(super) fn clear_groups(&mut self, groups: &Range<u16>) {
        self.hurry_snapshot();
        for index in 0..self.segments.len() {
            let here = self.groups(index);
            let segment = &mut self.segments[index];
            if here.start >= groups.start && here.end <= groups.end {
                *segment = Segment::with_capacity(0);
                self.ledger.crowded = true;
            } else if here.start < groups.end && groups.start < here.end {
                segment.retain(|key| !groups.contains(&finest(key.stable_hash())));
            }
        }
        self.ledger.len = self.segments.iter().map(Segment::len).sum();
        self.removed.retain(|(key, _)| !groups.contains(&finest(key.stable_hash())));
        self.new_unit();
    }

    /// Puts an entry in, over what was there, without undo.
    pub(super) fn restore_entry(&mut self, key: K, slot: S) {
        let now = self.ledger.epochs.now();
        match self.find(&key) {
            Some(at) => {
                let held = self.held(at);
                held.entry.slot = slot;
                *held.mark = now;
            }
            None => {
                self.put(key.stable_hash(), Entry { key, slot }, now);
            }
        }
    }

    /// Removes an entry without undo.
    pub(super) fn restore_removal(&mut self, key: &K) {
        if let Some(at) = self.find(key) {
            self.take(at);
        }
    }

    /// Removes what is of other splits, without undo; whether the keys are those of splits.
    pub(super) fn retain_splits(&mut self, owns: &dyn Fn(&str) -> bool) -> bool {
        let is_own =
            |key: &K| (key as &dyn Any).downcast_ref::<String>().is_some_and(|it| owns(it));
        let others: Vec<K> =
            self.iter().map(|entry| &entry.key).filter(|key| !is_own(key)).cloned().collect();
        self.restoring();
        others.iter().for_each(|key| self.restore_removal(key));
        TypeId::of::<K>() == TypeId::of::<String>()
    }

    /// To be called around `restore_entry`: what was logged before no longer applies.
    pub(super) fn restoring(&mut self) {
        self.hurry_snapshot();
        self.new_unit();
    }
}

impl<K, S, U> Ledger<K, S, U> {
    /// To be called when undo is switched or an epoch begins.
    fn settle(&mut self) {
        self.settled = if self.undo { u16::MAX } else { u16::from(self.epochs.now()) };
        self.notes = self.undo || self.pending.is_some();
    }
}

impl<K: StableKey, S, U> Ledger<K, S, U> {
    /// The first change of a unit is just logged. What else there is to do is done apart: while a
    /// snapshot is on its way the log says that it is called further each time.
    #[inline(always)]
    fn note(&mut self, at: At, mark: u8, entry: &Entry<K, S>, save: impl FnOnce(&S) -> U) {
        if self.log.is_touched() {
            return self.note_further(at, mark, entry, save);
        }
        self.log.first(at, mark, save(&entry.slot));
    }

    #[cold]
    #[inline(never)]
    fn note_further(&mut self, at: At, mark: u8, entry: &Entry<K, S>, save: impl FnOnce(&S) -> U) {
        if let Some(pending) = &mut self.pending {
            pending.put_aside(entry, mark);
        }
        if self.undo {
            self.log.touch_further(at, mark, || save(&entry.slot));
        }
    }

    /// Puts in an absent entry. Apart from the look-up, which is the faster for it.
    #[cold]
    #[inline(never)]
    fn insert<'a, T>(
        &mut self,
        absent: Absent<'a, K, S>,
        segment: u8,
        hash: u64,
        key: T,
        make: impl FnOnce(T) -> (K, S),
    ) -> &'a mut S {
        let (key, slot) = make(key);
        let (Held { bucket, entry, .. }, full) =
            absent.insert(hash, Entry { key, slot }, self.epochs.now());
        self.len += 1;
        self.crowded = full;
        if self.undo {
            self.log.insertion(At { bucket, segment });
        }
        &mut entry.slot
    }
}
