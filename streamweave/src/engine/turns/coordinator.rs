//! The coordinator of a scope: a state machine driven by the reports of the cuts.

use crate::engine::turns::{Turn, earlier};
use crate::time::{Frontier, LogicalTime, Promise, Rounds, Stamp};

/// What every cut is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Send this turn.
    Turn(Turn),
    /// There is nothing left: end the edge.
    End,
}

/// Decides on the turns of one scope.
#[derive(Debug)]
pub(crate) struct Coordinator {
    turn: Turn,
    /// For each cut, whether it has reported the turn.
    reported: Vec<bool>,
    least: Option<Stamp>,
    ended: bool,
}

impl Coordinator {
    /// Of a scope with so many cuts: the first turn promises nothing.
    pub(crate) fn new(cuts: usize) -> Self {
        let promise =
            Promise { frontier: Frontier::At(LogicalTime::MIN), rounds: Rounds::default() };
        let turn = Turn { number: 1, promise, hold: None };
        Coordinator { turn, reported: vec![false; cuts], least: None, ended: false }
    }

    /// The turn that is under way.
    pub(crate) fn turn(&self) -> Turn {
        self.turn
    }

    /// Turn `number` has come round at `cut`: `least` is the earliest stamp, raised by one round,
    /// of what was held on the way or crossed the cut since the turn was sent. What to do next,
    /// once every cut has reported.
    pub(crate) fn report(&mut self, cut: usize, number: u64, least: Option<Stamp>) -> Option<Next> {
        if number != self.turn.number || self.ended {
            return None;
        }
        self.reported[cut] = true;
        self.least = earlier(self.least, least);
        if !self.reported.iter().all(|reported| *reported) {
            return None;
        }
        let Some(least) = self.least.take() else {
            self.ended = true;
            return Some(Next::End);
        };
        self.reported.fill(false);
        // Everything that is reported has been raised by a round, so that this rises.
        let promise = Promise::from(least).max(self.turn.promise);
        self.turn = Turn { number: number + 1, promise, hold: None };
        Some(Next::Turn(self.turn))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(time: i64, round: u32) -> Stamp {
        Stamp { time: LogicalTime(time), rounds: Rounds([round, 0]) }
    }

    #[test]
    fn the_next_promise_is_the_least_of_all_cuts() {
        let mut coordinator = Coordinator::new(2);
        assert_eq!(coordinator.report(0, 1, Some(stamp(5, 1))), None);
        let Some(Next::Turn(turn)) = coordinator.report(1, 1, Some(stamp(3, 4))) else {
            panic!("both have reported");
        };
        assert_eq!((turn.number, turn.promise), (2, stamp(3, 4).into()));
        // A report of an earlier turn is not one of this.
        assert_eq!(coordinator.report(0, 1, None), None);
        assert_eq!(coordinator.report(0, 2, None), None);
        let Some(Next::Turn(turn)) = coordinator.report(1, 2, Some(stamp(3, 5))) else {
            panic!("both have reported");
        };
        assert_eq!(turn.promise, stamp(3, 5).into());
        coordinator.report(1, 3, None);
        assert_eq!(coordinator.report(0, 3, None), Some(Next::End));
    }
}
