//! Stamps: a time and, inside of loops, the rounds; and promises, which are frontiers of stamps.

use serde::{Deserialize, Serialize};

use crate::time::{Frontier, LogicalTime};

/// The rounds of the loops that a record is in, the outermost first; 0 outside of loops.
///
/// Loops nest two deep. Inner loops beside each other in one outer loop share one count, in which
/// each has a range of its own; [`Rounds::of`] is the round within a loop.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Rounds(pub(crate) [u32; 2]);

/// So many rounds of one inner loop fit into the count that it shares.
const INNER: u32 = 1 << 24;

impl Rounds {
    /// The round of the loop at `depth`, 0 for the outermost: 0 before the first.
    pub fn of(self, depth: usize) -> u32 {
        match depth {
            0 => self.0[0],
            _ => self.0[1] % INNER,
        }
    }

    /// One round further in the loop at `depth`, which is the inner one at `place` of its outer
    /// loop; loops inside it start anew.
    pub(crate) fn next(self, depth: usize, place: u32) -> Rounds {
        let Rounds([outer, inner]) = self;
        match depth {
            0 => Rounds([outer.saturating_add(1), 0]),
            _ => Rounds([outer, inner.max(place.saturating_mul(INNER)).saturating_add(1)]),
        }
    }

    /// After all rounds of the inner loop at `place`, in the same round of the outer one.
    pub(crate) fn after(self, place: u32) -> Rounds {
        let Rounds([outer, inner]) = self;
        Rounds([outer, inner.max(place.saturating_add(1).saturating_mul(INNER))])
    }
}

/// When a record is: its time and, inside of loops, its rounds. Ordered by time, then by rounds.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Stamp {
    /// The time.
    pub time: LogicalTime,
    /// The rounds.
    pub rounds: Rounds,
}

impl Stamp {
    /// What stands for the time of records that have none, where rounds are counted.
    pub(crate) const UNTIMED: Stamp = Stamp { time: LogicalTime::MIN, rounds: Rounds([0; 2]) };
}

impl From<LogicalTime> for Stamp {
    fn from(time: LogicalTime) -> Self {
        Stamp { time, rounds: Rounds::default() }
    }
}

/// A frontier of stamps: every later record has at least this stamp.
///
/// Outside of loops the rounds are 0 and it is the same as its frontier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Promise {
    /// The frontier of times.
    pub frontier: Frontier,
    /// The rounds, at that time.
    pub rounds: Rounds,
}

impl Promise {
    /// No later records.
    pub const ENDED: Promise = Promise { frontier: Frontier::Ended, rounds: Rounds([0; 2]) };

    /// The earliest stamp that a later record may have; `None` if there are no later records.
    pub fn stamp(self) -> Option<Stamp> {
        self.frontier.time().map(|time| Stamp { time, rounds: self.rounds })
    }

    /// Whether no later record has this stamp or an earlier one.
    pub fn is_past(self, stamp: Stamp) -> bool {
        self.stamp().is_none_or(|at| at > stamp)
    }
}

impl From<Frontier> for Promise {
    fn from(frontier: Frontier) -> Self {
        Promise { frontier, rounds: Rounds::default() }
    }
}

impl From<Stamp> for Promise {
    fn from(stamp: Stamp) -> Self {
        Promise { frontier: Frontier::At(stamp.time), rounds: stamp.rounds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_count_from_the_loop_they_are_of() {
        let rounds = Rounds([3, 7]);
        assert_eq!(rounds.next(1, 0), Rounds([3, 8]));
        assert_eq!(rounds.next(0, 0), Rounds([4, 0]));
        assert_eq!(rounds.next(1, 0).of(1), 8);
        // The second of two inner loops begins behind all rounds of the first.
        let left = rounds.after(0);
        assert!(left > rounds.next(1, 0).next(1, 0) && left < rounds.next(0, 0));
        assert_eq!(left.of(1), 0);
        assert_eq!(left.next(1, 1).of(1), 1);
        assert!(left.next(1, 1) > left && left.next(1, 1).after(1) > left.next(1, 1));
        // And also of what did not come through the first.
        assert!(rounds.next(1, 1) > left);
    }

    #[test]
    fn a_promise_is_past_what_is_before_it() {
        let at = |time, round| Stamp { time: LogicalTime(time), rounds: Rounds([round, 0]) };
        assert!(Promise::from(at(5, 9)).is_past(at(5, 8)));
        assert!(!Promise::from(at(5, 9)).is_past(at(5, 9)));
        assert!(Promise::from(at(6, 0)).is_past(at(5, 9)));
        assert!(Promise::ENDED.is_past(at(i64::MAX, 9)));
    }
}
