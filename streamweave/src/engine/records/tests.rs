//! Batches with times beside them: whatever is cut off or taken out, each record keeps its own.

use super::*;
use crate::engine::Pending;

/// A generator with a fixed seed (splitmix64).
struct Random(u64);
impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }
}

/// The stamp that goes with a record, where there are times, or times and rounds.
fn stamp_of(item: u64, rounds: bool) -> Stamp {
    let time = LogicalTime((item.wrapping_mul(0x9E37_79B9) >> 3) as i64 % 50);
    let rounds = if rounds { Rounds([item as u32 % 7 + 1, 2]) } else { Rounds::default() };
    Stamp { time, rounds }
}

/// What a batch carries: nothing, times, or times and rounds.
fn carried(kind: u64) -> Carried {
    match kind {
        0 => Carried::NOTHING,
        kind => Carried::of(stamp_of(0, kind == 2)),
    }
}

fn mark_of(item: u64, kind: u64) -> Mark {
    let stamp = if kind == 0 { Stamp::default() } else { stamp_of(item, kind == 2) };
    Mark { carried: carried(kind), stamp }
}

fn batch(from: u64, len: u64, kind: u64) -> Records<u64> {
    let mut records = Records::default();
    records.prepare(carried(kind), len as usize);
    for item in from..from + len {
        records.push(&mark_of(item, kind), item);
    }
    records
}

#[test]
fn runs_are_of_one_kind_in_order_and_as_long_as_can_be() {
    for seed in 0..300 {
        let mut random = Random(seed);
        let kind = 1 + random.below(2);
        let len = 1 + random.below(40);
        let mut rest = batch(100, len, kind);
        let border = LogicalTime(random.below(50) as i64);
        let late = |stamp: Stamp| stamp.time < border;
        let (mut next, mut before) = (100, None);
        while !rest.is_empty() {
            let run = rest.split_run(late);
            assert!(!run.is_empty());
            let is_late = late(stamp_of(next, kind == 2));
            assert_eq!(run.carried(), carried(kind).late(is_late));
            assert_ne!(before, Some(is_late), "seed {seed}: two runs that are one");
            before = Some(is_late);
            for (index, item) in run.items.iter().enumerate() {
                assert_eq!(*item, next);
                let stamp = stamp_of(next, kind == 2);
                assert_eq!(run.mark(index), Mark { carried: run.carried(), stamp });
                assert_eq!(late(stamp), is_late);
                next += 1;
            }
        }
        assert_eq!(next, 100 + len, "seed {seed}: something is lost");
    }
}

#[test]
fn what_was_late_already_stays_so() {
    let mut records = batch(0, 5, 1);
    records.carried = records.carried.late(true);
    let run = records.split_run(|_| false);
    assert!(run.carried().is_late() && run.len() == 5 && records.is_empty());
}

#[test]
fn what_is_taken_from_the_front_leaves_the_others_their_times() {
    for seed in 0..200 {
        let mut random = Random(seed);
        let (kind, len) = (random.below(3), 1 + random.below(30));
        let taken = random.below(len);
        // By value, as a stage drives them: what is left is put back.
        let mut records = batch(0, len, kind);
        let (mut drain, mut stamps) = records.drain(usize::MAX);
        let mut mark = Mark { carried: carried(kind), stamp: Stamp::default() };
        for item in 0..taken {
            stamps.next_into(&mut mark);
            assert_eq!((drain.next(), mark), (Some(item), mark_of(item, kind)));
        }
        let left: Vec<u64> = drain.collect();
        records.items = left;
        assert_eq!(records.first_mark(), mark_of(taken, kind));
        let (mut drain, mut stamps) = records.drain(usize::MAX);
        for item in taken..len {
            stamps.next_into(&mut mark);
            assert_eq!((drain.next(), mark), (Some(item), mark_of(item, kind)));
        }
        drop(drain);
        // Lent.
        let records = batch(0, len, kind);
        let (items, mut stamps) = records.lend(taken as usize);
        for item in &items[taken as usize..] {
            stamps.next_into(&mut mark);
            assert_eq!(mark, mark_of(*item, kind));
        }
        // One by one.
        let mut pending = Pending::of(batch(0, len, kind));
        for item in 0..len {
            assert_eq!(pending.pop(), Some((item, mark_of(item, kind))));
        }
        assert!(pending.is_empty() && pending.pop().is_none());
    }
}

#[test]
fn a_batch_that_is_cut_back_goes_on_with_new_times() {
    for seed in 0..200 {
        let mut random = Random(seed);
        let (kind, len) = (random.below(3), 1 + random.below(30));
        let mut records = batch(0, len, kind);
        let stands = random.below(len + 1);
        records.truncate(stands as usize);
        let more = random.below(5);
        records.extend(&mark_of(7, kind), (0..more).map(|_| 7));
        for (index, item) in records.items.iter().enumerate() {
            let expected = if (index as u64) < stands { index as u64 } else { 7 };
            assert_eq!((*item, records.mark(index)), (expected, mark_of(expected, kind)));
        }
        assert_eq!(records.len() as u64, stands + more);
    }
}

/// However a batch came to its room: where a record fits in, its stamp does.
#[test]
fn records_that_fit_in_keep_their_times() {
    for seed in 0..200 {
        let mut random = Random(seed);
        let (kind, len) = (random.below(3), random.below(30));
        let mut records = batch(0, len, kind);
        // How many there are is not told: the room for records grows step by step.
        let more = random.below(40);
        records.extend(&mark_of(7, kind), (0..more).filter(|_| true).map(|_| 7));
        while records.items.len() < records.items.capacity() {
            records.put(&mark_of(9, kind), 9);
        }
        records.push(&mark_of(9, kind), 9);
        for (index, item) in records.items.iter().enumerate() {
            assert_eq!(records.mark(index), mark_of(*item, kind));
        }
    }
    let mut sizeless = Records::default();
    sizeless.prepare(carried(1), 1);
    (0..100).for_each(|item| sizeless.put(&mark_of(item, 1), ()));
    (0..100).for_each(|item| assert_eq!(sizeless.mark(item as usize), mark_of(item, 1)));
}
