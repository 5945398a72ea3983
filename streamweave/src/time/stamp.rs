//! Stamps: a time and, inside of loops, the rounds; and promises, which are frontiers of stamps.

use serde::{Deserialize, Serialize};

use crate::time::{Frontier, LogicalTime};

/// The rounds of the loops that a record is in, the outermost first; 0 outside of loops.
///
/// Loops nest two deep.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Rounds(pub [u32; 2]);

#[allow(dead_code, reason = "loops cross them")]
impl Rounds {
    /// Later than every round.
    pub const MAX: Rounds = Rounds([u32::MAX; 2]);

    /// One round further in the loop at `depth`, 0 for the outermost; loops inside it start anew.
    pub(crate) fn next(self, depth: usize) -> Rounds {
        let mut rounds = self.leave(depth + 1);
        rounds.0[depth] = rounds.0[depth].saturating_add(1);
        rounds
    }

    /// Without the rounds of the loop at `depth` and of those inside it.
    pub(crate) fn leave(self, depth: usize) -> Rounds {
        let mut rounds = self.0;
        rounds[depth..].fill(0);
        Rounds(rounds)
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
    /// After all rounds of `time`: what waits for this waits for the time to be over.
    pub(crate) fn end_of(time: LogicalTime) -> Self {
        Stamp { time, rounds: Rounds::MAX }
    }
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
        assert_eq!(rounds.next(1), Rounds([3, 8]));
        assert_eq!(rounds.next(0), Rounds([4, 0]));
        assert_eq!(rounds.leave(1), Rounds([3, 0]));
        assert_eq!(rounds.leave(0), Rounds([0, 0]));
    }

    #[test]
    fn a_time_is_over_only_with_all_its_rounds() {
        let within = Promise::from(Stamp { time: LogicalTime(5), rounds: Rounds([9, 0]) });
        let after = Promise::from(Frontier::At(LogicalTime(6)));
        assert!(within.is_past(LogicalTime(5).into()));
        assert!(!within.is_past(Stamp::end_of(LogicalTime(5))));
        assert!(after.is_past(Stamp::end_of(LogicalTime(5))));
        assert!(Promise::ENDED.is_past(Stamp::end_of(LogicalTime::MAX)));
    }
}
