//! The turns of a scope as they come in at one stage.

use crate::broken::{Broken, broken};
use crate::engine::turns::{Turn, earlier};
use crate::time::{InputState, Inputs, Outlook, Promise};

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
                idle: before.idle.max(turn.idle),
                rests: before.rests && turn.rests,
            },
            None => turn,
        });
    }

    /// The turn, if it can go on: it has come by all inlets, and the inputs from outside of the
    /// scope have promised as much. What they may still bring is held, unless they are idle.
    pub(crate) fn take(&mut self, inputs: &Inputs, outlook: Outlook) -> Option<Turn> {
        let mut turn = self.turn.filter(|_| self.missing == 0)?;
        if turn.promise > Promise::LOWEST && outlook.promise < Some(turn.promise) {
            return None;
        }
        for input in self.outside() {
            let last = inputs.may_bring(input);
            match inputs.state(input) {
                // It is level soon, or says where it is: until then nothing can be said of it.
                InputState::CatchingUp => return None,
                InputState::Held | InputState::Restored
                    if last.is_some_and(|last| Promise::from(last) < turn.promise) =>
                {
                    return None;
                }
                InputState::Idle => turn.idle = turn.idle.max(last),
                _ if broken(Broken::EntryForgotten) => {}
                _ => turn.hold = earlier(turn.hold, last),
            }
        }
        turn.rests &= outlook.idle;
        self.turn = None;
        self.missing = self.turns.iter().filter(|turns| **turns).count();
        Some(turn)
    }

    /// Whether the inlet leads into the scope from outside.
    pub(crate) fn is_entry(&self, inlet: usize) -> bool {
        !self.turns[inlet]
    }

    fn outside(&self) -> impl Iterator<Item = usize> {
        (0..self.turns.len()).filter(|inlet| self.is_entry(*inlet))
    }
}
