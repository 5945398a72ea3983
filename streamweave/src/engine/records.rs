//! Records with what is carried beside them: their times, where the stream is timed.

use std::fmt;
use std::slice::Iter;
use std::vec::Drain;

use serde::{Deserialize, Serialize};

use crate::engine::Cx;
use crate::time::{LogicalTime, Rounds, Stamp};

/// What is carried beside each record of a batch: the same for all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Carried(u8);

impl Carried {
    pub(crate) const NOTHING: Carried = Carried(0);
    const TIMED: u8 = 1;
    const ROUNDS: u8 = 2;
    const LATE: u8 = 4;

    /// Whether there are times beside the records: of timed ones, and of those in loops.
    #[inline(always)]
    pub(crate) fn is_stamped(self) -> bool {
        self.0 & (Self::TIMED | Self::ROUNDS) != 0
    }

    /// Of a record with this stamp.
    pub(crate) fn of(stamp: Stamp) -> Self {
        let rounds = if stamp.rounds == Rounds::default() { 0 } else { Self::ROUNDS };
        Carried(Self::TIMED | rounds)
    }

    #[inline(always)]
    pub(crate) fn is_timed(self) -> bool {
        self.0 & Self::TIMED != 0
    }

    #[inline(always)]
    fn has_rounds(self) -> bool {
        self.0 & Self::ROUNDS != 0
    }

    /// Whether the records came behind a promise, at the place where it was made.
    #[inline(always)]
    pub(crate) fn is_late(self) -> bool {
        self.0 & Self::LATE != 0
    }

    /// The same, late or not.
    pub(crate) fn late(self, late: bool) -> Self {
        Carried(if late { self.0 | Self::LATE } else { self.0 & !Self::LATE })
    }
}

/// What is known about one record: whether it has a time, and which.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    pub(crate) carried: Carried,
    pub(crate) stamp: Stamp,
}

impl Mark {
    pub(crate) fn at(stamp: Stamp) -> Self {
        Mark { carried: Carried::of(stamp), stamp }
    }

    /// The same, copied field by field: a copy of the whole may move the bytes between them, too, in
    /// pieces that overlap.
    #[inline(always)]
    pub(crate) fn fields(&self) -> Self {
        Mark { carried: Carried(self.carried.0), stamp: self.stamp }
    }

    pub(crate) fn stamp(self) -> Option<Stamp> {
        self.carried.is_stamped().then_some(self.stamp)
    }

    pub(crate) fn time(self) -> Option<LogicalTime> {
        self.carried.is_timed().then_some(self.stamp.time)
    }

    /// Of the same record on another side of a loop's border: whether it has a time of its own,
    /// and is late, stays.
    pub(crate) fn crossing(before: Mark, stamp: Stamp) -> Self {
        let kept = before.carried.0 & (Carried::TIMED | Carried::LATE);
        Mark { carried: Carried(kept | Carried::of(stamp).0 & Carried::ROUNDS), stamp }
    }
}

/// A batch of records, with their times beside them where they have any.
pub struct Records<T> {
    pub(crate) items: Vec<T>,
    times: Vec<LogicalTime>,
    rounds: Vec<Rounds>,
    carried: Carried,
}

impl<T> fmt::Debug for Records<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Records({}, {:?})", self.items.len(), self.carried)
    }
}

impl<T> Default for Records<T> {
    fn default() -> Self {
        Records {
            items: Vec::new(),
            times: Vec::new(),
            rounds: Vec::new(),
            carried: Carried::default(),
        }
    }
}

impl<T> Records<T> {
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(crate) fn carried(&self) -> Carried {
        self.carried
    }

    /// Whether the next record of the current unit can be put in: it carries what the others do,
    /// and there is room for it.
    #[inline(always)]
    pub(crate) fn takes(&self, cx: &Cx) -> bool {
        self.items.len() < self.items.capacity() && self.carried == cx.mark.carried
    }

    /// Puts in a record that carries what the others do.
    #[inline(always)]
    pub(crate) fn push(&mut self, mark: &Mark, item: T) {
        self.items.push(item);
        if self.carried.is_stamped() {
            self.push_stamp(mark.stamp);
        }
    }

    #[inline(always)]
    fn push_stamp(&mut self, stamp: Stamp) {
        self.times.push(stamp.time);
        if self.carried.has_rounds() {
            self.rounds.push(stamp.rounds);
        }
    }

    /// Puts in all `items`, which carry what the others do.
    pub(crate) fn extend(&mut self, mark: &Mark, items: impl Iterator<Item = T>) {
        self.items.extend(items);
        if self.carried.is_stamped() {
            self.times.resize(self.items.len(), mark.stamp.time);
            if self.carried.has_rounds() {
                self.rounds.resize(self.items.len(), mark.stamp.rounds);
            }
        }
    }

    /// Makes an empty batch one of records that carry this, with room for so many.
    pub(crate) fn prepare(&mut self, carried: Carried, room: usize) {
        self.clear();
        self.carried = carried;
        self.items.reserve_exact(room);
        if carried.is_stamped() {
            self.times.reserve_exact(room);
        }
        if carried.has_rounds() {
            self.rounds.reserve_exact(room);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.truncate(0);
        self.carried = Carried::NOTHING;
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.items.truncate(len);
        self.times.truncate(len);
        self.rounds.truncate(len);
    }

    /// What is known about the record that stood at `index` when the batch was whole.
    pub(crate) fn mark(&self, index: usize) -> Mark {
        let mut stamp = Stamp::default();
        if let Some(time) = self.times.get(index) {
            stamp.time = *time;
        }
        if let Some(rounds) = self.rounds.get(index) {
            stamp.rounds = *rounds;
        }
        Mark { carried: self.carried, stamp }
    }

    /// The records still to come, `left` of them, and their stamps.
    #[inline(always)]
    pub(crate) fn drain(&mut self) -> (Drain<'_, T>, Stamps<'_>) {
        let from = self.stamped_from();
        let stamps = Stamps {
            times: self.times[from..].iter(),
            rounds: self.rounds[self.rounds.len().min(from)..].iter(),
        };
        (self.items.drain(..), stamps)
    }

    /// Of a batch that has been taken from the front, what is left: with its own stamps.
    pub(crate) fn keep(&mut self, rest: Vec<T>) {
        let stamped = |len: usize| len.saturating_sub(rest.len());
        self.times.drain(..stamped(self.times.len()));
        self.rounds.drain(..stamped(self.rounds.len()));
        self.items = rest;
    }

    /// The records, and their stamps from `index` on.
    #[inline(always)]
    pub(crate) fn lend(&self, index: usize) -> (&[T], Stamps<'_>) {
        let of = |len: usize| index.min(len);
        let stamps = Stamps {
            times: self.times[of(self.times.len())..].iter(),
            rounds: self.rounds[of(self.rounds.len())..].iter(),
        };
        (&self.items, stamps)
    }

    /// Where the stamps of the records that are left begin: those of records that were taken
    /// from the front are still there.
    fn stamped_from(&self) -> usize {
        self.times.len().saturating_sub(self.items.len())
    }

    /// What is known about the first record that is left.
    pub(crate) fn first_mark(&self) -> Mark {
        self.mark(self.stamped_from())
    }

    /// The first records for which `late` says the same, taken out; those behind stay.
    pub(crate) fn split_run(&mut self, late: impl Fn(Stamp) -> bool) -> Records<T> {
        let first = late(self.mark(0).stamp);
        let same = (0..self.len()).take_while(|index| late(self.mark(*index).stamp) == first);
        let run = same.count();
        let rest = Records {
            items: self.items.split_off(run),
            times: self.times.split_off(run.min(self.times.len())),
            rounds: self.rounds.split_off(run.min(self.rounds.len())),
            carried: self.carried,
        };
        let mut taken = std::mem::replace(self, rest);
        taken.carried = taken.carried.late(first || taken.carried.is_late());
        taken
    }
}

/// The stamps of records that are driven one by one; none where the stream is not timed.
#[derive(Clone, Debug)]
pub(crate) struct Stamps<'a> {
    times: Iter<'a, LogicalTime>,
    rounds: Iter<'a, Rounds>,
}

impl Stamps<'_> {
    /// Leaves out those of the next `records` records.
    pub(crate) fn skip(&mut self, records: usize) {
        if let Some(last) = records.checked_sub(1) {
            self.times.nth(last);
            self.rounds.nth(last);
        }
    }

    /// Puts the next record's stamp into `mark`.
    #[inline(always)]
    pub(crate) fn next_into(&mut self, mark: &mut Mark) {
        if let Some(time) = self.times.next() {
            mark.stamp.time = *time;
            if let Some(rounds) = self.rounds.next() {
                mark.stamp.rounds = *rounds;
            }
        }
    }
}

#[cfg(test)]
mod tests;
