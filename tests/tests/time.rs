//! Times, frontiers and progress: what arrives where, and what is promised about it.
#![allow(missing_docs, missing_debug_implementations, unreachable_pub, reason = "test nodes")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use streamweave::node::TimeError;
use streamweave::nodes::timing::EventTime;
use streamweave::nodes::window::{self, Tumbling, window_all};
use streamweave::nodes::{
    Late, delay, event_time_by, from_iter, from_stream, in_order_by, map, merge, messages, settle,
    temporal_join,
};
use streamweave::prelude::*;
use streamweave::state::KeyedList;
use streamweave::{Alignment, StreamMessage, Timestamped};

type Tested = Result<(), Box<dyn std::error::Error>>;

streamweave_tests::broken_variants! {
    BehindOwnPromise => what_is_sent_behind_a_promise_of_ones_own;
    IdleComesBackLevel => what_an_idle_input_brings_back_behind_the_frontier_is_late;
    SilentSplitIsForgotten => known_splits_are_waited_for;
    SlowRecordStopsClock => a_slow_record_does_not_stop_the_clock;
    KeylessTimerIsForgotten => a_timer_without_a_key_fails;
    EndedSplitHolds => splits_that_end_or_say_nothing_are_not_waited_for;
    IdleBehindStalled => the_idle_clock_stands_while_what_comes_waits_further_up;
    IdleUnderBackpressure => a_quiet_stream_is_idle_by_the_clock_but_not_while_it_is_blocked;
}

/// Keeps each number until the frontier is past the end of its ten, then sends it.
#[node(key = i64)]
pub struct Tens {
    #[input(key = |n| n.div_euclid(10))]
    numbers: i64,
    #[output]
    out: i64,
    #[state]
    kept: KeyedList<i64, i64>,
}

impl TensHandlers for Tens {
    fn on_numbers(&self, state: &mut TensState, n: i64, out: &mut impl TensOut) -> NodeResult {
        let ten = n.div_euclid(10);
        state.kept.entry(ten).push(n);
        out.set_timer("end", TimerAt::Event(LogicalTime(ten * 10 + 9)));
        Ok(())
    }
    fn on_timer(
        &self,
        state: &mut TensState,
        timer: Timer<i64>,
        out: &mut impl TensOut,
    ) -> NodeResult {
        let mut kept = state.kept.entry(timer.key);
        while let Some(n) = kept.pop_front() {
            out.out(n);
        }
        Ok(())
    }
}

/// Everything that is in the output now, with times.
fn read<T: Send + 'static>(output: &mut streamweave::graph::Output<T>) -> Vec<(Option<i64>, T)> {
    std::iter::from_fn(|| output.try_recv_timed())
        .map(|(time, record)| (time.map(|time| time.0), record))
        .collect()
}

fn at(time: i64) -> Option<Frontier> {
    Some(Frontier::At(LogicalTime(time)))
}

#[test]
fn times_travel_beside_records_and_frontiers_behind_what_they_make_due() -> Tested {
    for records in [1, 2, 1000] {
        let graph = graph! {
            times: in_order_by(|n: &i64| LogicalTime(*n)),
            tens: Tens {},
            next: map(|n: i64| n + 1),
            graph.numbers => times.input,
            times.out => tens.numbers,
            #[buffer(records)]
            tens.out => next.input,
            next.out => graph.out,
        };
        let mut run = graph.inline()?;
        for n in [-3, 1, 4, 12] {
            run.inputs.numbers.try_send(n)?;
            run.step()?;
        }
        assert_eq!(read(&mut run.outputs.out), [(Some(-1), -2), (Some(9), 2), (Some(9), 5)]);
        assert_eq!(run.outputs.out.frontier(), at(12));
        let mut run = run.close_inputs()?;
        assert_eq!(read(&mut run.outputs.out), [(Some(19), 13)]);
        assert_eq!(run.outputs.out.frontier(), Some(Frontier::Ended));
    }
    Ok(())
}

#[test]
fn what_is_behind_an_estimate_is_late_whatever_the_batches() -> Tested {
    let numbers = [10_i64, 30, 12, 25, 9, 40, 35, 20];
    for batch in 1..=numbers.len() {
        let graph = graph! {
            times: event_time_by(|n: &i64| LogicalTime(*n)).disorder(Duration::from_millis(10)),
            settled: settle(Late::Aside),
            graph.numbers => times.input,
            times.out => settled.input,
            settled.out => graph.out,
            settled.late => graph.late,
        };
        let mut run = graph.inline()?;
        for batch in numbers.chunks(batch) {
            for n in batch {
                run.inputs.numbers.try_send(*n)?;
            }
            run.step()?;
        }
        let out: Vec<_> = [10, 30, 25, 40, 35].map(|n| (Some(n), n)).into();
        assert_eq!(read(&mut run.outputs.out), out, "in batches of {batch}");
        let late: Vec<_> = [12, 9, 20].map(|n| (Some(n), n)).into();
        assert_eq!(read(&mut run.outputs.late), late);
        assert_eq!(run.outputs.out.frontier(), at(30));
    }
    Ok(())
}

/// A reading: when, and what all later ones are behind, where it says so.
type Reading = (i64, Option<i64>);

fn punctuated(
    times: impl FnOnce(
        EventTime<Reading, fn(&Reading) -> LogicalTime>,
    ) -> EventTime<Reading, fn(&Reading) -> LogicalTime>,
) -> EventTime<Reading, fn(&Reading) -> LogicalTime> {
    let time: fn(&Reading) -> LogicalTime = |reading| LogicalTime(reading.0);
    times(event_time_by(time).punctuated(|reading| reading.1.map(LogicalTime)))
}

#[test]
fn punctuations_alone_raise_the_frontier() -> Tested {
    let graph = graph! {
        times: punctuated(|times| times),
        settled: settle(Late::Aside),
        graph.readings => times.input,
        times.out => settled.input,
        settled.out => graph.out,
        settled.late => graph.late,
    };
    let mut run = graph.inline()?;
    let expected = [None, None, at(7), at(7), at(7), at(12)];
    let readings = [(5, None), (90, None), (8, Some(7)), (6, None), (95, Some(3)), (12, Some(12))];
    for (reading, expected) in readings.into_iter().zip(expected) {
        run.inputs.readings.try_send(reading)?;
        run.step()?;
        while run.outputs.out.try_recv().is_some() {}
        assert_eq!(run.outputs.out.frontier(), expected, "behind {reading:?}");
    }
    assert_eq!(read(&mut run.outputs.late), [(Some(6), (6, None))]);
    Ok(())
}

/// A promise that falls behind an earlier one is not what is saved: others would wait for the stream.
#[test]
fn punctuations_that_fall_back_change_nothing() -> Tested {
    let make = || {
        let together = Alignment::within(Duration::from_millis(10));
        let times = || punctuated(|times| times.align(&together));
        graph! {
            a: times(), b: times(),
            graph.a => a.input,
            graph.b => b.input,
            a.out => graph.a,
            b.out => graph.b,
        }
    };
    let mut run = make().inline()?;
    for reading in [(100, Some(100)), (101, Some(5))] {
        run.inputs.a.try_send(reading)?;
        run.inputs.b.try_send((100, Some(100)))?;
        run.step()?;
    }
    let mut graph = make();
    graph.restore(&run.snapshot()?)?;
    let mut run = graph.inline()?;
    for time in [105, 106] {
        run.inputs.b.try_send((time, Some(time)))?;
        run.step()?;
        assert_eq!(read(&mut run.outputs.b), [(Some(time), (time, Some(time)))]);
    }
    Ok(())
}

/// The latest time goes on with the clock; a record behind that is not the latest.
#[test]
fn a_slow_record_does_not_stop_the_clock() -> Tested {
    let seconds = Duration::from_secs;
    let graph = graph! {
        times: event_time_by(|n: &i64| LogicalTime(*n))
            .disorder(seconds(5))
            .clocked(Duration::from_millis(1)),
        graph.numbers => times.input,
        times.out => graph.out,
    };
    let mut run = graph.inline()?;
    // A record, or none; how much the clock then goes on, and the frontier behind that.
    let steps = [
        (7_000, 2, 4_000),
        (8_000, 1, 5_000),
        // It is the latest one, and the clock counts from here on.
        (11_000, 0, 6_000),
        (10_500, 3, 9_000),
    ];
    for (record, wait, expected) in steps {
        run.inputs.numbers.try_send(record)?;
        run.step()?;
        run.advance(seconds(wait))?;
        read(&mut run.outputs.out);
        assert_eq!(run.outputs.out.frontier(), at(expected), "behind {record}");
    }
    Ok(())
}

#[test]
fn options_that_would_mean_nothing_are_refused() -> Tested {
    type Times = EventTime<Reading, fn(&Reading) -> LogicalTime>;
    let second = Duration::from_secs(1);
    let split: fn(&Reading) -> u64 = |reading| reading.0 as u64;
    let plain = || event_time_by((|reading| LogicalTime(reading.0)) as fn(&Reading) -> _);
    let refused: [(&str, Times); 9] = [
        ("disorder", punctuated(|times| times.disorder(second))),
        ("every", punctuated(|times| times.every(2))),
        ("step", punctuated(|times| times.step(second))),
        ("per_split", punctuated(|times| times.per_split(split))),
        ("clocked", punctuated(|times| times.clocked(second))),
        ("abandon", plain().abandon(second)),
        ("splits", plain().splits([1, 2])),
        ("split_ended", plain().split_ended(|reading| reading.1.is_some())),
        ("split_idle_after", plain().split_idle_after(second)),
    ];
    for (option, times) in refused {
        let graph = graph! {
            times: times,
            graph.readings => times.input,
            times.out => graph.out,
        };
        let mut run = graph.inline()?;
        run.inputs.readings.try_send((1, None))?;
        let error = run.step().unwrap_err().to_string();
        assert!(error.contains(&format!("`{option}`")), "{error}");
        assert!(run.outputs.out.try_recv().is_none());
    }
    Ok(())
}

/// Records that the frontier does not wait for are not left out of it for ever.
#[test]
fn a_frontier_that_rises_now_and_then_is_not_behind_when_the_stream_is_idle() -> Tested {
    let graph = graph! {
        times: event_time_by(|n: &i64| LogicalTime(*n))
            .disorder(Duration::from_millis(2))
            .every(4)
            .idle_after(Duration::from_secs(1)),
        tens: Tens {},
        graph.numbers => times.input,
        times.out => tens.numbers,
        tens.out => graph.out,
    };
    let mut run = graph.inline()?;
    for n in [1, 3, 5, 7, 24, 22] {
        run.inputs.numbers.try_send(n)?;
    }
    run.step()?;
    assert_eq!(read(&mut run.outputs.out), []);
    assert_eq!(run.outputs.out.frontier(), at(5));
    run.advance(Duration::from_secs(1))?;
    assert_eq!(read(&mut run.outputs.out), [1, 3, 5, 7].map(|n| (Some(9), n)));
    assert_eq!(run.outputs.out.frontier(), at(22));
    run.close_inputs()?.drain()?;
    Ok(())
}

/// What is fed behind a promise is told, not left out.
#[test]
fn what_is_fed_behind_a_promise_stops_the_graph() -> Tested {
    let graph = graph! {
        next: map(|n: i64| n + 1),
        graph.numbers => next.input,
        next.out => graph.out,
    };
    let (inputs, outputs, mut run) = graph.inline()?.split();
    let out = run.capture(outputs.out);
    let at = |time| StreamMessage::Data(Timestamped { time: LogicalTime(time), data: time });
    let messages = [at(3), StreamMessage::Watermark(LogicalTime(5)), at(5), at(4), at(6)];
    run.feed_messages(inputs.numbers, messages);
    let error = run.step().unwrap_err().to_string();
    assert!(error.contains("feed of") && error.contains("is behind 5"), "{error}");
    assert!(!out.has_ended());
    Ok(())
}

/// The same where steps end at full outboxes, with more records than there is room for.
#[test]
fn what_is_behind_an_estimate_is_late_however_full_the_outboxes() -> Tested {
    let mut seed = 7_u64;
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % below
    };
    let numbers: Vec<i64> = (0..20_000).map(|n| n - random(13) as i64).collect();
    let mut latest = i64::MIN;
    let (mut expected, mut late) = (Vec::new(), Vec::new());
    for n in &numbers {
        latest = latest.max(*n);
        if *n >= latest - 10 { expected.push(*n) } else { late.push(*n) }
    }
    for room in [1, 7, 100, 2048] {
        let graph = graph! {
            numbers: from_iter(numbers.clone()),
            times: event_time_by(|n: &i64| LogicalTime(*n)).disorder(Duration::from_millis(10)),
            settled: settle(Late::Aside),
            numbers.out => times.input,
            times.out => settled.input,
            #[buffer(room)]
            settled.out => graph.out,
            settled.late => graph.late,
        };
        let mut run = graph.inline()?;
        let (mut got, mut got_late) = (Vec::new(), Vec::new());
        while got.len() < expected.len() || got_late.len() < late.len() {
            run.step()?;
            let before = got.len() + got_late.len();
            got.extend(read(&mut run.outputs.out).into_iter().map(|(_, n)| n));
            got_late.extend(read(&mut run.outputs.late).into_iter().map(|(_, n)| n));
            assert!(got.len() + got_late.len() > before, "{} and {}", got.len(), got_late.len());
        }
        assert!(got == expected && got_late == late, "with room for {room}");
    }
    Ok(())
}

#[test]
fn late_records_can_get_the_time_of_the_frontier() -> Tested {
    let graph = graph! {
        times: event_time_by(|n: &i64| LogicalTime(*n)),
        settled: settle(Late::Restamp),
        graph.numbers => times.input,
        times.out => settled.input,
        settled.out => graph.out,
    };
    let mut run = graph.inline()?;
    for n in [5, 9, 7, 11] {
        run.inputs.numbers.try_send(n)?;
    }
    run.step()?;
    let expected = [(Some(5), 5), (Some(9), 9), (Some(9), 7), (Some(11), 11)];
    assert_eq!(read(&mut run.outputs.out), expected);
    Ok(())
}

/// As long as one that was idle is catching up, what the others have promised before they were idle does
/// not count.
#[test]
fn nobody_goes_on_while_the_last_one_catches_up() -> Tested {
    let graph = graph! {
        both: merge(),
        graph.one => both.left,
        graph.two => both.left,
        graph.three => both.right,
        both.out => graph.out,
    };
    let mut run = graph.inline()?;
    for (input, to) in [(&run.inputs.one, 5), (&run.inputs.two, 50), (&run.inputs.three, 20)] {
        input.advance(LogicalTime(to));
    }
    run.step()?;
    run.inputs.one.idle();
    run.step()?;
    assert_eq!(read(&mut run.outputs.out), []);
    assert_eq!(run.outputs.out.frontier(), at(20));
    run.inputs.one.try_send_at(LogicalTime(10), 10)?;
    run.step()?;
    assert_eq!(read(&mut run.outputs.out), [(Some(10), 10)]);
    run.inputs.two.idle();
    run.inputs.three.idle();
    run.step()?;
    assert_eq!(read(&mut run.outputs.out), []);
    assert_eq!(run.outputs.out.frontier(), at(20));
    run.inputs.one.advance(LogicalTime(30));
    run.step()?;
    assert_eq!(read(&mut run.outputs.out), []);
    assert_eq!(run.outputs.out.frontier(), at(30));
    run.inputs.one.idle();
    run.step()?;
    assert_eq!(read(&mut run.outputs.out), []);
    assert_eq!(run.outputs.out.frontier(), at(50));
    Ok(())
}

/// Sends each number one too early, or holds the frontier first.
#[node]
pub struct Early {
    #[input]
    numbers: i64,
    #[output]
    out: i64,
    hold: bool,
}

impl EarlyHandlers for Early {
    fn on_start(&self, out: &mut impl EarlyOut) -> NodeResult {
        if self.hold {
            out.hold(Some(LogicalTime(0)));
        }
        Ok(())
    }
    fn on_numbers(&self, n: i64, out: &mut impl EarlyOut) -> NodeResult {
        out.at(LogicalTime(n - 1)).out(n);
        if self.hold {
            out.hold(Some(LogicalTime(n)));
        }
        Ok(())
    }
}

#[test]
fn sending_behind_the_frontier_is_an_error_unless_it_was_held() -> Tested {
    let early = |hold| {
        graph! {
            early: Early { hold },
            graph.numbers => early.numbers,
            early.out => graph.out,
        }
    };
    let mut run = early(false).inline()?;
    run.inputs.numbers.try_send_at(LogicalTime(5), 5)?;
    run.inputs.numbers.advance(LogicalTime(6));
    run.inputs.numbers.try_send_at(LogicalTime(6), 6)?;
    let error = run.step().unwrap_err().to_string();
    let expected = TimeError::BehindPromise { time: LogicalTime(5), promised: LogicalTime(6) };
    assert!(error.contains(&expected.to_string()), "{error}");
    assert_eq!(read(&mut run.outputs.out), [(Some(4), 5)]);

    let mut run = early(true).inline()?;
    for n in [1, 6, 9] {
        run.inputs.numbers.advance(LogicalTime(n));
        run.inputs.numbers.try_send_at(LogicalTime(n), n)?;
        run.step()?;
        assert_eq!(read(&mut run.outputs.out), [(Some(n - 1), n)]);
        assert_eq!(run.outputs.out.frontier(), at(n));
    }
    Ok(())
}

/// Sends each number at the time of its record, and promises that there is none below those so far.
#[node(promises)]
pub struct Rises {
    #[input]
    numbers: i64,
    #[output]
    out: i64,
}

impl RisesHandlers for Rises {
    fn on_numbers(&self, n: i64, out: &mut impl RisesOut) -> NodeResult {
        out.out(n);
        out.promise(LogicalTime(n));
        Ok(())
    }
}

/// The same from a guess.
#[node(estimates)]
pub struct Guesses {
    #[input]
    numbers: i64,
    #[output]
    out: i64,
}

impl GuessesHandlers for Guesses {
    fn on_numbers(&self, n: i64, out: &mut impl GuessesOut) -> NodeResult {
        out.out(n);
        out.promise(LogicalTime(n));
        Ok(())
    }
}

#[test]
fn what_is_sent_behind_a_promise_of_ones_own() -> Tested {
    let graph = graph! {
        rises: Rises {},
        graph.numbers => rises.numbers,
        rises.out => graph.out,
    };
    let mut run = graph.inline()?;
    for n in [100, 100, 5] {
        run.inputs.numbers.try_send_at(LogicalTime(n), n)?;
    }
    let error = run.step().unwrap_err().to_string();
    let expected = TimeError::BehindPromise { time: LogicalTime(5), promised: LogicalTime(100) };
    assert!(error.contains(&expected.to_string()), "{error}");
    assert_eq!(read(&mut run.outputs.out), [(Some(100), 100), (Some(100), 100)]);

    let graph = graph! {
        guesses: Guesses {},
        settled: settle(Late::Aside),
        graph.numbers => guesses.numbers,
        guesses.out => settled.input,
        settled.out => graph.out,
        settled.late => graph.late,
    };
    let mut run = graph.inline()?;
    for n in [100, 5, 100] {
        run.inputs.numbers.try_send_at(LogicalTime(n), n)?;
    }
    run.step()?;
    assert_eq!(read(&mut run.outputs.out), [(Some(100), 100), (Some(100), 100)]);
    assert_eq!(read(&mut run.outputs.late), [(Some(5), 5)]);

    // What was late before the node is not so behind it, where nothing may be.
    let graph = graph! {
        numbers: from_iter([10, 20, 15]),
        times: event_time_by(|n: &i64| LogicalTime(*n)),
        rises: Rises {},
        numbers.out => times.input,
        times.out => rises.numbers,
        rises.out => graph.out,
    };
    let mut run = graph.inline()?;
    let error = run.step().unwrap_err().to_string();
    let expected = TimeError::BehindPromise { time: LogicalTime(15), promised: LogicalTime(20) };
    assert!(error.contains(&expected.to_string()), "{error}");
    Ok(())
}

/// What comes through a channel feeds what takes strict edges only.
#[test]
fn records_and_promises_come_as_messages() -> Tested {
    fn data<T>(time: i64, data: T) -> StreamMessage<T> {
        StreamMessage::Data(Timestamped { time: LogicalTime(time), data })
    }
    let rates = [data(10, (7_u64, 'a')), data(30, (7, 'b')), data(20, (7, 'c'))];
    let end = StreamMessage::Watermark(LogicalTime(40));
    let graph = graph! {
        rates: from_iter(rates.into_iter().chain([end])),
        timed: messages(),
        join: temporal_join(),
        rates.out => timed.input,
        graph.orders => join.left,
        timed.out => join.right,
        join.out => graph.rated,
    };
    let mut run = graph.inline()?;
    run.inputs.orders.try_send_message(data(25, (7_u64, 25)))?;
    run.inputs.orders.try_send_message(StreamMessage::Watermark(LogicalTime(26)))?;
    let behind = run.inputs.orders.try_send_message(data(24, (7, 24))).unwrap_err();
    assert!(behind.to_string().contains("behind 26"), "{behind}");
    run.step()?;
    assert_eq!(read(&mut run.outputs.rated), [(Some(25), (7, (25, Some('c'))))]);
    assert_eq!(run.outputs.rated.frontier(), at(26));

    let graph = graph! {
        timed: messages(),
        graph.messages => timed.input,
        timed.out => graph.out,
    };
    let mut run = graph.inline()?;
    for message in [StreamMessage::Watermark(LogicalTime(9)), data(8, (0, 'x'))] {
        run.inputs.messages.try_send(message)?;
    }
    let error = run.step().unwrap_err().to_string();
    let expected = TimeError::BehindPromise { time: LogicalTime(8), promised: LogicalTime(9) };
    assert!(error.contains(&expected.to_string()), "{error}");
    Ok(())
}

#[test]
fn inputs_refuse_what_is_behind_their_own_promise() -> Tested {
    let graph = graph! {
        next: map(|n: i64| n + 1),
        graph.numbers => next.input,
        next.out => graph.out,
    };
    let mut run = graph.inline()?;
    run.inputs.numbers.advance(LogicalTime(10));
    run.inputs.numbers.advance(LogicalTime(4));
    let refused = run.inputs.numbers.try_send_at(LogicalTime(9), 1).unwrap_err();
    assert!(refused.to_string().contains("behind 10"));
    assert_eq!(refused.into_record(), 1);
    run.inputs.numbers.try_send_at(LogicalTime(10), 2)?;
    run.inputs.numbers.try_send(3)?;
    run.step()?;
    assert_eq!(read(&mut run.outputs.out), [(Some(10), 3), (None, 4)]);
    assert_eq!(run.outputs.out.frontier(), at(10));
    Ok(())
}

#[test]
fn a_fan_in_promises_the_least_and_does_not_wait_for_the_idle() -> Tested {
    let graph = graph! {
        both: merge(),
        graph.left => both.left,
        graph.right => both.right,
        both.out => graph.out,
    };
    let mut run = graph.inline()?;
    run.inputs.left.advance(LogicalTime(5));
    run.step()?;
    assert!(run.outputs.out.try_recv().is_none());
    assert_eq!(run.outputs.out.frontier(), None);
    run.inputs.right.advance(LogicalTime(3));
    run.step()?;
    read(&mut run.outputs.out);
    assert_eq!(run.outputs.out.frontier(), at(3));
    run.inputs.right.idle();
    run.step()?;
    read(&mut run.outputs.out);
    assert_eq!(run.outputs.out.frontier(), at(5));
    // It comes back behind: what it brings is late until it is level.
    for time in [4, 5, 6] {
        run.inputs.right.try_send_at(LogicalTime(time), time)?;
    }
    run.step()?;
    assert_eq!(read(&mut run.outputs.out), [4, 5, 6].map(|n| (Some(n), n)));
    run.inputs.left.advance(LogicalTime(50));
    run.step()?;
    read(&mut run.outputs.out);
    assert_eq!(run.outputs.out.frontier(), at(50));
    run.inputs.right.advance(LogicalTime(50));
    run.step()?;
    run.inputs.left.advance(LogicalTime(60));
    run.step()?;
    read(&mut run.outputs.out);
    assert_eq!(run.outputs.out.frontier(), at(50));
    Ok(())
}

#[test]
fn what_an_idle_input_brings_back_behind_the_frontier_is_late() -> Tested {
    let graph = graph! {
        both: merge(),
        settled: settle(Late::Aside),
        graph.left => both.left,
        graph.right => both.right,
        both.out => settled.input,
        settled.out => graph.out,
        settled.late => graph.late,
    };
    let mut run = graph.inline()?;
    run.inputs.right.idle();
    run.inputs.left.advance(LogicalTime(5));
    run.step()?;
    for time in [6, 4, 5, 3] {
        run.inputs.right.try_send_at(LogicalTime(time), time)?;
    }
    run.step()?;
    assert_eq!(read(&mut run.outputs.out), [(Some(6), 6), (Some(5), 5)]);
    assert_eq!(read(&mut run.outputs.late), [(Some(4), 4), (Some(3), 3)]);
    let metrics = run.close_inputs()?.drain()?.metrics;
    let late = |path| metrics.nodes.iter().find(|node| &*node.path == path).map(|node| node.late);
    assert_eq!((late("settled"), late("both")), (Some(2), Some(0)));
    Ok(())
}

#[test]
fn a_quiet_stream_is_idle_by_the_clock_but_not_while_it_is_blocked() -> Tested {
    let graph = || {
        graph! {
            times: event_time_by(|n: &i64| LogicalTime(*n)).idle_after(Duration::from_secs(1)),
            both: merge(),
            graph.quiet => times.input,
            #[buffer(1)]
            times.out => both.left,
            graph.busy => both.right,
            #[buffer(1)]
            both.out => graph.out,
        }
    };
    let mut run = graph().inline()?;
    run.inputs.quiet.try_send(7)?;
    run.inputs.busy.advance(LogicalTime(100));
    run.step()?;
    read(&mut run.outputs.out);
    run.step()?;
    read(&mut run.outputs.out);
    assert_eq!(run.outputs.out.frontier(), at(7));
    run.advance(Duration::from_millis(999))?;
    read(&mut run.outputs.out);
    assert_eq!(run.outputs.out.frontier(), at(7));
    run.advance(Duration::from_millis(1))?;
    read(&mut run.outputs.out);
    assert_eq!(run.outputs.out.frontier(), at(100));

    // Nobody reads the output: the stream waits for room, which says nothing about its source.
    let mut run = graph().inline()?;
    for n in 0..20 {
        run.inputs.quiet.try_send(n)?;
    }
    run.inputs.busy.advance(LogicalTime(100));
    run.step()?;
    run.advance(Duration::from_secs(3600))?;
    loop {
        let got = read(&mut run.outputs.out);
        run.step()?;
        if got.is_empty() {
            break;
        }
    }
    assert_eq!(run.outputs.out.frontier(), at(19));
    Ok(())
}

/// Waits for ten seconds with each number in its hands.
#[node(async)]
struct Nap {
    #[input]
    numbers: i64,
    #[output]
    out: i64,
}

impl NapHandlers for Nap {
    async fn on_numbers(&self, n: i64, out: &mut impl NapOut) -> NodeResult {
        out.sleep(Duration::from_secs(10)).await;
        out.out(n);
        Ok(())
    }
}

/// Asks, and gets an answer the second time: ten seconds later.
#[node(async, concurrency = 4, retry = 1, backoff = "10s..10s")]
struct Asks {
    #[input]
    numbers: i64,
    #[output]
    out: i64,
    asked: AtomicUsize,
}

impl AsksHandlers for Asks {
    type Answer = i64;
    async fn call(&self, n: i64) -> NodeResult<i64> {
        match self.asked.fetch_add(1, Ordering::Relaxed) % 2 {
            0 => Err("busy".into()),
            _ => Ok(n),
        }
    }
    fn complete(&self, n: i64, out: &mut impl AsksOut) -> NodeResult {
        out.out(n);
        Ok(())
    }
}

/// The idle clock of a stage stands while one that leads to it does not look for input: it has no room in
/// another branch, waits for those that it is aligned with, or for an answer.
#[test]
fn the_idle_clock_stands_while_what_comes_waits_further_up() -> Tested {
    let together = Alignment::within(Duration::from_millis(10));
    let times = || event_time_by(|n: &i64| LogicalTime(*n));
    macro_rules! run {
        ([$($nodes:tt)*] $first:ident.$port:ident, $($edges:tt)*) => {
            graph! {
                $($nodes)*
                quiet: map(|n: i64| n),
                same: map(|n: i64| n),
                times: times().idle_after(Duration::from_secs(2)),
                both: merge(),
                graph.numbers => $first.$port,
                #[boundary]
                $first.out => quiet.input,
                #[boundary]
                quiet.out => same.input,
                #[boundary]
                same.out => times.input,
                times.out => both.left,
                graph.others => both.right,
                both.out => graph.out,
                $($edges)*
            }
            .inline()?
        };
    }
    macro_rules! promised {
        ($run:expr, $after:expr) => {{
            $run.step()?;
            $run.advance(Duration::from_millis($after))?;
            read(&mut $run.outputs.out);
            $run.outputs.out.frontier()
        }};
    }
    // One has no room for what it sends elsewhere.
    let mut run = run! {
        [first: map(|n: i64| n),] first.input,
        #[buffer(1)] first.out => graph.elsewhere,
    };
    for n in 0..20 {
        run.inputs.numbers.try_send(n)?;
    }
    run.inputs.others.advance(LogicalTime(100));
    let before = promised!(run, 0);
    assert!(before < at(19), "{before:?}");
    assert_eq!(promised!(run, 3_600_000), before);
    while !read(&mut run.outputs.elsewhere).is_empty() {
        assert!(promised!(run, 1) <= at(19));
    }
    assert_eq!(promised!(run, 1000), at(19));
    assert_eq!(promised!(run, 1000), at(100));

    // One waits for another one that it is aligned with.
    let mut run = run! {
        [first: times().align(&together), slow: times().align(&together),] first.input,
        graph.slow => slow.input,
        slow.out => graph.slow,
    };
    run.inputs.others.advance(LogicalTime(1000));
    run.inputs.slow.try_send(100)?;
    run.inputs.numbers.try_send(100)?;
    assert_eq!(promised!(run, 0), at(100));
    for n in [150, 151] {
        run.inputs.numbers.try_send(n)?;
        run.step()?;
    }
    let before = promised!(run, 0);
    assert_eq!(before, at(150));
    assert_eq!(promised!(run, 3_600_000), before);
    run.inputs.slow.try_send(150)?;
    assert_eq!(promised!(run, 0), at(151));
    assert_eq!(promised!(run, 1999), at(151));
    assert_eq!(promised!(run, 1), at(1000));

    // One waits for an answer.
    macro_rules! naps {
        ($nap:expr) => {
            let mut run = run! { [first: $nap,] first.numbers, };
            run.inputs.others.advance(LogicalTime(100));
            run.inputs.numbers.try_send(7)?;
            assert_eq!(promised!(run, 10_000), at(7));
            assert_eq!(promised!(run, 1000), at(7));
            run.inputs.numbers.try_send(8)?;
            assert_eq!(promised!(run, 9999), at(7));
            assert_eq!(promised!(run, 1), at(8));
            assert_eq!(promised!(run, 1999), at(8));
            assert_eq!(promised!(run, 1), at(100));
        };
    }
    naps!(Nap {});
    naps!(Asks { asked: AtomicUsize::new(0) });
    Ok(())
}

#[tokio::test]
async fn progress_is_of_completed_work_and_can_be_awaited() -> Tested {
    let graph = graph! {
        tens: Tens {},
        graph.numbers => tens.numbers,
        tens.out => graph.out,
    };
    let run = graph.start()?;
    let progress = run.progress();
    assert_eq!(progress.frontier(), None);
    assert!(progress.less_equal(LogicalTime::MIN));
    let (inputs, mut outputs, run) = run.split();
    let waiting = {
        let progress = progress.clone();
        tokio::spawn(async move { progress.reached(LogicalTime(19)).await })
    };
    let data = Timestamped { time: LogicalTime(3), data: 3 };
    inputs.numbers.send_message(StreamMessage::Data(data)).await?;
    inputs.numbers.send_message(StreamMessage::Watermark(LogicalTime(20))).await?;
    let tens = progress.of("tens").ok_or("no such node")?;
    assert!(tens.reached(LogicalTime(19)).await);
    assert!(tens.less_equal(LogicalTime(20)) && !tens.less_equal(LogicalTime(19)));
    assert!(tens.less_than(LogicalTime(21)) && !tens.less_than(LogicalTime(20)));
    // The node is done, but the graph's own output has not been read.
    assert!(progress.less_than(LogicalTime(20)));
    assert_eq!(outputs.out.recv_timed().await, Some((Some(LogicalTime(9)), 3)));
    drop(inputs);
    assert_eq!(outputs.out.recv().await, None);
    assert!(waiting.await?);
    assert_eq!(progress.frontier(), Some(Frontier::Ended));
    run.drain().await?;
    Ok(())
}

/// Sets its timer again whenever it fires.
#[node]
pub struct Again {
    #[input]
    numbers: i64,
    #[output]
    out: i64,
}

impl AgainHandlers for Again {
    fn on_numbers(&self, n: i64, out: &mut impl AgainOut) -> NodeResult {
        out.set_timer("again", TimerAt::Event(LogicalTime(n)));
        out.set_timer("clock", TimerAt::Clock(1000));
        Ok(())
    }
    fn on_timer(&self, timer: Timer<()>, out: &mut impl AgainOut) -> NodeResult {
        if let TimerAt::Event(LogicalTime(time)) = timer.at {
            out.out(time);
            out.set_timer("again", TimerAt::Event(LogicalTime(time + 10)));
        }
        Ok(())
    }
}

#[test]
fn timers_set_while_the_last_ones_fire_do_not_fire() -> Tested {
    let graph = graph! {
        again: Again {},
        graph.numbers => again.numbers,
        again.out => graph.out,
    };
    let mut run = graph.inline()?;
    run.inputs.numbers.try_send_at(LogicalTime(5), 5)?;
    run.inputs.numbers.advance(LogicalTime(30));
    run.step()?;
    assert_eq!(read(&mut run.outputs.out), [5, 15, 25].map(|n| (Some(n), n)));
    let mut run = run.close_inputs()?;
    assert_eq!(read(&mut run.outputs.out), [(Some(35), 35)]);
    let dropped = run.drain()?.metrics.nodes[0].timers_dropped;
    assert_eq!(dropped, 2, "the next of `again`, and `clock`");
    Ok(())
}

/// Sets a timer where there is no key.
#[node(key = i64)]
pub struct Keyless {
    #[input(key = |n| n)]
    numbers: i64,
    #[input(broadcast)]
    all: i64,
    #[output]
    out: i64,
    at_start: bool,
}

impl KeylessHandlers for Keyless {
    fn on_start(&self, out: &mut impl KeylessOut) -> NodeResult {
        if self.at_start {
            out.cancel_timer("due", TimerAt::Clock(5));
        }
        Ok(())
    }
    fn on_numbers(&self, n: i64, out: &mut impl KeylessOut) -> NodeResult {
        out.set_timer("due", TimerAt::Event(LogicalTime(n)));
        Ok(())
    }
    fn on_all(&self, n: i64, out: &mut impl KeylessOut) -> NodeResult {
        out.set_timer_at_end("due", LogicalTime(n));
        Ok(())
    }
    fn on_frontier(&self, frontier: Frontier, out: &mut impl KeylessOut) -> NodeResult {
        if frontier == Frontier::At(LogicalTime(50)) {
            out.set_timer("due", TimerAt::Event(LogicalTime(60)));
        }
        Ok(())
    }
}

#[test]
fn a_timer_without_a_key_fails() -> Tested {
    for (at_start, all, frontier, method) in [
        (true, false, 1, Some("`cancel_timer`")),
        (false, true, 1, Some("`set_timer_at_end`")),
        (false, false, 50, Some("`set_timer`")),
        (false, false, 49, None),
    ] {
        let graph = graph! {
            keyless: Keyless { at_start },
            graph.numbers => keyless.numbers,
            graph.all => keyless.all,
            keyless.out => graph.out,
        };
        let mut run = graph.inline()?;
        run.inputs.numbers.try_send_at(LogicalTime(0), 7)?;
        if all {
            run.inputs.all.try_send_at(LogicalTime(0), 7)?;
        }
        run.inputs.numbers.advance(LogicalTime(frontier));
        run.inputs.all.advance(LogicalTime(frontier));
        let told = run.step().err().map(|error| error.to_string());
        assert_eq!(told.is_some(), method.is_some(), "{told:?}");
        if let (Some(told), Some(method)) = (told, method) {
            assert!(told.contains(method) && told.contains("current key"), "{told}");
        }
    }
    Ok(())
}

/// What is done at the end without its timer is not dropped with that.
#[test]
fn timers_that_nobody_misses_are_not_counted() -> Tested {
    let hour = Duration::from_secs(3600);
    let graph = graph! {
        times: event_time_by(|n: &i64| LogicalTime(*n)).clocked(hour),
        delayed: delay(hour),
        counts: window_all(Tumbling::hours(1), window::count()).by_clock().early_every(hour),
        graph.numbers => times.input,
        times.out => delayed.input,
        delayed.out => counts.input,
        counts.out => graph.counts,
    };
    let run = graph.inline()?;
    run.inputs.numbers.try_send(5)?;
    let mut run = run.close_inputs()?;
    assert_eq!(read(&mut run.outputs.counts).len(), 1);
    let metrics = run.drain()?.metrics;
    let dropped: Vec<_> = metrics.nodes.iter().map(|node| node.timers_dropped).collect();
    assert_eq!(dropped, [0, 0, 0]);
    Ok(())
}

/// All inputs were idle: the first batch that comes back holds late and timely records in turns.
#[test]
fn nothing_of_a_mixed_batch_is_lost_when_an_idle_input_comes_back() -> Tested {
    let graph = graph! {
        both: merge(),
        settled: settle(Late::Aside),
        graph.left => both.left,
        graph.right => both.right,
        both.out => settled.input,
        settled.out => graph.out,
        settled.late => graph.late,
    };
    let mut run = graph.inline()?;
    run.inputs.left.advance(LogicalTime(50));
    run.inputs.right.advance(LogicalTime(100));
    run.inputs.left.idle();
    run.inputs.right.idle();
    run.step()?;
    for time in [50, 150, 60, 160] {
        run.inputs.left.try_send_at(LogicalTime(time), time)?;
    }
    run.step()?;
    assert_eq!(read(&mut run.outputs.out), [150, 160].map(|n| (Some(n), n)));
    assert_eq!(read(&mut run.outputs.late), [50, 60].map(|n| (Some(n), n)));
    Ok(())
}

/// Who is far ahead reads nothing more, until those that are waited for have come on.
#[test]
fn an_aligned_stream_waits_for_the_slowest_but_not_for_the_idle_or_the_ended() -> Tested {
    let together = Alignment::within(Duration::from_millis(10));
    let times = || event_time_by(|n: &i64| LogicalTime(*n)).align(&together);
    let graph = graph! {
        fast: times(),
        slow: times(),
        quiet: times().idle_after(Duration::from_secs(1)),
        graph.fast => fast.input,
        graph.slow => slow.input,
        graph.quiet => quiet.input,
        fast.out => graph.fast,
        slow.out => graph.slow,
        quiet.out => graph.quiet,
    };
    let mut run = graph.inline()?;
    for n in [100, 101, 102] {
        run.inputs.fast.try_send(n)?;
        run.step()?;
    }
    // One that has not begun is waited for.
    assert_eq!(read(&mut run.outputs.fast), [(Some(100), 100)]);
    run.inputs.slow.try_send(91)?;
    run.step()?;
    assert_eq!(read(&mut run.outputs.fast), []);
    // Not while it is idle: that is for its clock to say, which does not run while one waits.
    run.advance(Duration::from_secs(1))?;
    assert_eq!(read(&mut run.outputs.fast), [(Some(101), 101), (Some(102), 102)]);
    run.inputs.quiet.try_send(50)?;
    run.inputs.fast.try_send(103)?;
    run.step()?;
    assert_eq!(read(&mut run.outputs.quiet), [(Some(50), 50)]);
    run.inputs.fast.try_send(104)?;
    run.step()?;
    assert!(read(&mut run.outputs.fast).len() <= 1);
    // Nor for what has ended.
    let (inputs, mut outputs, mut run) = run.split();
    drop((inputs.quiet, inputs.slow));
    run.step()?;
    assert_eq!(read(&mut outputs.fast).last(), Some(&(Some(104), 104)));
    Ok(())
}

/// A source that is paused is not asked for more, whatever kind it is.
#[test]
fn an_aligned_source_waits_at_rest() -> Tested {
    let together = Alignment::within(Duration::from_millis(10));
    let times = || event_time_by(|n: &i64| LogicalTime(*n)).align(&together);
    let graph = graph! {
        numbers: from_iter(1_000..9_000_i64),
        stream: from_stream(futures_util::stream::iter(1_000..9_000_i64)),
        fast: times(), faster: times(), slow: times(),
        numbers.out => fast.input,
        stream.out => faster.input,
        graph.slow => slow.input,
        fast.out => graph.fast,
        faster.out => graph.faster,
        slow.out => graph.slow,
    };
    let mut run = graph.inline()?;
    run.step()?;
    let mut got = [read(&mut run.outputs.fast).len(), read(&mut run.outputs.faster).len()];
    assert!(got.iter().all(|got| *got < 8_000), "{got:?}");
    run.inputs.slow.try_send(9_000)?;
    let mut run = run.close_inputs()?;
    got[0] += read(&mut run.outputs.fast).len();
    got[1] += read(&mut run.outputs.faster).len();
    assert_eq!(got, [8_000, 8_000]);
    run.drain()?;
    Ok(())
}

#[test]
fn nobody_waits_for_a_stream_of_a_graph_that_is_gone() -> Tested {
    let together = Alignment::within(Duration::from_millis(10));
    for at in [100, 500] {
        let times = || event_time_by(|n: &i64| LogicalTime(*n)).align(&together);
        let graph = graph! {
            a: times(), b: times(),
            graph.a => a.input,
            graph.b => b.input,
            a.out => graph.a,
            b.out => graph.b,
        };
        let mut run = graph.inline()?;
        run.inputs.a.try_send(at)?;
        run.inputs.b.try_send(at)?;
        run.step()?;
        run.inputs.a.try_send(at + 1)?;
        run.step()?;
        assert_eq!(read(&mut run.outputs.a), [(Some(at), at), (Some(at + 1), at + 1)]);
    }
    Ok(())
}

#[test]
fn what_was_restored_is_as_far_as_it_was() -> Tested {
    let make = || {
        let together = Alignment::within(Duration::from_millis(10));
        let times = || {
            let times = event_time_by(|n: &i64| LogicalTime(*n));
            times.clocked(Duration::from_millis(10)).align(&together)
        };
        graph! {
            a: times(), b: times(),
            graph.a => a.input,
            graph.b => b.input,
            a.out => graph.a,
            b.out => graph.b,
        }
    };
    let mut run = make().inline()?;
    run.inputs.a.try_send(100)?;
    run.inputs.b.try_send(100)?;
    run.step()?;
    let first = run.snapshot()?;
    let mut graph = make();
    graph.restore(&first)?;
    let mut run = graph.inline()?;
    for at in [101, 102] {
        run.inputs.a.try_send(at)?;
        run.step()?;
        assert_eq!(read(&mut run.outputs.a), [(Some(at), at)]);
    }
    // However often that happens, the clock is looked at once in a while.
    let mut last = first.clone();
    for wait in [3, 14, 8, 27] {
        let mut graph = make();
        graph.restore(&last)?;
        let mut run = graph.inline()?;
        run.advance(Duration::from_millis(wait))?;
        last = run.snapshot()?;
    }
    assert_eq!(last.get("a").map(<[u8]>::len), first.get("a").map(<[u8]>::len));
    Ok(())
}

/// Where no sink sees a frontier, the graph's progress is its end, and not before.
#[test]
fn progress_without_timed_sinks_is_the_end() -> Tested {
    let graph = graph! {
        numbers: from_iter(0..3_i64),
        same: map(|n: i64| n),
        numbers.out => same.input,
        same.out => graph.out,
    };
    let mut run = graph.inline()?;
    let progress = run.progress();
    assert_eq!(progress.frontier(), None);
    assert!(progress.less_equal(LogicalTime(0)));
    run.step()?;
    read(&mut run.outputs.out);
    assert_eq!(progress.frontier(), Some(Frontier::Ended));
    Ok(())
}

/// A split that is far behind the others keeps the frontier back until it is abandoned.
#[test]
fn a_split_that_is_far_behind_is_abandoned() -> Tested {
    for (abandon, expected) in [(None, 5), (Some(100), 5), (Some(20), 50)] {
        let mut times = event_time_by(|n: &i64| LogicalTime(*n)).per_split(|n| *n as u64 % 2);
        if let Some(behind) = abandon {
            times = times.abandon(Duration::from_millis(behind));
        }
        let graph = graph! {
            times: times,
            graph.numbers => times.input,
            times.out => graph.out,
        };
        let mut run = graph.inline()?;
        for n in [5, 4, 10, 50] {
            run.inputs.numbers.try_send(n)?;
        }
        run.step()?;
        read(&mut run.outputs.out);
        assert_eq!(run.outputs.out.frontier(), at(expected), "{abandon:?}");
    }
    Ok(())
}

/// A split that is known holds the frontier before it has sent anything, also in a restored graph, unless
/// it is abandoned.
#[test]
fn known_splits_are_waited_for() -> Tested {
    for abandon in [None, Some(50)] {
        let make = || {
            let mut times = event_time_by(|reading: &(u64, i64)| LogicalTime(reading.1))
                .per_split(|reading| reading.0)
                .splits([1, 2, 3]);
            if let Some(behind) = abandon {
                times = times.abandon(Duration::from_millis(behind));
            }
            graph! {
                times: times,
                graph.readings => times.input,
                times.out => graph.out,
            }
        };
        let mut run = make().inline()?;
        let abandoned = |time| if abandon.is_some() { at(time) } else { None };
        let steps = [
            ((1, 80), None),
            ((3, 40), None),
            ((1, 90), None),
            // 2 may have been silent since 40.
            ((1, 91), abandoned(91)),
            ((3, 95), abandoned(91)),
            ((2, 93), at(91)),
            ((1, 96), at(93)),
        ];
        for (reading, expected) in steps {
            run.inputs.readings.try_send(reading)?;
            run.step()?;
            read(&mut run.outputs.out);
            assert_eq!(run.outputs.out.frontier(), expected, "{abandon:?}, behind {reading:?}");
            let mut graph = make();
            graph.restore(&run.snapshot()?)?;
            run = graph.inline()?;
        }
    }
    Ok(())
}

/// A split holds the frontier no longer when it has said that it ends, or has said nothing for long.
#[test]
fn splits_that_end_or_say_nothing_are_not_waited_for() -> Tested {
    type Part = (u64, i64, bool);
    let make = || {
        let times = event_time_by(|part: &Part| LogicalTime(part.1))
            .per_split(|part| part.0)
            .splits([1, 2])
            .split_ended(|part| part.2)
            .split_idle_after(Duration::from_millis(100));
        graph! {
            times: times,
            graph.parts => times.input,
            times.out => graph.out,
        }
    };
    let mut run = make().inline()?;
    macro_rules! behind {
        ($part:expr, $expected:expr) => {
            run.inputs.parts.try_send($part)?;
            run.step()?;
            read(&mut run.outputs.out);
            assert_eq!(run.outputs.out.frontier(), $expected, "behind {:?}", $part);
        };
        (after $millis:expr, $expected:expr) => {
            run.advance(Duration::from_millis($millis))?;
            read(&mut run.outputs.out);
            assert_eq!(run.outputs.out.frontier(), $expected, "after {} ms", $millis);
        };
    }
    behind!((2, 50, false), None);
    behind!((1, 10, false), at(10));
    // The first one ends, and nobody waits for it.
    behind!((1, 20, true), at(50));
    // Another one begins behind that, and the frontier stands until it is level, or idle.
    behind!((3, 30, false), at(50));
    behind!((2, 70, false), at(50));
    behind!(after 60, at(50));
    behind!((2, 80, false), at(50));
    behind!(after 39, at(50));
    behind!(after 1, at(80));
    // The one that is furthest on is not held back by those that are idle, nor forgotten with them.
    behind!((3, 90, false), at(80));
    behind!(after 60, at(90));
    let mut graph = make();
    graph.restore(&run.snapshot()?)?;
    run = graph.inline()?;
    behind!((2, 95, false), at(90));
    behind!(after 99, at(90));
    behind!(after 1, at(95));
    behind!((2, 97, true), at(95));
    // One that is known and does not begin is not waited for either.
    run = make().inline()?;
    behind!((2, 40, false), None);
    behind!(after 100, at(40));
    Ok(())
}
