//! The turns of a scope as they come in at one stage.

use crate::engine::turns::{Turn, earlier};
use crate::time::{Inputs, Promise, Stamp};

/// Gathers a turn from the inlets of a stage.
#[derive(Debug)]
pub(crate) struct Gathered {
    /// For each inlet, whether turns come in by it.
    turns: Vec<bool>,
    /// By how many the current turn has not come yet.
    missing: usize,
    turn: Option<Turn>,
}

impl Gathered {
    /// `turns` says by which inlets turns come; `None` if by none.
    pub(crate) fn new(turns: Vec<bool>) -> Option<Self> {
        let missing = turns.iter().filter(|turns| **turns).count();
        (missing > 0).then_some(Gathered { turns, missing, turn: None })
    }

    /// The turn has come in by one more inlet.
    pub(crate) fn arrives(&mut self, turn: Turn) {
        self.missing = self.missing.saturating_sub(1);
        self.turn = Some(match self.turn {
            Some(before) => Turn {
                number: turn.number,
                promise: before.promise.min(turn.promise),
                hold: earlier(before.hold, turn.hold),
            },
            None => turn,
        });
    }

    /// The turn, if it can go on: it has come by all inlets, and the inputs from outside of the
    /// scope have promised as much. What they may still bring is held.
    pub(crate) fn take(&mut self, inputs: &Inputs, promise: Option<Promise>) -> Option<Turn> {
        let turn = self.turn.filter(|_| self.missing == 0)?;
        let lowest = Promise::from(Stamp::UNTIMED);
        if turn.promise > lowest && promise < Some(turn.promise) {
            return None;
        }
        self.turn = None;
        self.missing = self.turns.iter().filter(|turns| **turns).count();
        let outside = self.turns.iter().enumerate().filter(|(_, turns)| !**turns);
        let holds = outside.filter_map(|(input, _)| inputs.may_bring(input));
        Some(Turn { hold: holds.fold(turn.hold, |hold, next| earlier(hold, Some(next))), ..turn })
    }
}
