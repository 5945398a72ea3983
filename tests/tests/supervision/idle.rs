//! Stages that had nothing to do when they went down: they are waited for meanwhile, and not idle
//! when they are up again.

use std::time::Duration;

use streamweave::Alignment;
use streamweave::nodes::{Late, event_time_by, map, merge, settle};
use streamweave::prelude::*;

use crate::Tested;
use crate::bomb::Bomb;

/// Passes on, and looks at the clock three seconds after each record. Nobody waits for it when
/// nothing has come for a while.
#[node]
pub(crate) struct Quiet {
    #[input]
    input: i64,
    #[output]
    out: i64,
    pub(crate) idle_after: u64,
    pub(crate) bomb: Bomb,
}

impl QuietHandlers for Quiet {
    fn on_start(&self, out: &mut impl QuietOut) -> NodeResult {
        out.idle_after(Duration::from_secs(self.idle_after));
        Ok(())
    }
    fn on_input(&self, n: i64, out: &mut impl QuietOut) -> NodeResult {
        let at = TimerAt::Clock(out.now() + 3000);
        out.set_timer("look", at);
        out.out(n);
        Ok(())
    }
    fn on_timer(&self, _: Timer<()>, _: &mut impl QuietOut) -> NodeResult {
        self.bomb.touch()
    }
}

macro_rules! beside_others {
    ($idle_after:expr) => {
        graph! {
            #[restart(max = 1, backoff = "8s")]
            quiet: Quiet { idle_after: $idle_after, bomb: Bomb::at(0, false) },
            both: merge(),
            graph.numbers => quiet.input,
            quiet.out => both.left,
            graph.others => both.right,
            both.out => graph.out,
        }
    };
}

fn at(time: i64) -> Option<Frontier> {
    Some(Frontier::At(LogicalTime(time)))
}

/// What is promised when all that has come out was read.
macro_rules! promised {
    ($run:expr) => {{
        $run.step()?;
        while $run.outputs.out.try_recv().is_some() {}
        $run.outputs.out.frontier()
    }};
}

#[test]
pub(crate) fn who_goes_down_while_idle_is_waited_for() -> Tested {
    let mut run = beside_others!(1).inline()?;
    run.inputs.numbers.try_send_at(LogicalTime(5), 5)?;
    run.inputs.numbers.advance(LogicalTime(5));
    run.inputs.others.advance(LogicalTime(10));
    assert_eq!(promised!(run), at(5));
    run.advance(Duration::from_secs(1))?;
    assert_eq!(promised!(run), at(10), "nobody waits for it");
    // The timer fails: it is down for four to eight seconds.
    run.advance(Duration::from_secs(2))?;
    run.inputs.others.advance(LogicalTime(50));
    assert_eq!(promised!(run), at(10), "it is down, and waited for");
    run.advance(Duration::from_secs(3))?;
    assert_eq!(promised!(run), at(10), "it is down, and waited for");
    // It is up again, and behind: the others go on, and what it brings until it is level is late.
    run.advance(Duration::from_secs(5))?;
    assert_eq!(promised!(run), at(50));
    run.inputs.numbers.try_send_at(LogicalTime(60), 60)?;
    run.inputs.numbers.advance(LogicalTime(60));
    assert_eq!(promised!(run), at(50));
    run.inputs.others.advance(LogicalTime(70));
    assert_eq!(promised!(run), at(60), "it is as any other");
    run.close_inputs()?.drain()?;
    Ok(())
}

#[test]
fn the_time_for_which_it_was_down_is_no_idle_time() -> Tested {
    let mut run = beside_others!(5).inline()?;
    run.inputs.numbers.try_send_at(LogicalTime(5), 5)?;
    run.inputs.numbers.advance(LogicalTime(5));
    run.inputs.others.advance(LogicalTime(50));
    assert_eq!(promised!(run), at(5));
    // It goes down after three seconds, and is up again after seven to eleven.
    run.advance(Duration::from_secs(3))?;
    run.advance(Duration::from_secs(8))?;
    assert_eq!(promised!(run), at(5), "it has been up for less than five seconds");
    run.advance(Duration::from_secs(5))?;
    assert_eq!(promised!(run), at(50));
    run.close_inputs()?.drain()?;
    Ok(())
}

/// So do streams that are aligned with what goes down, also where that had been idle.
#[test]
fn who_is_down_is_waited_for_by_those_that_are_aligned() -> Tested {
    let together = Alignment::within(Duration::from_millis(10));
    let times = || event_time_by(|n: &i64| LogicalTime(*n)).align(&together);
    let graph = graph! {
        #[restart(max = 1, backoff = "8s")]
        group slow one_for_all {
            times: times().idle_after(Duration::from_secs(1)),
            quiet: Quiet { idle_after: 100, bomb: Bomb::at(0, false) },
        },
        fast: times(),
        graph.numbers => times.input,
        times.out => quiet.input,
        quiet.out => graph.slow,
        graph.others => fast.input,
        fast.out => graph.fast,
    };
    let mut run = graph.inline()?;
    let mut next = 99;
    // Whether one more is taken in.
    macro_rules! goes_on {
        () => {{
            next += 1;
            run.inputs.others.try_send(next)?;
            run.step()?;
            std::iter::from_fn(|| run.outputs.fast.try_recv()).last() == Some(next)
        }};
    }
    run.inputs.numbers.try_send(5)?;
    assert!(goes_on!());
    assert!(!goes_on!(), "the slow one is behind");
    run.advance(Duration::from_secs(1))?;
    assert!(goes_on!(), "it is idle");
    // The timer fails: it is down for four to eight seconds.
    run.advance(Duration::from_secs(2))?;
    assert!(!goes_on!(), "it is down");
    run.advance(Duration::from_secs(3))?;
    assert!(!goes_on!(), "it is down");
    // It is up again, and nothing has come for a second.
    run.advance(Duration::from_secs(8))?;
    run.advance(Duration::from_secs(1))?;
    assert!(goes_on!());
    Ok(())
}

/// Passes on, and fails once.
#[node]
struct Passes {
    #[input]
    input: i64,
    #[output]
    out: i64,
    bomb: Bomb,
}

impl PassesHandlers for Passes {
    fn on_input(&self, n: i64, out: &mut impl PassesOut) -> NodeResult {
        self.bomb.touch()?;
        out.out(n);
        Ok(())
    }
}

/// The clock of what is behind it, in the next stage or further on, stands while it is down.
#[test]
fn what_is_behind_who_is_down_is_not_idle_meanwhile() -> Tested {
    let graph = graph! {
        #[restart(max = 1, backoff = "8s")]
        passes: Passes { bomb: Bomb::at(1, false) },
        same: map(|n: i64| n),
        times: event_time_by(|n: &i64| LogicalTime(*n)).idle_after(Duration::from_secs(2)),
        both: merge(),
        graph.numbers => passes.input,
        passes.out => same.input,
        #[boundary]
        same.out => times.input,
        times.out => both.left,
        graph.others => both.right,
        both.out => graph.out,
    };
    let mut run = graph.inline()?;
    run.inputs.numbers.try_send(5)?;
    run.inputs.others.advance(LogicalTime(50));
    assert_eq!(promised!(run), at(5));
    // It goes down after a second, for four to eight.
    run.advance(Duration::from_secs(1))?;
    run.inputs.numbers.try_send(6)?;
    run.step()?;
    run.advance(Duration::from_millis(3999))?;
    assert_eq!(promised!(run), at(5), "what has been sent is before who is down");
    run.advance(Duration::from_millis(4001))?;
    assert_eq!(promised!(run), at(6));
    run.advance(Duration::from_secs(2))?;
    assert_eq!(promised!(run), at(50));
    run.close_inputs()?.drain()?;
    Ok(())
}

/// Sends a number back, one less, until it is zero.
#[node]
struct Less {
    #[input]
    numbers: i64,
    #[output]
    again: i64,
    #[output]
    done: i64,
}

impl LessHandlers for Less {
    fn on_numbers(&self, n: i64, out: &mut impl LessOut) -> NodeResult {
        if n > 0 {
            out.again(n - 1);
        } else {
            out.done(n);
        }
        Ok(())
    }
}

/// So does a loop that one leads into, which stands still meanwhile.
#[test]
fn a_loop_waits_for_who_goes_down_while_idle() -> Tested {
    let graph = graph! {
        #[restart(max = 1, backoff = "8s")]
        quiet: Quiet { idle_after: 1, bomb: Bomb::at(0, false) },
        #[rounds(max = 100)] loop down {
            first: merge(),
            in_time: settle(Late::Aside),
            second: merge(),
            less: Less {},
        },
        graph.numbers => quiet.input,
        quiet.out => first.left,
        first.out => in_time.input,
        in_time.out => second.left,
        graph.others => second.right,
        second.out => less.numbers,
        less.again => feedback first.right,
        less.done => graph.out,
    };
    let mut run = graph.inline()?;
    run.inputs.numbers.try_send_at(LogicalTime(5), 5)?;
    run.inputs.numbers.advance(LogicalTime(5));
    run.inputs.others.advance(LogicalTime(10));
    assert_eq!(promised!(run), at(5));
    run.advance(Duration::from_secs(1))?;
    assert_eq!(promised!(run), at(10));
    // The timer fails: it is down for four to eight seconds.
    run.advance(Duration::from_secs(2))?;
    run.inputs.others.advance(LogicalTime(50));
    assert_eq!(promised!(run), at(10), "it is down, and waited for");
    // It is up again, and past what had been promised when it went down.
    run.advance(Duration::from_secs(8))?;
    assert_eq!(promised!(run), at(10));
    run.inputs.numbers.try_send_at(LogicalTime(20), 2)?;
    run.inputs.numbers.advance(LogicalTime(20));
    run.step()?;
    assert_eq!(run.outputs.out.try_recv_timed(), Some((Some(LogicalTime(20)), 0)));
    assert_eq!(promised!(run), at(20));
    run.advance(Duration::from_secs(1))?;
    assert_eq!(promised!(run), at(50));
    run.close_inputs()?.drain()?;
    Ok(())
}
