//! Loops that wait: for the clock, for what a node holds, for idle entries.

use std::time::Duration;

use streamweave::nodes::{Late, merge, settle};
use streamweave::prelude::*;

use crate::Tested;

/// Sends a number back, one less, until it is zero.
#[node]
pub(crate) struct Less {
    #[input]
    numbers: i64,
    #[output]
    again: i64,
    #[output]
    done: u32,
}

impl LessHandlers for Less {
    fn on_numbers(&self, n: i64, out: &mut impl LessOut) -> NodeResult {
        if n > 0 {
            out.again(n - 1);
        } else {
            let round = out.rounds().of(0);
            out.done(round);
        }
        Ok(())
    }
}

/// Keeps each number for a second.
#[node]
pub(crate) struct Second {
    #[input]
    numbers: i64,
    #[input]
    back: i64,
    #[output]
    out: i64,
    #[state]
    kept: Value<Vec<i64>>,
}

impl Second {
    fn keep(&self, state: &mut SecondState, n: i64, out: &mut impl SecondOut) -> NodeResult {
        state.kept.get_mut().push(n);
        let at = TimerAt::Clock(out.now() + 1000);
        out.set_timer("second", at);
        Ok(())
    }
}

impl SecondHandlers for Second {
    fn on_numbers(&self, state: &mut SecondState, n: i64, out: &mut impl SecondOut) -> NodeResult {
        self.keep(state, n, out)
    }
    fn on_back(&self, state: &mut SecondState, n: i64, out: &mut impl SecondOut) -> NodeResult {
        self.keep(state, n, out)
    }
    fn on_timer(
        &self,
        state: &mut SecondState,
        _: Timer<()>,
        out: &mut impl SecondOut,
    ) -> NodeResult {
        for n in std::mem::take(state.kept.get_mut()) {
            out.out(n);
        }
        Ok(())
    }
}

fn at(time: i64) -> Option<Frontier> {
    Some(Frontier::At(LogicalTime(time)))
}

#[test]
fn a_timer_of_the_clock_holds_its_time() -> Tested {
    let graph = graph! {
        #[rounds(max = 100)] loop down { second: Second {}, less: Less {} },
        graph.numbers => second.numbers,
        second.out => less.numbers,
        less.again => feedback second.back,
        less.done => graph.done,
    };
    let mut run = graph.inline()?;
    run.inputs.numbers.try_send_at(LogicalTime(5), 3)?;
    run.inputs.numbers.advance(LogicalTime(9));
    for second in 0..4 {
        run.step()?;
        assert_eq!(run.outputs.done.try_recv_timed(), None, "after {second} seconds");
        assert!(run.outputs.done.frontier() <= at(5), "{:?}", run.outputs.done.frontier());
        run.advance(Duration::from_secs(1))?;
    }
    assert_eq!(run.outputs.done.try_recv_timed(), Some((Some(LogicalTime(5)), 3)));
    assert_eq!(run.outputs.done.try_recv_timed(), None);
    assert_eq!(run.outputs.done.frontier(), at(9));
    run.close_inputs()?.drain()?;
    Ok(())
}

/// Holds the time of the first number until it is told to let go.
#[node]
pub(crate) struct Holds {
    #[input]
    numbers: i64,
    #[input]
    let_go: (),
    #[output]
    out: i64,
    #[state]
    kept: Value<Option<(i64, i64)>>,
}

impl HoldsHandlers for Holds {
    fn on_numbers(&self, state: &mut HoldsState, n: i64, out: &mut impl HoldsOut) -> NodeResult {
        let time = out.time().ok_or("no time")?;
        out.hold(Some(time));
        *state.kept.get_mut() = Some((time.0, n));
        Ok(())
    }
    fn on_let_go(&self, state: &mut HoldsState, (): (), out: &mut impl HoldsOut) -> NodeResult {
        if let Some((time, n)) = state.kept.get_mut().take() {
            out.at(LogicalTime(time)).out(n);
            out.hold(None);
        }
        Ok(())
    }
}

#[test]
fn what_a_node_holds_is_waited_for() -> Tested {
    let graph = graph! {
        #[rounds(max = 100)] loop down { both: merge(), holds: Holds {}, less: Less {} },
        graph.numbers => both.left,
        both.out => holds.numbers,
        graph.let_go => holds.let_go,
        holds.out => less.numbers,
        less.again => feedback both.right,
        less.done => graph.done,
    };
    let mut run = graph.inline()?;
    run.inputs.numbers.try_send_at(LogicalTime(5), 0)?;
    run.inputs.numbers.advance(LogicalTime(20));
    run.inputs.let_go.advance(LogicalTime(20));
    run.step()?;
    assert_eq!(run.outputs.done.try_recv_timed(), None);
    assert_eq!(run.outputs.done.frontier(), at(5));
    run.inputs.let_go.try_send_at(LogicalTime(20), ())?;
    run.step()?;
    assert_eq!(run.outputs.done.try_recv_timed(), Some((Some(LogicalTime(5)), 0)));
    assert_eq!(run.outputs.done.try_recv_timed(), None);
    assert_eq!(run.outputs.done.frontier(), at(20));
    run.close_inputs()?.drain()?;
    Ok(())
}

/// Of a loop with two entries at different nodes, beside a stream that does not go through it.
macro_rules! with_two_entries {
    () => {
        graph! {
            #[rounds(max = 100)] loop down {
                first: merge(),
                second: merge(),
                less: Less {},
            },
            graph.one => first.left,
            first.out => second.left,
            graph.two => second.right,
            second.out => less.numbers,
            less.again => feedback first.right,
            less.done => all.left,
            all: merge(),
            graph.beside => all.right,
            all.out => graph.done,
        }
    };
}

#[test]
fn a_loop_does_not_wait_for_an_idle_entry() -> Tested {
    let mut run = with_two_entries!().inline()?;
    run.inputs.beside.advance(LogicalTime(100));
    run.inputs.one.try_send_at(LogicalTime(1), 4)?;
    run.inputs.one.advance(LogicalTime(10));
    run.inputs.two.advance(LogicalTime(3));
    run.step()?;
    assert_eq!(run.outputs.done.try_recv_timed(), Some((Some(LogicalTime(1)), 4)));
    assert_eq!(run.outputs.done.try_recv_timed(), None);
    assert_eq!(run.outputs.done.frontier(), at(3));
    run.inputs.two.idle();
    run.step()?;
    assert_eq!(run.outputs.done.try_recv_timed(), None);
    assert_eq!(run.outputs.done.frontier(), at(10));
    // It comes back behind: the loop takes that, and goes on once it is level.
    run.inputs.two.try_send_at(LogicalTime(4), 2)?;
    run.step()?;
    assert_eq!(run.outputs.done.try_recv_timed(), Some((Some(LogicalTime(4)), 2)));
    run.inputs.two.advance(LogicalTime(15));
    run.inputs.one.advance(LogicalTime(30));
    run.step()?;
    assert_eq!(run.outputs.done.try_recv_timed(), None);
    assert_eq!(run.outputs.done.frontier(), at(15));
    let mut run = run.close_inputs()?;
    assert_eq!(run.outputs.done.try_recv(), None);
    assert_eq!(run.outputs.done.frontier(), Some(Frontier::Ended));
    run.drain()?;
    Ok(())
}

#[test]
fn a_loop_is_idle_when_its_entries_are() -> Tested {
    for order in [[0, 1], [1, 0]] {
        let mut run = with_two_entries!().inline()?;
        run.inputs.beside.advance(LogicalTime(100));
        run.inputs.one.try_send_at(LogicalTime(1), 4)?;
        run.inputs.one.advance(LogicalTime(10));
        run.inputs.two.advance(LogicalTime(20));
        for entry in order {
            [&run.inputs.one, &run.inputs.two][entry].idle();
            run.step()?;
        }
        assert_eq!(run.outputs.done.try_recv_timed(), Some((Some(LogicalTime(1)), 4)));
        assert_eq!(run.outputs.done.try_recv_timed(), None);
        assert_eq!(run.outputs.done.frontier(), at(100), "the other input goes on alone");
        // One wakes with a record, the other with a promise.
        run.inputs.two.try_send_at(LogicalTime(150), 3)?;
        run.inputs.beside.advance(LogicalTime(200));
        run.step()?;
        assert_eq!(run.outputs.done.try_recv_timed(), Some((Some(LogicalTime(150)), 3)));
        assert_eq!(run.outputs.done.try_recv_timed(), None);
        run.inputs.one.advance(LogicalTime(210));
        run.inputs.two.advance(LogicalTime(220));
        run.step()?;
        run.inputs.beside.advance(LogicalTime(300));
        run.step()?;
        assert_eq!(run.outputs.done.try_recv_timed(), None);
        assert_eq!(run.outputs.done.frontier(), at(210), "the loop is waited for again");
        run.inputs.one.idle();
        run.inputs.two.idle();
        run.step()?;
        assert_eq!(run.outputs.done.try_recv_timed(), None);
        assert_eq!(run.outputs.done.frontier(), at(300));
        // An idle loop ends when its entries do.
        let mut run = run.close_inputs()?;
        assert_eq!(run.outputs.done.try_recv(), None);
        assert_eq!(run.outputs.done.frontier(), Some(Frontier::Ended));
        run.drain()?;
    }
    Ok(())
}

/// A loop that rests is at its promise until its turns have come round: also where what wakes it is
/// ahead of what it brought at once.
#[test]
pub(crate) fn a_loop_that_wakes_waits_for_what_goes_round() -> Tested {
    let graph = graph! {
        #[rounds(max = 100)] loop down { both: merge(), less: Less {} },
        in_time: settle(Late::Aside),
        graph.numbers => both.left,
        both.out => less.numbers,
        less.again => feedback both.right,
        less.done => in_time.input,
        in_time.out => graph.done,
    };
    let mut run = graph.inline()?;
    run.inputs.numbers.advance(LogicalTime(10));
    run.inputs.numbers.idle();
    run.step()?;
    assert_eq!(run.outputs.done.try_recv_timed(), None);
    assert_eq!(run.outputs.done.frontier(), at(10));
    run.inputs.numbers.try_send_at(LogicalTime(12), 3)?;
    run.inputs.numbers.advance(LogicalTime(20));
    run.step()?;
    assert_eq!(run.outputs.done.try_recv_timed(), Some((Some(LogicalTime(12)), 3)));
    assert_eq!(run.outputs.done.try_recv_timed(), None);
    assert_eq!(run.outputs.done.frontier(), at(20));
    run.close_inputs()?.drain()?;
    Ok(())
}

/// Of a loop in which numbers may be held behind one entry, and before another one.
macro_rules! that_holds {
    () => {
        graph! {
            #[rounds(max = 100)] loop down {
                first: merge(),
                holds: Holds {},
                second: merge(),
                less: Less {},
            },
            in_time: settle(Late::Aside),
            graph.one => first.left,
            first.out => holds.numbers,
            graph.let_go => holds.let_go,
            holds.out => second.left,
            graph.two => second.right,
            second.out => less.numbers,
            less.again => feedback first.right,
            less.done => in_time.input,
            in_time.out => graph.done,
        }
    };
}

/// A turn that waits for one entry has gone by another one, which was idle: what that brings meanwhile is not
/// in what the turn has found, and is waited for all the same.
#[test]
pub(crate) fn what_an_entry_brings_behind_a_turn_is_waited_for() -> Tested {
    let mut run = that_holds!().inline()?;
    run.inputs.one.advance(LogicalTime(3));
    run.inputs.one.idle();
    run.inputs.two.advance(LogicalTime(12));
    run.inputs.let_go.advance(LogicalTime(40));
    run.step()?;
    assert_eq!(run.outputs.done.try_recv_timed(), None);
    assert_eq!(run.outputs.done.frontier(), at(12));
    run.inputs.one.try_send_at(LogicalTime(13), 1)?;
    run.inputs.one.advance(LogicalTime(40));
    run.step()?;
    run.inputs.two.advance(LogicalTime(40));
    run.step()?;
    assert_eq!(run.outputs.done.try_recv_timed(), None);
    assert_eq!(run.outputs.done.frontier(), at(13));
    // Once to go round, once to leave.
    for _ in 0..2 {
        run.inputs.let_go.try_send_at(LogicalTime(40), ())?;
        run.step()?;
    }
    assert_eq!(run.outputs.done.try_recv_timed(), Some((Some(LogicalTime(13)), 1)));
    assert_eq!(run.outputs.done.try_recv_timed(), None);
    assert_eq!(run.outputs.done.frontier(), at(40));
    run.close_inputs()?.drain()?;
    Ok(())
}

/// Rounds are the loop's own: what an entry that was idle brings of the time that the loop has promised is not
/// late, however many rounds of that are over; it goes in where the loop is.
#[test]
pub(crate) fn what_comes_back_at_the_time_that_is_promised_is_not_late() -> Tested {
    for all_idle in [false, true] {
        for promises in [false, true] {
            let graph = graph! {
                #[rounds(max = 100)] loop down {
                    first: merge(),
                    in_time: settle(Late::Aside),
                    second: merge(),
                    less: Less {},
                },
                graph.one => first.left,
                first.out => in_time.input,
                in_time.out => second.left,
                graph.two => second.right,
                second.out => less.numbers,
                less.again => feedback first.right,
                less.done => graph.done,
            };
            let mut run = graph.inline()?;
            run.inputs.one.advance(LogicalTime(12));
            run.inputs.one.idle();
            run.inputs.two.try_send_at(LogicalTime(12), 3)?;
            run.inputs.two.advance(LogicalTime(12));
            if all_idle {
                run.step()?;
                run.inputs.two.idle();
            }
            run.step()?;
            assert_eq!(run.outputs.done.try_recv_timed(), Some((Some(LogicalTime(12)), 3)));
            assert_eq!(run.outputs.done.try_recv_timed(), None);
            assert_eq!(run.outputs.done.frontier(), at(12));
            if promises {
                run.inputs.one.advance(LogicalTime(12));
            }
            for _ in 0..2 {
                run.inputs.one.try_send_at(LogicalTime(12), 1)?;
                run.step()?;
                let left = run.outputs.done.try_recv_timed();
                assert!(
                    matches!(left, Some((Some(LogicalTime(12)), round)) if round > 1),
                    "{left:?}"
                );
            }
            // What is before it is late, and what is after it begins anew.
            run.inputs.one.advance(LogicalTime(20));
            run.inputs.two.advance(LogicalTime(20));
            run.inputs.one.try_send_at(LogicalTime(20), 1)?;
            run.step()?;
            assert_eq!(run.outputs.done.try_recv_timed(), Some((Some(LogicalTime(20)), 1)));
            assert_eq!(run.outputs.done.try_recv_timed(), None);
            assert_eq!(run.outputs.done.frontier(), at(20));
            run.close_inputs()?.drain()?;
        }
    }
    Ok(())
}

/// A loop that is restored waits for entries that say nothing yet, and stands still meanwhile.
#[test]
fn a_restored_loop_waits_for_its_entries() -> Tested {
    let mut run = with_two_entries!().inline()?;
    run.inputs.beside.advance(LogicalTime(100));
    run.inputs.one.advance(LogicalTime(10));
    run.inputs.two.advance(LogicalTime(20));
    run.step()?;
    assert_eq!(run.outputs.done.try_recv_timed(), None);
    assert_eq!(run.outputs.done.frontier(), at(10));
    let cut = run.cut()?;
    let mut graph = with_two_entries!();
    graph.restore(&cut)?;
    let mut run = graph.inline()?;
    run.inputs.beside.advance(LogicalTime(100));
    run.step()?;
    assert_eq!(run.outputs.done.try_recv_timed(), None);
    assert!(run.outputs.done.frontier() <= at(10), "{:?}", run.outputs.done.frontier());
    run.inputs.two.advance(LogicalTime(30));
    run.step()?;
    assert_eq!(run.outputs.done.try_recv_timed(), None);
    assert!(run.outputs.done.frontier() <= at(10), "{:?}", run.outputs.done.frontier());
    run.inputs.one.try_send_at(LogicalTime(10), 2)?;
    run.inputs.one.advance(LogicalTime(40));
    run.step()?;
    assert_eq!(run.outputs.done.try_recv_timed(), Some((Some(LogicalTime(10)), 2)));
    assert_eq!(run.outputs.done.try_recv_timed(), None);
    assert_eq!(run.outputs.done.frontier(), at(30));
    run.close_inputs()?.drain()?;
    Ok(())
}
