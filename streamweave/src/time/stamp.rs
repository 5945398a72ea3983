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

/// So many rounds of an outer loop there are before the end of a time, and as many behind it.
const OUTER: u32 = 1 << 31;

impl Rounds {
    /// Behind every round that a time has by itself: what waits for its end waits for this.
    pub(crate) const LAST: Rounds = Rounds([OUTER - 1, u32::MAX]);

    /// Of what is sent at the end of a time: it goes round anew, behind all rounds before.
    pub(crate) const END: Rounds = Rounds([OUTER, 0]);

    /// The round of the loop at `depth`, 0 for the outermost: 0 before the first. What a timer sent
    /// at the end of its time counts from 0 again.
    pub fn of(self, depth: usize) -> u32 {
        match depth {
            0 => self.0[0] % OUTER,
            _ => self.0[1] % INNER,
        }
    }

    /// Of what went round once more behind the end of its time.
    #[inline]
    pub(crate) fn is_behind_end(self) -> bool {
        self > Rounds::END
    }

    /// One round further in the loop at `depth`, which is the inner one at `place` of its outer
    /// loop; loops inside it start anew. `None` where no more can be counted.
    pub(crate) fn next(self, depth: usize, place: u32) -> Option<Rounds> {
        let Rounds([outer, inner]) = self;
        match depth {
            0 => (outer % OUTER < OUTER - 2).then(|| Rounds([outer + 1, 0])),
            _ => {
                let inner = inner.max(place.saturating_mul(INNER));
                (inner % INNER < INNER - 1).then(|| Rounds([outer, inner + 1]))
            }
        }
    }

    /// What is held until these rounds are over, a round further: what waits for the end of a time
    /// is at its end then, in whatever loop.
    pub(crate) fn raised(self, depth: usize, place: u32) -> Rounds {
        match self.next(depth, place) {
            _ if self == Rounds::LAST => Rounds::END,
            Some(next) => next,
            None => Rounds([self.0[0].saturating_add(1), 0]),
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

    /// It says nothing: there is nothing earlier.
    pub(crate) const LOWEST: Promise =
        Promise { frontier: Frontier::At(LogicalTime::MIN), rounds: Rounds([0; 2]) };

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

    /// So many inner loops fit beside each other into one outer loop: `graph!` counts them.
    const PLACES: u32 = u32::MAX / INNER;

    #[test]
    fn rounds_count_from_the_loop_they_are_of() {
        let rounds = Rounds([3, 7]);
        let next = |rounds: Rounds, depth, place| rounds.next(depth, place).unwrap();
        assert_eq!(next(rounds, 1, 0), Rounds([3, 8]));
        assert_eq!(next(rounds, 0, 0), Rounds([4, 0]));
        assert_eq!(next(rounds, 1, 0).of(1), 8);
        // The second of two inner loops begins behind all rounds of the first.
        let left = rounds.after(0);
        assert!(left > next(next(rounds, 1, 0), 1, 0) && left < next(rounds, 0, 0));
        assert_eq!(left.of(1), 0);
        assert_eq!(next(left, 1, 1).of(1), 1);
        assert!(next(left, 1, 1) > left && next(left, 1, 1).after(1) > next(left, 1, 1));
        // And also of what did not come through the first.
        assert!(next(rounds, 1, 1) > left);
    }

    /// No count goes over into another one.
    #[test]
    fn there_are_so_many_rounds_and_no_more() {
        for place in [0, 7, PLACES - 1] {
            let last = Rounds([3, place * INNER + INNER - 2]).next(1, place).unwrap();
            assert_eq!((last.of(1), last.next(1, place)), (INNER - 1, None));
            assert!(last < last.after(place));
            assert!(last.raised(1, place) > last.after(PLACES - 1));
        }
        for first in [0, OUTER] {
            let last = Rounds([first + (OUTER - 3), 9]).next(0, 0).unwrap();
            assert_eq!((last.of(0), last.next(0, 0)), (OUTER - 2, None));
            assert!(first > 0 || last < Rounds::LAST);
            assert!(last.raised(0, 0) > last);
        }
    }

    #[test]
    fn the_end_of_a_time_is_behind_its_rounds_in_whatever_loop() {
        for (depth, place) in [(0, 0), (1, 0), (1, PLACES - 1)] {
            assert_eq!(Rounds::LAST.raised(depth, place), Rounds::END);
            assert!(Rounds::END.next(depth, place) > Some(Rounds::END));
        }
        assert_eq!(Rounds::END.next(0, 0).unwrap().of(0), 1);
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
