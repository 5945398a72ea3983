//! A snapshot on its way: what a table held when an epoch began, saved a little at a time while the
//! table goes on changing.
//!
//! Marks tell what belongs to it: those before the epoch's own. An entry that is about to be changed
//! before its turn is put aside first, encoded as it was; its mark is the epoch's from then on, so
//! that it costs this once. Entries come in the order in which a table is always saved: it makes no
//! difference to the bytes what was changed meanwhile, or how large the slices were.

use std::collections::BTreeMap;
use std::mem;
use std::ops::Range;

use crate::broken::{Broken, broken};

use super::key_group::group_first;
use super::segment::Entry;
use super::stable_key::StableKey;
use super::table::Table;
use super::{Coverage, StateError, wire};

/// So many entries of a segment are put in order at once.
const IN_ORDER: usize = 4096;
/// A slice ends at so many bytes, however few entries they are.
const BYTES: usize = 1 << 17;
/// So many buckets are looked through at once.
const BUCKETS: usize = 8192;
/// Looking through so many entries costs about as much as saving one.
const LOOKED_THROUGH: usize = 16;
/// The bits of an order that are below the group's.
const BELOW_GROUP: u32 = u64::BITS - 15;

/// How keys and entries are written.
pub(super) struct Write<K, S> {
    pub(super) key: fn(&K, &mut Vec<u8>) -> Result<(), StateError>,
    pub(super) entry: fn(&Entry<K, S>, &mut Vec<u8>) -> Result<(), StateError>,
}

impl<K, S> Clone for Write<K, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, S> Copy for Write<K, S> {}

#[derive(Clone)]
pub(super) struct Pending<K, S> {
    write: Write<K, S>,
    /// The marks of what is in it.
    marks: Range<u16>,
    /// What was removed, of which so much has been looked at.
    removals: Vec<(K, u8)>,
    looked_at: usize,
    removed: Pieces,
    /// So many keys are among the bytes, from here on.
    keys: u32,
    keys_at: usize,
    /// Entries with a lower order are saved. `None` when all are.
    next: Option<u64>,
    /// What comes next of the segment under way, by order and bucket. The last few are in order, the
    /// first of them at the end.
    listed: Vec<(u64, u32)>,
    in_order: usize,
    segment: Option<UnderWay>,
    /// Entries that were changed before their turn, and how many since the last slice.
    aside: Pieces,
    put_aside: usize,
    /// All that is saved, and where the entries begin in it, and how many there are.
    bytes: Vec<u8>,
    entries: Option<(usize, u32)>,
    failed: Option<StateError>,
}

/// A segment that is being saved.
#[derive(Clone, Copy)]
struct UnderWay {
    index: usize,
    /// The lowest order behind it.
    behind: Option<u64>,
    /// Buckets before this have been looked through, and what is to be saved of them listed.
    listed_to: usize,
}

/// What is written, in the order of the keys' hashes, and of the bytes where these are the same.
#[derive(Clone, Default)]
struct Pieces {
    bytes: Vec<u8>,
    /// By the order and where it begins in the bytes: how long it is.
    places: BTreeMap<(u64, usize), usize>,
}

impl Pieces {
    fn add(
        &mut self,
        order: u64,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        let begin = self.bytes.len();
        write(&mut self.bytes)?;
        self.places.insert((order, begin), self.bytes.len() - begin);
        Ok(())
    }

    fn first(&self) -> Option<u64> {
        self.places.first_key_value().map(|((order, _), _)| *order)
    }

    /// Takes those of this order, which comes first; how many there are. What was put aside, taken back
    /// and put aside again is the same twice, and counts once.
    fn take_into(&mut self, order: u64, into: &mut Vec<u8>) -> u32 {
        let mut places = Vec::new();
        while self.first() == Some(order) {
            let Some(((_, begin), length)) = self.places.pop_first() else { break };
            places.push(begin..begin + length);
        }
        let mut pieces: Vec<&[u8]> = places.into_iter().map(|place| &self.bytes[place]).collect();
        pieces.sort_unstable();
        pieces.dedup();
        pieces.iter().for_each(|piece| into.extend_from_slice(piece));
        pieces.len() as u32
    }
}

/// The order in which entries are saved.
fn order_of<K: StableKey>(key: &K) -> u64 {
    group_first(key.stable_hash())
}

impl<K: StableKey, S> Pending<K, S> {
    /// An entry with this mark is about to be changed.
    pub(super) fn put_aside(&mut self, entry: &Entry<K, S>, mark: u8) {
        let order = order_of(&entry.key);
        let is_due =
            self.marks.contains(&u16::from(mark)) && self.next.is_some_and(|next| order >= next);
        if is_due && !broken(Broken::ChangedIsSavedLate) {
            self.put_aside += 1;
            let written = self.aside.add(order, |into| (self.write.entry)(entry, into));
            self.note(written);
        }
    }

    /// Entries have been moved.
    pub(super) fn entries_moved(&mut self) {
        self.listed.clear();
        self.in_order = 0;
        self.segment = None;
    }

    fn note(&mut self, written: Result<(), StateError>) {
        if let Err(error) = written {
            self.failed.get_or_insert(error);
        }
    }

    /// Saves about so many entries; whether that was all.
    fn go_on<U>(&mut self, table: &Table<K, S, U>, entries: usize) -> bool {
        let mut left = entries + mem::take(&mut self.put_aside);
        let until = self.bytes.len() + BYTES;
        while left > 0 && self.bytes.len() < until && self.failed.is_none() {
            let cost = if self.entries.is_none() {
                self.removal(table)
            } else if self.in_order > 0 {
                self.entry(table)
            } else if self
                .segment
                .is_some_and(|of| of.listed_to < table.segments[of.index].buckets())
            {
                self.list(table)
            } else if !self.listed.is_empty() {
                self.put_in_order()
            } else if self.next.is_some() {
                self.next_segment(table)
            } else {
                return true;
            };
            left = left.saturating_sub(cost);
        }
        self.failed.is_some()
    }

    /// Looks at one removal; then writes down those that count, one by one.
    fn removal<U>(&mut self, table: &Table<K, S, U>) -> usize {
        if let Some((key, mark)) = self.removals.get(self.looked_at) {
            self.looked_at += 1;
            // What was put in again is among the entries.
            let before = |at| u16::from(table.mark(at)) < self.marks.end;
            let counts =
                self.marks.contains(&u16::from(*mark)) && !table.find(key).is_some_and(before);
            if counts && !broken(Broken::IncrementForgetsRemovals) {
                let written = self.removed.add(order_of(key), |into| (self.write.key)(key, into));
                self.note(written);
            }
        } else if let Some(order) = self.removed.first() {
            self.keys += self.removed.take_into(order, &mut self.bytes);
        } else {
            wire::set_count(&mut self.bytes, self.keys_at, self.keys);
            match wire::begin_entries(&mut self.bytes) {
                Ok(at) => self.entries = Some((at, 0)),
                Err(error) => self.note(Err(error)),
            }
        }
        1
    }

    /// Leaves the segment under way, if any, or begins with the next.
    fn next_segment<U>(&mut self, table: &Table<K, S, U>) -> usize {
        if let Some(UnderWay { behind, .. }) = self.segment {
            if !self.save_aside_before(behind) {
                self.segment = None;
                self.next = behind;
            }
        } else if let Some(next) = self.next {
            let index = table.segment_of_group((next >> BELOW_GROUP) as u16);
            let end = u64::from(table.groups(index).end);
            let behind = end.checked_mul(1 << BELOW_GROUP);
            self.segment = Some(UnderWay { index, behind, listed_to: 0 });
        }
        1
    }

    /// Lists what there is in some more buckets of the segment under way.
    fn list<U>(&mut self, table: &Table<K, S, U>) -> usize {
        let (Some(of), Some(next)) = (&mut self.segment, self.next) else { return 1 };
        let segment = &table.segments[of.index];
        let to = segment.buckets().min(of.listed_to + BUCKETS);
        let marked = segment.marked(of.listed_to..to, &self.marks);
        self.listed.extend(marked.filter_map(|(bucket, entry)| {
            let order = order_of(&entry.key);
            (order >= next).then_some((order, bucket))
        }));
        of.listed_to = to;
        BUCKETS / LOOKED_THROUGH
    }

    /// Puts the next few of those listed in order.
    fn put_in_order(&mut self) -> usize {
        let listed = &mut self.listed;
        let mut from = listed.len().saturating_sub(IN_ORDER);
        if from > 0 {
            let (before, last, _) =
                listed.select_nth_unstable_by(from, |one, other| other.0.cmp(&one.0));
            // All of the same order come together.
            let last = last.0;
            let mut same = 0;
            for at in (0..before.len()).rev() {
                if before[at].0 == last {
                    same += 1;
                    let to = before.len() - same;
                    before.swap(at, to);
                }
            }
            from -= same;
        }
        listed[from..].sort_unstable_by(|one, other| other.cmp(one));
        self.in_order = listed.len() - from;
        1 + listed.len() / LOOKED_THROUGH
    }

    /// Saves the next entry of those listed, with all of the same order, and what was put aside.
    fn entry<U>(&mut self, table: &Table<K, S, U>) -> usize {
        let (Some(&(order, bucket)), Some(of)) = (self.listed.last(), self.segment) else {
            return 1;
        };
        if self.save_aside_before(Some(order)) {
            return 1;
        }
        self.next = order.checked_add(1);
        let segment = &table.segments[of.index];
        // Its bucket may be empty by now, or another's.
        let held = |bucket| {
            let (entry, mark) = segment.held(bucket)?;
            (self.marks.contains(&u16::from(mark)) && order_of(&entry.key) == order)
                .then_some(entry)
        };
        let sole = self.listed.iter().rev().nth(1).is_none_or(|(other, _)| *other != order);
        if sole && self.aside.first() != Some(order) {
            self.listed.pop();
            self.in_order -= 1;
            if let Some(entry) = held(bucket) {
                let written = (self.write.entry)(entry, &mut self.bytes);
                self.count(1);
                self.note(written);
            }
            return 1;
        }
        let mut entries = Vec::new();
        while let Some((_, bucket)) = self.listed.pop_if(|(other, _)| *other == order) {
            self.in_order -= 1;
            entries.extend(held(bucket));
        }
        let mut written = Ok(());
        for entry in &entries {
            written = written.and(self.aside.add(order, |into| (self.write.entry)(entry, into)));
        }
        self.note(written);
        self.save_aside_before(self.next);
        1 + entries.len()
    }

    /// Saves what was put aside and comes first, if that has a lower order than this; whether it has.
    fn save_aside_before(&mut self, end: Option<u64>) -> bool {
        let first = self.aside.first().filter(|first| end.is_none_or(|end| *first < end));
        let Some(order) = first else { return false };
        let count = self.aside.take_into(order, &mut self.bytes);
        self.count(count);
        self.next = order.checked_add(1);
        true
    }

    fn count(&mut self, more: u32) {
        if let Some((_, count)) = &mut self.entries {
            *count += more;
        }
    }

    /// All of it, once it is complete.
    fn finish(&mut self) -> Result<Vec<u8>, StateError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let (begin, count) = self.entries.unwrap_or_default();
        wire::set_count(&mut self.bytes, begin, count);
        Ok(mem::take(&mut self.bytes))
    }
}

impl<K: StableKey, S, U> Table<K, S, U> {
    /// Begins to save what changed since an epoch, or everything, up to the epoch that has just begun.
    pub(super) fn begin_snapshot(&mut self, since: Option<u32>, write: Write<K, S>) -> Coverage {
        self.abandon_snapshot();
        let since = since.and_then(|since| self.epochs().start_of(since));
        let removals = if since.is_some() { mem::take(&mut self.removed) } else { Vec::new() };
        let mut bytes = Vec::new();
        let keys_at = wire::begin_table(&mut bytes);
        let pending = Pending {
            write,
            marks: since.unwrap_or(0)..u16::from(self.epochs().now()),
            removals,
            looked_at: 0,
            removed: Pieces::default(),
            keys: 0,
            keys_at: *keys_at.as_ref().unwrap_or(&0),
            next: Some(0),
            listed: Vec::new(),
            in_order: 0,
            segment: None,
            aside: Pieces::default(),
            put_aside: 0,
            bytes,
            entries: None,
            failed: keys_at.err(),
        };
        self.set_pending(Some(Box::new(pending)));
        if since.is_some() { Coverage::Changes } else { Coverage::Everything }
    }

    /// Saves about so many entries more; everything, once it is complete.
    pub(super) fn advance_snapshot(
        &mut self,
        entries: usize,
    ) -> Option<Result<Vec<u8>, StateError>> {
        let mut pending = self.set_pending(None)?;
        if !pending.go_on(self, entries) {
            self.set_pending(Some(pending));
            return None;
        }
        let finished = pending.finish();
        self.take_back(*pending);
        Some(finished)
    }

    /// Saves the rest at once: what there is, is about to change in ways that nobody tells of.
    pub(super) fn hurry_snapshot(&mut self) {
        if let Some(mut pending) = self.set_pending(None) {
            while !pending.go_on(self, usize::MAX / 2) {}
            self.set_pending(Some(pending));
        }
    }

    /// Nobody waits for it any more.
    pub(super) fn abandon_snapshot(&mut self) {
        if let Some(pending) = self.set_pending(None) {
            self.take_back(*pending);
        }
    }

    /// A later snapshot may need the removals too.
    fn take_back(&mut self, pending: Pending<K, S>) {
        let later = mem::replace(&mut self.removed, pending.removals);
        self.removed.extend(later);
    }
}
