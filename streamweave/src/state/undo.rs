//! The undo log of one unit: what was changed, put in and removed, in that order.
//!
//! Records point at their entry's bucket, so that logging a change clones no key. Before anything
//! moves entries, or frees a bucket that the log points at, the log is *pinned*: a copy of the
//! key is kept beside each of those records. That is rare, and happens to a record at most once.
//!
//! A unit mostly changes one entry once. So the log is made for that: the first change of a unit
//! is just written to a place of its own, and only further ones look whether the log has their
//! entry already.

use std::num::NonZeroU64;

use hashbrown::{HashTable, hash_table};

use crate::broken::{Broken, broken};

use super::epochs::Renumbering;
use super::segment::Entry;

/// More than one record is logged: they stand in `records`.
const MORE: u8 = 1;
/// The change is of a part of an entry.
const PART: u8 = 2;
/// Changes are told further even where they are the unit's first.
const FURTHER: u8 = 4;
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

/// Two words where `U` is one: a record of a change is two stores.
#[derive(Clone)]
enum Record<U> {
    Changed {
        what: Packed,
        undo: U,
    },
    /// The next of the rare ones.
    Rare,
}

#[derive(Clone)]
struct Sole<U> {
    at: At,
    mark: u8,
    undo: U,
}

#[derive(Clone)]
enum Rare<K, S> {
    Inserted { place: Place<K> },
    Removed { entry: Entry<K, S>, mark: u8 },
}

/// An [`At`] and a mark: the bucket in the lower half, the segment and the mark above, and above
/// those a bit that is always set.
#[derive(Clone, Copy)]
struct Packed(NonZeroU64);

impl Packed {
    #[inline(always)]
    fn new(At { bucket, segment }: At, mark: u8) -> Self {
        const SET: NonZeroU64 = NonZeroU64::new(1 << 48).expect("one bit is set");
        Self(SET | u64::from(bucket) | u64::from(segment) << 32 | u64::from(mark) << 40)
    }

    fn at(self) -> At {
        At { bucket: self.0.get() as u32, segment: (self.0.get() >> 32) as u8 }
    }

    fn mark(self) -> u8 {
        (self.0.get() >> 40) as u8
    }
}

#[derive(Clone)]
pub(super) struct Log<K, S, U> {
    /// The unit has logged something, or is to be looked at as if it had.
    touched: bool,
    /// A new unit is more than to forget `sole`: it has [`MORE`] or a [`PART`], or goes [`FURTHER`].
    besides: u8,
    /// While there is no more, the unit's only change. What is here of earlier units is not
    /// looked at.
    sole: Option<Sole<U>>,
    records: Vec<Record<U>>,
    /// See [`unit`](Self::unit).
    unit: u64,
    /// Changes before this record have their keys in `keys`.
    pinned: usize,
    keys: Vec<K>,
    rare: Vec<Rare<K, S>>,
    /// Rare records before this one hold no [`At`].
    rare_pinned: usize,
    /// Where the records not pinned point, once there are many.
    index: HashTable<At>,
}

impl<K, S, U> Log<K, S, U> {
    pub(super) fn new() -> Self {
        Self {
            touched: false,
            besides: 0,
            sole: None,
            records: Vec::new(),
            unit: 1,
            pinned: 0,
            keys: Vec::new(),
            rare: Vec::new(),
            rare_pinned: 0,
            index: HashTable::new(),
        }
    }

    /// Another in every unit with a change of a part, in every epoch, and after every
    /// [`end`](Self::end).
    pub(super) fn unit(&self) -> u64 {
        self.unit
    }

    /// What was changed before counts as not changed in this epoch.
    pub(super) fn begin_epoch(&mut self) {
        self.unit += 1;
    }

    #[inline(always)]
    pub(super) fn begin(&mut self) {
        if self.touched {
            self.touched = false;
            if const { std::mem::needs_drop::<U>() } {
                self.sole = None;
            }
            if self.besides != 0 {
                self.end();
            }
        }
    }

    /// Ends the unit, whatever it was.
    #[inline(never)]
    pub(super) fn end(&mut self) {
        let besides = self.besides;
        self.besides &= FURTHER;
        self.touched = self.besides != 0;
        self.unit += 1;
        self.sole = None;
        if besides & MORE == 0 {
            return;
        }
        self.records.clear();
        self.pinned = 0;
        self.keys.clear();
        self.rare.clear();
        self.rare_pinned = 0;
        self.index.clear();
    }

    /// From now on every unit counts as [touched](Self::is_touched), or no longer. Between units.
    pub(super) fn call_further(&mut self, on: bool) {
        self.besides = if on { self.besides | FURTHER } else { self.besides & !FURTHER };
        self.end();
    }

    /// A further change is for [`touch_further`](Self::touch_further), not for [`first`](Self::first).
    #[inline(always)]
    pub(super) fn is_touched(&self) -> bool {
        self.touched
    }

    /// A change of a part of an entry: logged whatever the log has of the entry already.
    #[inline]
    pub(super) fn change(&mut self, at: At, mark: u8, undo: U) {
        if self.touched {
            self.push(at, mark, undo);
        } else {
            self.besides |= PART;
            self.first(at, mark, undo);
        }
    }

    /// The first change of the unit.
    #[inline(always)]
    pub(super) fn first(&mut self, at: At, mark: u8, undo: U) {
        if broken(Broken::UndoForgetsChange) {
            return;
        }
        self.touched = true;
        self.sole = Some(Sole { at, mark, undo });
    }

    #[inline(never)]
    fn push(&mut self, at: At, mark: u8, undo: U) {
        if broken(Broken::UndoForgetsChange) {
            return;
        }
        self.queue();
        self.records.push(Record::Changed { what: Packed::new(at, mark), undo });
    }

    /// More than one record is to be logged, or looked through: they stand in `records`.
    fn queue(&mut self) {
        let sole = self.sole.take().filter(|_| self.touched);
        self.touched = true;
        self.besides |= MORE;
        if let Some(Sole { at, mark, undo }) = sole {
            self.records.push(Record::Changed { what: Packed::new(at, mark), undo });
        }
    }

    pub(super) fn insertion(&mut self, at: At) {
        if !broken(Broken::UndoForgetsInsert) {
            self.push_rare(Rare::Inserted { place: Place::At(at) });
        }
    }

    pub(super) fn removal(&mut self, entry: Entry<K, S>, mark: u8) {
        self.push_rare(Rare::Removed { entry, mark });
    }

    fn push_rare(&mut self, rare: Rare<K, S>) {
        self.queue();
        self.records.push(Record::Rare);
        self.rare.push(rare);
    }

    /// A change of an entry, unless a record of this unit takes it back too.
    pub(super) fn touch_further(&mut self, at: At, mark: u8, save: impl FnOnce() -> U) {
        self.queue();
        if !self.look_for(at) {
            self.push(at, mark, save());
        }
    }

    /// There is a record of this entry. May overlook one, and takes it for granted that the
    /// answer no is followed by one.
    fn look_for(&mut self, at: At) -> bool {
        let places = places(&self.records[self.pinned..], &self.rare[self.rare_pinned..]);
        if self.records.len() - self.pinned <= LOOKED_THROUGH {
            return { places }.any(|held| held == at);
        }
        if self.index.is_empty() {
            for at in places {
                self.index.insert_unique(hash(&at), at, hash);
            }
        }
        match self.index.entry(hash(&at), |held| *held == at, hash) {
            hash_table::Entry::Occupied(_) => true,
            hash_table::Entry::Vacant(absent) => {
                absent.insert(at);
                false
            }
        }
    }

    /// What takes back the last change, if that was of this entry.
    pub(super) fn last_change(&mut self, at: At) -> Option<&mut U> {
        if let (true, Some(sole)) = (self.touched, &mut self.sole) {
            return (sole.at == at).then_some(&mut sole.undo);
        }
        if self.pinned == self.records.len() {
            return None;
        }
        match self.records.last_mut()? {
            Record::Changed { what, undo } if what.at() == at => Some(undo),
            _ => None,
        }
    }

    pub(super) fn pop(&mut self) -> Option<Logged<K, S, U>> {
        if let (true, Some(Sole { at, mark, undo })) = (self.touched, self.sole.take()) {
            return Some(Logged::Changed { place: Place::At(at), mark, undo });
        }
        let record = self.records.pop()?;
        let pinned = self.records.len() < self.pinned;
        self.pinned = self.pinned.min(self.records.len());
        match record {
            Record::Changed { what, undo } => {
                // Keys were put aside in the order of the records.
                let key = if pinned { self.keys.pop() } else { None };
                let place = key.map_or(Place::At(what.at()), Place::Key);
                Some(Logged::Changed { place, mark: what.mark(), undo })
            }
            Record::Rare => {
                let rare = self.rare.pop()?;
                self.rare_pinned = self.rare_pinned.min(self.rare.len());
                Some(match rare {
                    Rare::Inserted { place } => Logged::Inserted { place },
                    Rare::Removed { entry, mark } => Logged::Removed { entry, mark },
                })
            }
        }
    }

    /// Makes the log find its entries by key.
    pub(super) fn pin(&mut self, key_at: impl Fn(At) -> K) {
        if !self.touched {
            return;
        }
        self.queue();
        self.keys.extend(changed(&self.records[self.pinned..]).map(&key_at));
        self.pinned = self.records.len();
        for rare in &mut self.rare[self.rare_pinned..] {
            if let Rare::Inserted { place } = rare
                && let Place::At(at) = *place
            {
                *place = Place::Key(key_at(at));
            }
        }
        self.rare_pinned = self.rare.len();
        self.index.clear();
    }

    pub(super) fn renumber(&mut self, renumbering: &Renumbering) {
        if let Some(sole) = &mut self.sole {
            sole.mark = renumbering[usize::from(sole.mark)];
        }
        for record in &mut self.records {
            if let Record::Changed { what, .. } = record {
                *what = Packed::new(what.at(), renumbering[usize::from(what.mark())]);
            }
        }
        for rare in &mut self.rare {
            if let Rare::Removed { mark, .. } = rare {
                *mark = renumbering[usize::from(*mark)];
            }
        }
    }
}

fn changed<U>(records: &[Record<U>]) -> impl Iterator<Item = At> {
    records.iter().filter_map(|record| match record {
        Record::Changed { what, .. } => Some(what.at()),
        Record::Rare => None,
    })
}

fn places<K, S, U>(records: &[Record<U>], rare: &[Rare<K, S>]) -> impl Iterator<Item = At> {
    let inserted = rare.iter().filter_map(|rare| match rare {
        Rare::Inserted { place: Place::At(at) } => Some(*at),
        _ => None,
    });
    changed(records).chain(inserted)
}

/// Spread over all bits: the table takes its tags from the top ones.
fn hash(at: &At) -> u64 {
    let place = u64::from(at.segment) << 32 | u64::from(at.bucket);
    let product = place.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    product ^ product >> 32
}
