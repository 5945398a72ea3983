//! Times and frontiers: nothing comes behind what was promised, and every promise gets through.

use std::time::Duration;

use streamweave::nodes::{Late, event_time_by, in_order_by, settle};
use streamweave::prelude::*;
use streamweave::testing::{Captured, Simulation, simulate};
use streamweave::{Alignment, StreamMessage, Timestamped};

use crate::nodes::*;
use crate::play::{assert_same, records};
use crate::{SEEDS, Tested, play};

fn time(rec: &Rec) -> LogicalTime {
    LogicalTime(rec.id as i64)
}

/// Records in the order of their times, some of them at the same one.
fn ordered(sim: &mut Simulation, most: u64) -> Vec<Rec> {
    let mut records = records(sim, most, 0);
    let mut id = sim.below(20);
    for rec in &mut records {
        id += sim.below(5);
        rec.id = id;
    }
    records
}

/// No record came behind what the port had promised before.
#[track_caller]
fn assert_kept(captured: &[Captured<Rec>]) {
    for Captured { time, frontier, item, .. } in captured {
        let time = time.map(Frontier::At);
        assert!(frontier.is_none() || *frontier <= time, "{item:?} came behind {frontier:?}");
    }
}

/// Each record when its ten is over, for all inputs.
fn at_the_end_of_its_ten(records: Vec<Rec>) -> Vec<(Option<LogicalTime>, Rec)> {
    records.into_iter().map(|rec| (Some(LogicalTime((rec.id / 10 * 10 + 9) as i64)), rec)).collect()
}

/// Three sources of times, nodes that await, workers, and what each ten gives.
#[test]
pub(crate) fn what_the_frontier_makes_due() -> Tested {
    simulate(SEEDS / 4, |sim| {
        let [a, b, c] = [(); 3].map(|()| ordered(sim, 50));
        let graph = graph! {
            a: in_order_by(time), b: in_order_by(time), c: in_order_by(time),
            nap: nap(1), ask: Ask { flaky: Flaky::default() }, via: via(2),
            #[workers(2)]
            tens: Tens {},
            graph.a => a.input,
            graph.b => b.input,
            graph.c => c.input,
            a.out => nap.input,
            b.out => ask.input,
            nap.out => tens.input,
            ask.out => tens.input,
            c.out => tens.input,
            #[buffer(2)] tens.out => via.input,
            via.out => graph.out,
        };
        let expected = [by(&a, &[1, 2]), by(&b, &[5, 2]), by(&c, &[2])].concat();
        let (inputs, outputs, mut run) = sim.start(graph)?.split();
        let out = run.capture(outputs.out);
        run.feed(inputs.a, a);
        run.feed(inputs.b, b);
        run.feed(inputs.c, c);
        run.until_idle()?;
        assert_eq!(run.progress().frontier(), Some(Frontier::Ended));
        assert!(out.has_ended());
        assert_same(out.timed(), at_the_end_of_its_ten(expected));
        assert_kept(&out.take());
        Ok(())
    })?;
    Ok(())
}

/// Streams that wait for each other lose nothing and come to their end: also where one is short,
/// one is idle for long, and one does not begin before the others would be far ahead.
#[test]
fn aligned_streams() -> Tested {
    simulate(SEEDS, |sim| {
        let [a, b, c] = [(); 3].map(|()| ordered(sim, 60));
        let together = Alignment::within(Duration::from_millis(sim.below(20)));
        let idle = Duration::from_millis(5);
        let graph = graph! {
            a: event_time_by(time).align(&together),
            b: event_time_by(time).align(&together).idle_after(idle),
            c: event_time_by(time).align(&together),
            slow: nap(1), both: Both {}, after: via(2),
            graph.a => slow.input,
            slow.out => a.input,
            graph.b => b.input,
            graph.c => c.input,
            #[buffer(1)] a.out => both.left,
            b.out => both.left,
            #[buffer(2)] c.out => both.right,
            both.out => after.input,
            after.out => graph.out,
        };
        let expected = [by(&a, &[1, 8, 2]), by(&b, &[8, 2]), by(&c, &[9, 2])].concat();
        assert_same(play!(sim, graph, in { a: a, b: b, c: c }, out { out }), expected);
        Ok(())
    })?;
    Ok(())
}

/// Fed with times and promises: what is promised gets through to the output without an end.
#[test]
fn promises_get_through() -> Tested {
    simulate(SEEDS, |sim| {
        let [left, right] = [(); 2].map(|()| ordered(sim, 60));
        let graph = graph! {
            both: Both {}, via: via(1), nap: nap(2), after: via(3),
            graph.left => both.left,
            graph.right => both.right,
            both.out => [via.input, nap.input],
            via.out => after.input,
            nap.out => after.input,
            after.out => graph.out,
        };
        let (inputs, outputs, mut run) = sim.start(graph)?.split();
        let out = run.capture(outputs.out);
        let progress = run.progress();
        let messages = |records: &[Rec], end| {
            let mut messages = Vec::new();
            for rec in records {
                messages.push(StreamMessage::Watermark(time(rec)));
                messages.push(StreamMessage::Data(Timestamped { time: time(rec), data: *rec }));
            }
            messages.push(StreamMessage::Watermark(LogicalTime(end)));
            messages
        };
        run.feed_messages(inputs.left.clone(), messages(&left, 2000));
        run.feed_messages(inputs.right.clone(), messages(&right, 1000));
        run.until_idle()?;
        assert_eq!(progress.frontier(), Some(Frontier::At(LogicalTime(1000))));
        let (left, right) = (by(&left, &[8]), by(&right, &[9]));
        let all = [left, right].concat();
        let all = [by(&all, &[1, 3]), by(&all, &[2, 3])].concat();
        assert_same(out.timed(), all.into_iter().map(|rec| (Some(time(&rec)), rec)).collect());
        assert_kept(&out.take());
        Ok(())
    })?;
    Ok(())
}

/// What is late depends on the records alone.
#[test]
fn what_is_late() -> Tested {
    simulate(SEEDS, |sim| {
        let mut items = records(sim, 80, 0);
        for rec in &mut items {
            rec.id = rec.id * 3 + sim.below(30);
        }
        let graph = graph! {
            times: event_time_by(time).disorder(Duration::from_millis(10)), nap: nap(1),
            settle: settle(Late::Aside), after: via(2),
            graph.records => times.input,
            times.out => nap.input,
            #[buffer(1)] nap.out => settle.input,
            #[boundary] settle.out => after.input,
            after.out => graph.out,
            settle.late => graph.late,
        };
        let (mut latest, mut expected, mut expected_late) = (0, Vec::new(), Vec::new());
        for rec in &items {
            if rec.id + 10 < latest { &mut expected_late } else { &mut expected }.push(*rec);
            latest = latest.max(rec.id);
        }
        let (out, late) = play!(sim, graph, in { records: items }, out { out, late });
        assert_eq!(out, by(&expected, &[1, 2]));
        assert_eq!(late, by(&expected_late, &[1]));
        Ok(())
    })?;
    Ok(())
}

/// What one graph gives goes into another as it came, under another seed's schedule.
#[test]
fn captured_and_replayed() -> Tested {
    simulate(SEEDS, |sim| {
        let items = ordered(sim, 50);
        let expected = at_the_end_of_its_ten(by(&items, &[1]));
        let graph = graph! {
            times: in_order_by(time), nap: nap(1),
            graph.records => times.input,
            times.out => nap.input,
            nap.out => graph.out,
        };
        let (inputs, outputs, mut run) = sim.start(graph)?.split();
        let out = run.capture(outputs.out);
        run.feed(inputs.records, items);
        run.until_idle()?;
        let captured = out.take();
        let graph = graph! {
            tens: Tens {},
            graph.records => tens.input,
            tens.out => graph.out,
        };
        let (inputs, outputs, mut run) = sim.start(graph)?.split();
        let out = run.capture(outputs.out);
        let last = captured.last().map(|captured| captured.at);
        run.replay(inputs.records, captured);
        run.until_idle()?;
        assert_eq!(out.timed(), expected);
        assert!(Some(run.now()) >= last);
        Ok(())
    })?;
    Ok(())
}
