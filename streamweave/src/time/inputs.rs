//! The states of a node's inputs, and the promise that follows from them.

use std::collections::BTreeMap;

use crate::broken::{Broken, broken};
use crate::time::{Promise, Stamp};

/// What an input is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InputState {
    /// It has records, or is expected to.
    Active,
    /// It was idle, and is behind what was promised meanwhile: what it brings until it is level
    /// is late.
    CatchingUp,
    /// It has nothing for now: the others do not wait for it.
    Idle,
    /// It is one of a loop that rests: it has nothing for now, but the others wait for it all the
    /// same, as what wakes them may come round by it.
    Resting,
    /// Its node was restored, and it has not said yet how far it is: the others wait for it, and what it
    /// brings behind what had been promised is late.
    Restored,
    /// Its producer is down or paused: the others wait for it.
    Held,
    /// It has no more records.
    Ended,
    /// Its producer has failed for good: it brings nothing, and what it might have brought stays open.
    Failed,
}

/// What a node can tell those behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outlook {
    /// The stamp that every later record has at least; `None` before there is one.
    pub(crate) promise: Option<Promise>,
    /// There is nothing for now, and nobody is to wait.
    pub(crate) idle: bool,
}

/// Whether anything more comes by any input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    No,
    /// All have ended.
    Ended,
    /// Nothing more comes, and some have failed.
    Failed,
}

/// The inputs of a node, by number.
///
/// The promise is the minimum over the active, the resting, the restored, the held and those that have failed. If there
/// are none of these but some are catching up it stays as it is; if all are idle or ended it is the maximum, whatever the
/// order in which they became so. It never falls.
#[derive(Debug)]
pub(crate) struct Inputs {
    each: Vec<(InputState, Option<Promise>)>,
    promise: Option<Promise>,
    /// Those that lead into a loop, and came back when this had been promised there.
    entered: BTreeMap<usize, Promise>,
}

impl Inputs {
    /// So many inputs, all active and without a promise.
    pub(crate) fn new(count: usize) -> Self {
        let each = vec![(InputState::Active, None); count];
        Inputs { each, promise: None, entered: BTreeMap::new() }
    }

    /// Which node had promised this when its state was saved. Where `input` was then is not known: that of a
    /// loop is where its turns are, and any other may have been idle, and behind.
    pub(crate) fn restore(&mut self, promise: Promise, turns: impl Fn(usize) -> bool) {
        if broken(Broken::RestoredIsLevel) {
            return;
        }
        self.promise = Some(promise);
        for (input, (state, _)) in self.each.iter_mut().enumerate() {
            if *state == InputState::Active && !turns(input) {
                *state = InputState::Restored;
            }
        }
    }

    pub(crate) fn state(&self, input: usize) -> InputState {
        self.each[input].0
    }

    /// The input promises; a promise behind its last one changes nothing.
    pub(crate) fn promises(&mut self, input: usize, promise: Promise) {
        self.wakes(input);
        let promise = match self.entered.get(&input) {
            Some(entered) if entered.frontier == promise.frontier => promise.max(*entered),
            Some(entered) if entered.frontier < promise.frontier => {
                self.entered.remove(&input);
                promise
            }
            _ => promise,
        };
        let (state, at) = &mut self.each[input];
        *at = (*at).max(Some(promise));
        if matches!(state, InputState::CatchingUp | InputState::Restored) {
            let level = *at >= self.promise;
            *state = if level { InputState::Active } else { InputState::CatchingUp };
        }
    }

    /// The input has nothing for now.
    pub(crate) fn idles(&mut self, input: usize) {
        if self.brings_more(input) {
            self.each[input].0 = InputState::Idle;
        }
    }

    /// The input is one of a loop, and has nothing for now.
    pub(crate) fn rests(&mut self, input: usize) {
        self.idles(input);
        if self.state(input) == InputState::Idle && !broken(Broken::RestingIsIdle) {
            self.each[input].0 = InputState::Resting;
        }
    }

    /// The input is back.
    pub(crate) fn wakes(&mut self, input: usize) {
        let (state, at) = &mut self.each[input];
        if matches!(state, InputState::Idle | InputState::Resting | InputState::Held) {
            let behind = *at < self.promise && !broken(Broken::IdleComesBackLevel);
            *state = if behind { InputState::CatchingUp } else { InputState::Active };
        }
    }

    /// The input leads into a loop that has promised this, and comes back. Of the rounds of a time nothing is
    /// promised to what is outside: so what it brings of that time is not late, but goes in where the loop is.
    pub(crate) fn enters(&mut self, input: usize, promised: Promise) {
        if !broken(Broken::RoundsAreMissed) {
            self.entered.insert(input, self.promise.map_or(promised, |all| all.max(promised)));
        }
        match self.each[input].1 {
            Some(at) => self.promises(input, at),
            None => self.wakes(input),
        }
    }

    /// Where the loop was that the input leads into, if that is not past the time at which it came back.
    pub(crate) fn entered(&self, input: usize) -> Option<Stamp> {
        self.entered.get(&input).and_then(|entered| entered.stamp())
    }

    pub(crate) fn has_ended(&self, input: usize) -> bool {
        self.state(input) == InputState::Ended
    }

    /// Whether something may still come by the input, be it control.
    pub(crate) fn brings_more(&self, input: usize) -> bool {
        !matches!(self.state(input), InputState::Ended | InputState::Failed)
    }

    /// The input's producer is down or paused.
    pub(crate) fn holds(&mut self, input: usize) {
        if self.brings_more(input) && !broken(Broken::HeldIsIdle) {
            self.each[input].0 = InputState::Held;
        }
    }

    /// The input has no more records: what that makes of all of them.
    pub(crate) fn ends(&mut self, input: usize) -> Over {
        self.each[input].0 = InputState::Ended;
        self.over()
    }

    /// The input's producer has failed for good: what that makes of all of them.
    pub(crate) fn fails(&mut self, input: usize) -> Over {
        self.each[input].0 = InputState::Failed;
        self.over()
    }

    fn over(&self) -> Over {
        let mut inputs = 0..self.each.len();
        match () {
            () if inputs.any(|input| self.brings_more(input)) => Over::No,
            () if self.each.iter().any(|(state, _)| *state == InputState::Failed) => Over::Failed,
            () => Over::Ended,
        }
    }

    /// The earliest that this input may still bring; `None` when it has ended.
    pub(crate) fn may_bring(&self, input: usize) -> Option<Stamp> {
        let (state, at) = self.each[input];
        let stamp = || at.map_or(Some(Stamp::UNTIMED), Promise::stamp);
        (state != InputState::Ended).then(stamp).flatten()
    }

    /// Whether a record of this input is behind what has been promised for all.
    pub(crate) fn is_late(&self, input: usize, stamp: Stamp) -> bool {
        matches!(self.state(input), InputState::CatchingUp | InputState::Restored)
            && self.promise.max(self.entered.get(&input).copied()) > Some(stamp.into())
    }

    /// The promise as of now.
    pub(crate) fn outlook(&mut self) -> Outlook {
        use InputState::{Active, CatchingUp, Ended, Failed, Held, Idle, Resting, Restored};
        let of = |wanted: &[InputState]| {
            let wanted = wanted.to_vec();
            self.each.iter().filter(move |(state, _)| wanted.contains(state)).map(|(_, at)| *at)
        };
        let waited_for = of(&[Active, Resting, Restored, Held, Failed]).min();
        let catching_up = of(&[CatchingUp]).next().is_some();
        let ended = of(&[Ended]).count() == self.each.len();
        let idle = !catching_up && !ended && of(&[Active, Restored, Held, Failed]).next().is_none();
        let next = match waited_for {
            // `None` is the minimum: there is no promise before every one of them has one.
            Some(least) => least,
            None if catching_up => self.promise,
            None => of(&[Idle, Ended]).max().flatten(),
        };
        self.promise = self.promise.max(next);
        Outlook { promise: self.promise, idle }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Frontier, LogicalTime};

    fn at(time: i64) -> Promise {
        Frontier::At(LogicalTime(time)).into()
    }

    fn promise(inputs: &mut Inputs) -> Option<i64> {
        inputs.outlook().promise.and_then(Promise::stamp).map(|stamp| stamp.time.0)
    }

    #[test]
    fn none_before_every_active_input_has_one() {
        let mut inputs = Inputs::new(2);
        inputs.promises(0, at(5));
        assert_eq!(promise(&mut inputs), None);
        inputs.promises(1, at(3));
        assert_eq!(promise(&mut inputs), Some(3));
        inputs.promises(1, at(9));
        assert_eq!(promise(&mut inputs), Some(5));
        inputs.ends(0);
        assert_eq!(promise(&mut inputs), Some(9));
    }

    #[test]
    fn an_idle_input_that_comes_back_behind_is_late_until_it_is_level() {
        let mut inputs = Inputs::new(2);
        inputs.promises(0, at(5));
        inputs.promises(1, at(5));
        inputs.idles(1);
        inputs.promises(0, at(20));
        assert_eq!(promise(&mut inputs), Some(20));
        inputs.wakes(1);
        assert!(inputs.is_late(1, LogicalTime(19).into()));
        assert!(!inputs.is_late(1, LogicalTime(20).into()));
        inputs.promises(0, at(30));
        assert_eq!(promise(&mut inputs), Some(30));
        // The other one goes idle: the promise neither falls nor rises, and the node is not idle.
        inputs.idles(0);
        assert_eq!(inputs.outlook(), Outlook { promise: Some(at(30)), idle: false });
        inputs.promises(1, at(30));
        assert_eq!(inputs.state(1), InputState::Active);
        assert!(!inputs.is_late(1, LogicalTime(19).into()));
        inputs.promises(1, at(31));
        assert_eq!(promise(&mut inputs), Some(31));
    }

    #[test]
    fn the_order_in_which_inputs_go_idle_changes_nothing() {
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let mut inputs = Inputs::new(3);
            for (input, time) in [4, 9, 6].into_iter().enumerate() {
                inputs.promises(input, at(time));
            }
            for input in order {
                inputs.idles(input);
                inputs.outlook();
            }
            assert_eq!(inputs.outlook(), Outlook { promise: Some(at(9)), idle: true });
        }
    }

    #[test]
    fn a_held_input_is_waited_for() {
        let mut inputs = Inputs::new(2);
        inputs.promises(0, at(4));
        inputs.promises(1, at(4));
        inputs.holds(0);
        inputs.promises(1, at(50));
        assert_eq!(promise(&mut inputs), Some(4));
        inputs.idles(1);
        assert_eq!(inputs.outlook(), Outlook { promise: Some(at(4)), idle: false });
        // It goes on, as active as any, and what it brings is not late: nobody went on without it.
        inputs.wakes(0);
        assert_eq!(inputs.state(0), InputState::Active);
        assert!(!inputs.is_late(0, LogicalTime(3).into()));
    }

    /// One that was idle when its producer went down holds what is promised from then on, and is late
    /// by what was promised before.
    #[test]
    fn an_input_that_was_idle_is_held_where_it_finds_the_promise() {
        let mut inputs = Inputs::new(2);
        inputs.promises(0, at(4));
        inputs.promises(1, at(4));
        inputs.idles(0);
        inputs.promises(1, at(10));
        assert_eq!(promise(&mut inputs), Some(10));
        inputs.holds(0);
        inputs.promises(1, at(50));
        assert_eq!(inputs.outlook(), Outlook { promise: Some(at(10)), idle: false });
        inputs.wakes(0);
        assert_eq!(inputs.state(0), InputState::CatchingUp);
        assert!(inputs.is_late(0, LogicalTime(9).into()));
        assert_eq!(promise(&mut inputs), Some(50));
        // What has ended is not held.
        inputs.ends(0);
        inputs.holds(0);
        assert!(inputs.has_ended(0));
    }

    /// In a loop that rests one entry wakes: what it has sent comes round ahead of the loop's promise.
    #[test]
    fn what_rests_is_waited_for_and_is_idle_all_the_same() {
        let mut inputs = Inputs::new(2);
        inputs.promises(0, at(10));
        inputs.promises(1, at(10));
        inputs.rests(0);
        inputs.idles(1);
        assert_eq!(inputs.outlook(), Outlook { promise: Some(at(10)), idle: true });
        inputs.promises(1, at(20));
        assert_eq!(inputs.outlook(), Outlook { promise: Some(at(10)), idle: false });
        inputs.wakes(0);
        assert_eq!(inputs.state(0), InputState::Active);
        inputs.promises(0, at(15));
        assert_eq!(promise(&mut inputs), Some(15));
        // What has ended does not rest.
        inputs.ends(0);
        inputs.rests(0);
        assert!(inputs.has_ended(0));
    }

    /// Of the rounds of a time nothing is promised to what is outside of the loop.
    #[test]
    fn what_comes_back_into_a_loop_is_late_by_its_time_alone() {
        let round = |time, round| {
            let rounds = crate::time::Rounds([round, 0]);
            Promise { rounds, ..at(time) }
        };
        let late = |inputs: &Inputs, time| inputs.is_late(0, LogicalTime(time).into());
        let mut inputs = Inputs::new(2);
        inputs.promises(0, at(3));
        inputs.idles(0);
        inputs.promises(1, round(10, 1));
        assert_eq!(inputs.outlook().promise, Some(round(10, 1)));
        // The loop has promised more than what has come in by the other one.
        inputs.enters(0, round(12, 4));
        assert_eq!(inputs.state(0), InputState::CatchingUp);
        assert!(late(&inputs, 11));
        assert_eq!(inputs.entered(0), round(12, 4).stamp());
        inputs.promises(0, at(12));
        assert_eq!(inputs.state(0), InputState::Active);
        assert!(!late(&inputs, 11));
        inputs.promises(1, round(12, 7));
        assert_eq!(inputs.outlook().promise, Some(round(12, 4)));
        inputs.promises(0, at(13));
        assert_eq!((inputs.entered(0), inputs.outlook().promise), (None, Some(round(12, 7))));
        // One that had promised that time before is level at once.
        inputs.idles(0);
        inputs.enters(0, round(13, 2));
        assert_eq!(inputs.state(0), InputState::Active);
        assert_eq!(inputs.entered(0), round(13, 2).stamp());
    }

    /// After a restore all are waited for until they have said how far they are, and who is behind what had
    /// been promised is late until it is level.
    #[test]
    fn where_an_input_was_is_found_when_it_says_so_again() {
        let mut inputs = Inputs::new(4);
        inputs.restore(at(20), |input| input == 3);
        inputs.promises(0, at(50));
        inputs.promises(3, Promise::LOWEST);
        assert_eq!(inputs.state(3), InputState::Active);
        assert_eq!(inputs.outlook(), Outlook { promise: Some(at(20)), idle: false });
        assert!(inputs.is_late(1, LogicalTime(19).into()));
        assert!(!inputs.is_late(1, LogicalTime(20).into()));
        inputs.promises(3, at(50));
        inputs.promises(1, at(20));
        assert!(!inputs.is_late(1, LogicalTime(19).into()));
        assert_eq!(promise(&mut inputs), Some(20));
        inputs.promises(1, at(40));
        assert_eq!(promise(&mut inputs), Some(20));
        inputs.promises(2, at(7));
        assert_eq!((inputs.state(2), promise(&mut inputs)), (InputState::CatchingUp, Some(40)));
        // One that is idle and had promised nothing.
        let mut inputs = Inputs::new(2);
        inputs.restore(at(20), |_| false);
        inputs.idles(0);
        inputs.promises(1, at(30));
        assert_eq!(promise(&mut inputs), Some(30));
        inputs.wakes(0);
        assert!(inputs.is_late(0, LogicalTime(29).into()));
    }

    /// What one that has failed might have brought stays open, and nothing is as if it had ended.
    #[test]
    fn an_input_that_has_failed_is_never_an_end() {
        let mut inputs = Inputs::new(2);
        inputs.promises(0, at(4));
        inputs.promises(1, at(6));
        assert_eq!(inputs.fails(0), Over::No);
        inputs.promises(1, at(50));
        assert_eq!(promise(&mut inputs), Some(4));
        inputs.idles(0);
        inputs.holds(0);
        assert_eq!(inputs.state(0), InputState::Failed);
        inputs.idles(1);
        assert_eq!(inputs.outlook(), Outlook { promise: Some(at(4)), idle: false });
        assert_eq!(inputs.ends(1), Over::Failed);
        assert_eq!(promise(&mut inputs), Some(4));
    }

    /// Whatever happens, the promise never falls, and no input that is waited for is behind it.
    #[test]
    fn the_promise_is_kept() {
        let mut seed = 1_u64;
        let mut random = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % below
        };
        for _ in 0..500 {
            let mut inputs = Inputs::new(3);
            let mut last = None;
            let mut times = [0_i64; 3];
            for _ in 0..60 {
                let input = random(3) as usize;
                match random(5) {
                    0 => inputs.idles(input),
                    1 => inputs.wakes(input),
                    _ if inputs.state(input) == InputState::Ended => {}
                    2 if random(20) == 0 => {
                        inputs.ends(input);
                    }
                    _ => {
                        times[input] += random(10) as i64;
                        inputs.promises(input, at(times[input]));
                    }
                }
                let outlook = inputs.outlook();
                assert!(outlook.promise >= last);
                last = outlook.promise;
                for (input, time) in times.iter().enumerate() {
                    if inputs.state(input) == InputState::Active {
                        assert!(Some(at(*time)) >= last || last.is_none());
                    }
                }
            }
        }
    }
}
