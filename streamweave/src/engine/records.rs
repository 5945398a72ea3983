//! Records with what is carried beside them: their times, where the stream is timed.

use std::fmt;
use std::slice::Iter;
use std::vec::Drain;

use serde::{Deserialize, Serialize};

use crate::broken::{Broken, broken};
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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

    /// Of a record that goes into a loop where that is, if it is of that time.
    pub(crate) fn entering(self, at: Stamp) -> Self {
        let stamp = if self.stamp.time == at.time { self.stamp.max(at) } else { self.stamp };
        Mark { stamp, ..Mark::crossing(self, at) }
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
    stamps: Vec<Stamp>,
    carried: Carried,
}

impl<T> fmt::Debug for Records<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Records({}, {:?})", self.items.len(), self.carried)
    }
}

impl<T> Default for Records<T> {
    fn default() -> Self {
        Records { items: Vec::new(), stamps: Vec::new(), carried: Carried::default() }
    }
}

impl<T> Records<T> {
    /// For records without a size there is always room, for their stamps there is not.
    const SIZELESS: bool = size_of::<T>() == 0;

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
    pub(crate) fn push(&mut self, mark: &Mark, item: T) {
        if self.items.len() == self.items.capacity() {
            self.make_room(self.len().max(4));
        }
        self.put(mark, item);
    }

    /// Puts in a record that the batch takes.
    #[inline(always)]
    pub(crate) fn put(&mut self, mark: &Mark, item: T) {
        within(&mut self.items, item);
        if self.carried.is_stamped() {
            if Self::SIZELESS {
                self.stamps.push(mark.stamp);
            } else {
                within(&mut self.stamps, mark.stamp);
            }
        }
    }

    /// Puts in all `items`, which carry what the others do.
    pub(crate) fn extend(&mut self, mark: &Mark, items: impl Iterator<Item = T>) {
        self.items.extend(items);
        self.make_room(0);
        if self.carried.is_stamped() {
            self.stamps.resize(self.items.len(), mark.stamp);
        }
    }

    /// Makes an empty batch one of records that carry this, with room for so many.
    pub(crate) fn prepare(&mut self, carried: Carried, room: usize) {
        self.clear();
        self.carried = carried;
        self.make_room(room);
    }

    /// Room for more records, and for as many stamps.
    fn make_room(&mut self, more: usize) {
        self.items.reserve_exact(more);
        let room = self.items.capacity();
        if self.carried.is_stamped() && !Self::SIZELESS {
            self.stamps.reserve_exact(room.saturating_sub(self.stamps.len()));
        }
    }

    /// The records of a whole batch, each with what is known about it.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Mark, &T)> {
        self.items.iter().enumerate().map(|(index, item)| (self.mark(index), item))
    }

    pub(crate) fn clear(&mut self) {
        self.truncate(0);
        self.carried = Carried::NOTHING;
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.items.truncate(len);
        self.stamps.truncate(len);
    }

    /// What is known about the record that stood at `index` when the batch was whole.
    pub(crate) fn mark(&self, index: usize) -> Mark {
        let stamp = self.stamps.get(index).copied().unwrap_or_default();
        Mark { carried: self.carried, stamp }
    }

    /// The records still to come, at most `most` of them, and their stamps.
    #[inline(always)]
    pub(crate) fn drain(&mut self, most: usize) -> (Drain<'_, T>, Stamps<'_>) {
        let stamps = Stamps(self.stamps[self.stamped_from()..].iter());
        (self.items.drain(..self.items.len().min(most)), stamps)
    }

    /// Of what was drained from the front this is left: it comes first again.
    pub(crate) fn keep(&mut self, rest: Vec<T>) {
        self.items.splice(..0, rest);
        self.stamps.drain(..self.stamped_from());
    }

    /// The records, and their stamps from `index` on.
    #[inline(always)]
    pub(crate) fn lend(&self, index: usize) -> (&[T], Stamps<'_>) {
        let stamps = Stamps(self.stamps[index.min(self.stamps.len())..].iter());
        (&self.items, stamps)
    }

    /// Where the stamps of the records that are left begin: those of records that were taken
    /// from the front are still there.
    fn stamped_from(&self) -> usize {
        self.stamps.len().saturating_sub(self.items.len())
    }

    /// What is known about the first record that is left.
    pub(crate) fn first_mark(&self) -> Mark {
        self.mark_of_left(0)
    }

    /// What is known about the record that is number `index` of those that are left.
    pub(crate) fn mark_of_left(&self, index: usize) -> Mark {
        self.mark(self.stamped_from() + index)
    }

    /// Changes what is carried beside the records, for all of them alike.
    pub(crate) fn remark(&mut self, behind: impl Fn(Mark) -> Mark) {
        if self.is_empty() {
            return;
        }
        let carried = behind(self.mark(0)).carried;
        let marks = (0..self.len()).map(|index| behind(self.mark(index)).stamp);
        self.stamps = if carried.is_stamped() { marks.collect() } else { Vec::new() };
        self.carried = carried;
    }

    /// The first records for which `late` says the same, taken out; those behind stay.
    pub(crate) fn split_run(&mut self, late: impl Fn(Stamp) -> bool) -> Records<T> {
        let first = late(self.mark(0).stamp);
        let same = (0..self.len()).take_while(|index| late(self.mark(*index).stamp) == first);
        let run = same.count();
        let rest = Records {
            items: self.items.split_off(run),
            stamps: self.stamps.split_off(run.min(self.stamps.len())),
            carried: self.carried,
        };
        let mut taken = std::mem::replace(self, rest);
        taken.carried = taken.carried.late(first || taken.carried.is_late());
        taken
    }
}

/// A push that never grows: there is room. A vector that may grow is lent to the allocator, and what
/// lies beside it in a stage could no longer be in registers.
#[inline(always)]
fn within<T>(to: &mut Vec<T>, item: T) {
    debug_assert!(to.len() < to.capacity(), "room was made for as many stamps as records");
    if to.len() < to.capacity() {
        to.push(item);
    }
}

/// The stamps of records that are driven one by one; none where the stream is not timed.
#[derive(Debug)]
pub(crate) struct Stamps<'a>(Iter<'a, Stamp>);

impl Stamps<'_> {
    /// Puts the next record's stamp into `mark`.
    #[inline(always)]
    pub(crate) fn next_into(&mut self, mark: &mut Mark) {
        if let Some(stamp) = self.0.next() {
            mark.stamp.time = stamp.time;
            if !broken(Broken::StaleRounds) {
                mark.stamp.rounds = stamp.rounds;
            }
        }
    }
}

#[cfg(test)]
mod tests;
