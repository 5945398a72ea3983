//! The coordinator of a scope: a state machine driven by the reports of the cuts.

use crate::broken::{Broken, broken};
use crate::engine::turns::{Turn, earlier};
use crate::time::Promise;

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
    /// What the reports say together.
    found: Option<Turn>,
    /// Something has become active since the turn was sent, or an entry that was idle has something.
    woken: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A turn is under way.
    Turns,
    /// All is idle, and no turn is under way.
    Rests,
    Ended,
}

impl Coordinator {
    /// Of a scope with so many cuts: the first turn promises nothing.
    pub(crate) fn new(cuts: usize) -> Self {
        let turn = Turn::new(1, Promise::LOWEST);
        let reported = vec![false; cuts];
        Coordinator { turn, reported, found: None, woken: false, state: State::Turns }
    }

    /// The turn that is under way.
    pub(crate) fn turn(&self) -> Turn {
        self.turn
    }

    /// The turn has come round at `cut`. Its hold is the earliest stamp, raised by one round, of
    /// what was held on the way or crossed the cut since the turn was sent. What to do next, once
    /// every cut has reported.
    pub(crate) fn report(&mut self, cut: usize, turn: Turn) -> Option<Next> {
        if turn.number != self.turn.number || self.state != State::Turns {
            return None;
        }
        self.reported[cut] = true;
        let found = match self.found {
            Some(found) => Turn {
                hold: earlier(found.hold, turn.hold),
                idle: found.idle.max(turn.idle),
                rests: found.rests && turn.rests,
                ..found
            },
            None => turn,
        };
        self.found = Some(found);
        if !self.reported.iter().all(|reported| *reported) {
            return None;
        }
        let woken = std::mem::take(&mut self.woken);
        let promised = self.turn.promise;
        match (found.hold, found.idle) {
            // What woke behind the turn is not in what that has found: it goes round once more.
            (Some(_), _) if woken && !broken(Broken::WokenIsForgotten) => {
                Some(self.send(promised, false))
            }
            // Everything that is reported has been raised by a round, so that this rises: but for
            // what came behind the promise, from an entry that had been idle.
            (Some(least), _) => Some(self.send(Promise::from(least).max(promised), false)),
            (None, None) => {
                self.state = State::Ended;
                Some(Next::End)
            }
            // As everywhere, what is idle promises the latest of all.
            (None, Some(latest)) if Promise::from(latest) > promised && !woken => {
                Some(self.send(latest.into(), false))
            }
            (None, Some(_)) if !found.rests || woken => Some(self.send(promised, true)),
            (None, Some(_)) => {
                self.state = State::Rests;
                None
            }
        }
    }

    /// Something that leads to a cut has become active, which was idle.
    pub(crate) fn wakes(&mut self) -> Option<Next> {
        match self.state {
            State::Rests => {
                self.state = State::Turns;
                // Which still wakes nobody: only what became active is not idle.
                Some(self.send(self.turn.promise, true))
            }
            _ => {
                self.woken = true;
                None
            }
        }
    }

    /// What the turn that is under way promises. An entry that says something now is not in what the turn
    /// finds, if that has passed it: nothing more is promised before the next one has.
    pub(crate) fn enters(&mut self) -> (Promise, Option<Next>) {
        (self.turn.promise, self.wakes())
    }

    fn send(&mut self, promise: Promise, rests: bool) -> Next {
        self.reported.fill(false);
        self.found = None;
        self.turn = Turn { rests, ..Turn::new(self.turn.number + 1, promise) };
        Next::Turn(self.turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{LogicalTime, Rounds, Stamp};

    fn stamp(time: i64, round: u32) -> Stamp {
        Stamp { time: LogicalTime(time), rounds: Rounds([round, 0]) }
    }

    /// The turn as it comes round.
    fn back(coordinator: &Coordinator, hold: Option<Stamp>, idle: Option<Stamp>) -> Turn {
        Turn { hold, idle, ..coordinator.turn() }
    }

    #[test]
    fn the_next_promise_is_the_least_of_all_cuts() {
        let mut coordinator = Coordinator::new(2);
        let first = back(&coordinator, Some(stamp(5, 1)), None);
        assert_eq!(coordinator.report(0, first), None);
        let first = back(&coordinator, Some(stamp(3, 4)), None);
        let Some(Next::Turn(turn)) = coordinator.report(1, first) else {
            panic!("both have reported");
        };
        assert_eq!((turn.number, turn.promise), (2, stamp(3, 4).into()));
        // A report of an earlier turn is not one of this.
        assert_eq!(coordinator.report(0, first), None);
        let second = back(&coordinator, None, None);
        assert_eq!(coordinator.report(0, second), None);
        let second = back(&coordinator, Some(stamp(3, 5)), None);
        let Some(Next::Turn(turn)) = coordinator.report(1, second) else {
            panic!("both have reported");
        };
        assert_eq!(turn.promise, stamp(3, 5).into());
        let third = back(&coordinator, None, None);
        coordinator.report(1, third);
        assert_eq!(coordinator.report(0, third), Some(Next::End));
    }

    #[test]
    fn what_woke_behind_a_turn_is_not_in_what_that_has_found() {
        let mut coordinator = Coordinator::new(1);
        let mut turn = |enters: bool, hold, idle| {
            let promised = coordinator.turn().promise;
            if enters {
                assert_eq!(coordinator.enters(), (promised, None));
            }
            let turn = back(&coordinator, hold, idle);
            match coordinator.report(0, turn) {
                Some(Next::Turn(turn)) => turn.promise,
                next => panic!("{next:?}"),
            }
        };
        let at = |time, round| Promise::from(stamp(time, round));
        let idle = Some(stamp(9, 0));
        assert_eq!(turn(false, Some(stamp(3, 1)), idle), at(3, 1));
        assert_eq!(turn(true, Some(stamp(4, 2)), idle), at(3, 1));
        // The next one has come by it.
        assert_eq!(turn(false, Some(stamp(4, 1)), None), at(4, 1));
        assert_eq!(turn(true, None, idle), at(4, 1));
        assert_eq!(turn(false, None, idle), at(9, 0));
    }

    #[test]
    fn a_scope_rests_when_all_are_idle_and_goes_on_when_one_wakes() {
        let mut coordinator = Coordinator::new(1);
        let mut turn = |hold, idle, rests: bool| {
            let turn = Turn { rests, ..back(&coordinator, hold, idle) };
            match coordinator.report(0, turn) {
                Some(Next::Turn(turn)) => Some((turn.promise, turn.rests)),
                Some(Next::End) => panic!("an idle scope has not ended"),
                None => None,
            }
        };
        let at = |time, round| Promise::from(stamp(time, round));
        assert_eq!(turn(Some(stamp(3, 1)), Some(stamp(9, 0)), false), Some((at(3, 1), false)));
        // Nothing is held: the latest that was promised holds, then all are asked.
        assert_eq!(turn(None, Some(stamp(9, 0)), false), Some((at(9, 0), false)));
        assert_eq!(turn(None, Some(stamp(9, 0)), false), Some((at(9, 0), true)));
        assert_eq!(turn(None, Some(stamp(9, 0)), true), None);
        assert_eq!(coordinator.wakes().map(|_| coordinator.turn().rests), Some(true));
        // One wakes behind the turn that asks.
        assert_eq!(coordinator.wakes(), None);
        let asked = Turn { rests: true, ..back(&coordinator, None, Some(stamp(9, 0))) };
        assert!(coordinator.report(0, asked).is_some());
        let asked = Turn { rests: true, ..back(&coordinator, None, Some(stamp(9, 0))) };
        assert_eq!(coordinator.report(0, asked), None);
        assert!(coordinator.wakes().is_some());
        let ended = back(&coordinator, None, None);
        assert_eq!(coordinator.report(0, ended), Some(Next::End));
        assert_eq!(coordinator.wakes(), None);
    }
}
