//! Deterministic runs: the same output whatever the schedule, and on any number of threads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context as Task, Poll, Waker};
use std::time::Duration;

use streamweave::graph::{ExecutionMode, Output, StartError};
use streamweave::io::FileLinesSink;
use streamweave::nodes::window::{Tumbling, count};
use streamweave::nodes::{
    Late, delay, event_time_by, for_each, from_iter, in_order_by, interval, interval_join, map,
    merge, rate_limit, settle, throttle, window,
};
use streamweave::prelude::*;
use streamweave::testing::{Simulation, simulate};
use streamweave::{StreamMessage, Timestamped};

use crate::loops::{Down, Least, Neighbours, Reached};
use crate::nodes::*;
use crate::{SEEDS, Tested};

/// An item as it came out: its time, what had been promised before it, and itself.
type Came<T> = (Option<LogicalTime>, Option<Frontier>, T);

/// All that comes out of an output of a started graph.
async fn all_of<T: Send + 'static>(mut output: Output<T>) -> Vec<Came<T>> {
    let mut all = Vec::new();
    while let Some((time, item)) = output.recv_timed().await {
        all.push((time, output.frontier(), item));
    }
    assert!(!output.has_failed());
    all
}

/// Runs a graph by each of many seeds and on tokio with one and with two threads; what comes out
/// must be the same each time, and is the value.
macro_rules! always {
    ($graph:expr, in { $($input:ident: $messages:expr),* }, out $output:ident) => {{
        let inline = |sim: &mut Simulation| {
            let mut graph = $graph;
            graph.set_mode(ExecutionMode::Deterministic);
            let (_inputs, outputs, mut run) = sim.start(graph)?.split();
            let out = run.capture(outputs.$output);
            $(run.feed_messages(_inputs.$input, $messages.clone());)*
            run.until_idle()?;
            run.drain()?;
            assert!(out.has_ended());
            Ok::<_, Box<dyn std::error::Error>>(
                out.take().into_iter().map(|it| (it.time, it.frontier, it.item)).collect::<Vec<_>>()
            )
        };
        let expected = inline(&mut Simulation::new(0))?;
        simulate(SEEDS / 4, |sim| {
            assert_eq!(inline(sim)?, expected);
            Ok(())
        })?;
        for threads in [1, 1, 2, 2, 2] {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(threads)
                .enable_all()
                .build()?;
            let out = runtime.block_on(async {
                let mut graph = $graph;
                graph.set_mode(ExecutionMode::Deterministic);
                let (_inputs, outputs, run) = graph.start()?.split();
                $(
                    let input = _inputs.$input;
                    let messages = $messages.clone();
                    tokio::spawn(async move {
                        for message in messages {
                            if input.send_message(message).await.is_err() {
                                return;
                            }
                        }
                    });
                )*
                let out = all_of(outputs.$output).await;
                run.drain().await?;
                Ok::<_, Box<dyn std::error::Error>>(out)
            })?;
            assert_eq!(out, expected, "on {threads} threads");
        }
        expected
    }};
}

/// Records with the times of their numbers, and a promise now and then.
fn messages(seed: u64, most: u64) -> Vec<StreamMessage<Rec>> {
    let mut sim = Simulation::new(seed);
    let (mut messages, mut promised) = (Vec::new(), 0);
    for _ in 0..most {
        let id = promised + sim.below(12);
        let time = LogicalTime(id as i64);
        messages.push(StreamMessage::Data(Timestamped { time, data: Rec { id, way: 0 } }));
        if sim.below(4) == 0 {
            promised += sim.below(8);
            messages.push(StreamMessage::Watermark(LogicalTime(promised as i64)));
        }
    }
    messages
}

fn records_of(messages: &[StreamMessage<Rec>]) -> Vec<Rec> {
    let record = |message: &StreamMessage<Rec>| match message {
        StreamMessage::Data(record) => Some(record.data),
        StreamMessage::Watermark(_) => None,
    };
    messages.iter().filter_map(record).collect()
}

/// Says when its frontier rises.
#[node]
pub(crate) struct Tells {
    #[input]
    input: Rec,
    #[output]
    out: Result<Rec, Frontier>,
}

impl TellsHandlers for Tells {
    fn on_input(&self, rec: Rec, out: &mut impl TellsOut) -> NodeResult {
        out.out(Ok(rec));
        Ok(())
    }
    fn on_frontier(&self, frontier: Frontier, out: &mut impl TellsOut) -> NodeResult {
        out.out(Err(frontier));
        Ok(())
    }
}

/// A diamond, three inputs, workers and calls that overtake each other.
#[test]
pub(crate) fn where_edges_meet() -> Tested {
    let [a, b, c] = [1, 2, 3].map(|seed| messages(seed, 60));
    let out = always!(
        graph! {
            ask: Ask { flaky: Flaky::default() }, nap: nap(2), even: Even, both: Both {},
            #[workers(2)]
            tens: Tens {},
            after: via(3), tells: Tells {},
            graph.a => [ask.input, even.input],
            ask.out => both.left,
            even.out => both.left,
            graph.b => nap.input,
            nap.out => both.right,
            both.out => tens.input,
            graph.c => tens.input,
            tens.out => after.input,
            after.out => tells.input,
            tells.out => graph.out,
        },
        in { a: a, b: b, c: c },
        out out
    );
    // Nothing is lost, and each ten comes after the one before.
    let records: Vec<Rec> = out.iter().filter_map(|(_, _, item)| item.ok()).collect();
    let evens: Vec<Rec> = records_of(&a).into_iter().filter(|rec| rec.id % 2 == 0).collect();
    let expected = [
        by(&records_of(&a), &[5, 8, 3]),
        by(&evens, &[8, 3]),
        by(&records_of(&b), &[2, 9, 3]),
        by(&records_of(&c), &[3]),
    ];
    crate::play::assert_same(records.clone(), expected.concat());
    assert!(records.is_sorted_by_key(|rec| rec.id / 10));
    Ok(())
}

/// The order is that of times, then of edges, then on the edge; of the graph's outputs too.
#[test]
fn by_time_edge_and_place() -> Tested {
    let [a, b] = [4, 5].map(|seed| messages(seed, 50));
    let out = always!(
        graph! {
            left: via(1), right: via(2),
            graph.a => left.input,
            graph.b => right.input,
            left.out => graph.out,
            right.out => graph.out,
        },
        in { a: a, b: b },
        out out
    );
    let mut expected = [by(&records_of(&a), &[1]), by(&records_of(&b), &[2])].concat();
    expected.sort_by_key(|rec| rec.id);
    let got: Vec<Rec> = out.into_iter().map(|(_, _, rec)| rec).collect();
    assert_eq!(got, expected);
    Ok(())
}

/// Records without times, one of each edge in turn.
#[test]
fn in_turn() -> Tested {
    let out = always!(
        graph! {
            few: numbers(20, 1), many: numbers(100, 2), all: merge(),
            #[workers(2)]
            number: Number {},
            #[in_turn] few.out => all.left,
            many.out => all.right,
            all.out => number.input,
            #[in_turn] number.out => graph.out,
        },
        in {},
        out out
    );
    let [few, many] = [(20, 1), (100, 2)]
        .map(|(end, way)| (0..end).map(|id| Rec { id, way }).collect::<Vec<_>>());
    let mut all = Vec::new();
    for (at, many) in many.iter().enumerate() {
        all.extend(few.get(at));
        all.push(*many);
    }
    let mut got: Vec<_> = out.into_iter().map(|(_, _, item)| item).collect();
    let mut expected = numbered(&all);
    got.sort();
    expected.sort();
    assert_eq!(got, expected);
    Ok(())
}

/// The graph's own inputs too: nothing has to end before it comes out.
#[test]
fn inputs_in_turn() -> Tested {
    let mut graph = graph! {
        all: merge(),
        #[in_turn] graph.left => all.left,
        graph.right => all.right,
        all.out => graph.out,
    };
    graph.set_mode(ExecutionMode::Deterministic);
    let mut run = graph.inline()?;
    for n in 0..3 {
        run.inputs.left.try_send(n)?;
    }
    for n in 10..12 {
        run.inputs.right.try_send(n)?;
    }
    run.step()?;
    for expected in [0, 10, 1, 11] {
        assert_eq!(run.outputs.out.try_recv(), Some(expected));
    }
    Ok(())
}

/// What is late is late for everyone, and what windows and joins give comes in one order.
#[test]
fn windows_joins_and_late_records() -> Tested {
    let [a, b] = [6, 7].map(|seed| {
        let mut messages = messages(seed, 60);
        messages.retain(|message| matches!(message, StreamMessage::Data(_)));
        messages
    });
    let time = |rec: &Rec| LogicalTime(rec.id as i64);
    let keyed = |rec: Rec| (rec.id % 3, rec);
    let out = always!(
        graph! {
            a: event_time_by(time).disorder(Duration::from_millis(3)),
            b: event_time_by(time).disorder(Duration::from_millis(9)),
            all: merge(), key: map(keyed),
            windows: window(Tumbling::of(Duration::from_millis(10)), count()),
            strict_a: settle(Late::Aside), strict_b: settle(Late::Restamp),
            key_a: map(keyed), key_b: map(keyed),
            join: interval_join(-3, 3),
            graph.a => a.input,
            graph.b => b.input,
            a.out => [all.left, strict_a.input],
            b.out => [all.right, strict_b.input],
            all.out => key.input,
            key.out => windows.input,
            strict_a.out => key_a.input,
            strict_b.out => key_b.input,
            key_a.out => join.left,
            key_b.out => join.right,
            windows.out => show.input,
            windows.late => show_late.input,
            join.out => show_joined.input,
            show: map(|window| format!("{window:?}")),
            show_late: map(|late| format!("late {late:?}")),
            show_joined: map(|pair| format!("joined {pair:?}")),
            show.out => graph.out,
            show_late.out => graph.out,
            show_joined.out => graph.out,
        },
        in { a: a, b: b },
        out out
    );
    for kind in ["WindowResult", "late", "joined"] {
        assert!(out.iter().any(|(_, _, shown)| shown.starts_with(kind)), "{kind}: {out:?}");
    }
    Ok(())
}

/// Refuses every third number.
#[node(key = u64)]
pub(crate) struct Refuses {
    #[input(key = |rec| rec.id % 4)]
    input: Rec,
    #[output]
    out: Rec,
}

impl RefusesHandlers for Refuses {
    fn on_input(&self, rec: Rec, out: &mut impl RefusesOut) -> NodeResult {
        out.out(rec);
        if rec.id.is_multiple_of(3) { Err("3 divides it".into()) } else { Ok(()) }
    }
}

/// Dead letters come in one order, among themselves and among records.
#[test]
fn dead_letters() -> Tested {
    let [a, b] = [9, 10].map(|seed| messages(seed, 60));
    let out = always!(
        graph! {
            ask: Ask { flaky: Flaky::default() }, nap: nap(2),
            #[on_failure(dead_letter)]
            #[workers(2)]
            refuses: Refuses {},
            show: map(|rec: Rec| format!("{rec:?}")),
            show_letter: map(|letter| format!("{letter:?}")),
            graph.a => ask.input,
            graph.b => nap.input,
            ask.out => refuses.input,
            nap.out => refuses.input,
            refuses.out => show.input,
            refuses.dead_letters => show_letter.input,
            show.out => graph.out,
            show_letter.out => graph.out,
        },
        in { a: a, b: b },
        out out
    );
    let letters = out.iter().filter(|(_, _, shown)| shown.contains("3 divides it")).count();
    let refused = [&a, &b]
        .map(|messages| records_of(messages).iter().filter(|rec| rec.id.is_multiple_of(3)).count());
    assert_eq!(letters, refused.iter().sum::<usize>());
    assert!(letters > 10);
    Ok(())
}

/// Loops: times and rounds order what meets in them.
#[test]
fn loops() -> Tested {
    let mut sim = Simulation::new(8);
    let mut numbers = Vec::new();
    let mut last = 0;
    for _ in 0..15 {
        let data = sim.below(12) as i64 - 2;
        numbers.push(StreamMessage::Data(Timestamped {
            time: LogicalTime(last + sim.below(3) as i64),
            data,
        }));
        last += sim.below(2) as i64;
        numbers.push(StreamMessage::Watermark(LogicalTime(last)));
    }
    let out = always!(
        graph! {
            #[rounds(max = 100)] loop down { least: Least {}, down: Down {} },
            graph.numbers => least.numbers,
            #[boundary] least.out => down.numbers,
            down.again => feedback least.back,
            down.done => graph.done,
        },
        in { numbers: numbers },
        out done
    );
    assert!(!out.is_empty());
    Ok(())
}

/// A loop without times begins when what leads into it has ended, and goes by rounds from there.
#[test]
fn a_loop_without_times_on_workers() -> Tested {
    let mut sim = Simulation::new(9);
    let mut edges: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for _ in 0..90 {
        edges.entry(sim.below(40)).or_default().push(sim.below(40));
    }
    let starts: Vec<_> = [3, 30]
        .map(|data| StreamMessage::Data(Timestamped { time: LogicalTime(0), data }))
        .to_vec();
    let out = always!(
        graph! {
            #[workers(2)]
            #[rounds(max = 1000)] loop reach {
                reached: Reached {},
                next: Neighbours { edges: edges.clone() },
            },
            graph.starts => reached.starts,
            reached.new => next.places,
            next.out => feedback reached.back,
            reached.new => graph.reached,
        },
        in { starts: starts },
        out reached
    );
    assert!(out.len() > 2);
    Ok(())
}

#[test]
fn what_nothing_orders_is_refused() -> Tested {
    let mut graph = graph! {
        few: numbers(20, 1), many: numbers(100, 2), all: merge(),
        few.out => all.left,
        many.out => all.right,
        all.out => graph.out,
    };
    graph.set_mode(ExecutionMode::Deterministic);
    let refused = graph.inline().unwrap_err();
    assert!(matches!(&refused, StartError::Unordered { node, .. } if &**node == "all"));
    assert!(refused.to_string().contains("#[in_turn]"), "{refused}");

    let mut graph = graph! {
        #[workers(2)]
        number: Number {},
        feed: numbers(20, 1),
        feed.out => number.input,
        number.out => graph.out,
    };
    graph.set_mode(ExecutionMode::Deterministic);
    let refused = graph.inline().unwrap_err().to_string();
    assert!(refused.contains("`graph.out`"), "{refused}");

    // What is taken in turn has no frontier: nothing behind could be ordered by it before the end.
    let mut graph = graph! {
        few: numbers(20, 1), all: merge(), last: merge(),
        #[in_turn] few.out => all.left,
        graph.many => all.right,
        all.out => last.left,
        graph.more => last.right,
        last.out => graph.out,
    };
    graph.set_mode(ExecutionMode::Deterministic);
    let refused = graph.inline().unwrap_err().to_string();
    assert!(refused.contains("`last`"), "{refused}");
    Ok(())
}

/// Edges that come on together: what is put aside is not all there is, in a stage or at an output.
#[test]
fn what_waits_is_bounded_where_edges_are_level() -> Tested {
    const MANY: i64 = 200_000;
    let live = Arc::new(AtomicI64::new(0));
    let most = Arc::new(AtomicI64::new(0));
    let feed = || {
        let (live, most) = (Arc::clone(&live), Arc::clone(&most));
        from_iter((0..MANY).inspect(move |_| {
            most.fetch_max(live.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        }))
    };
    let times = || in_order_by(|n: &i64| LogicalTime(*n / 100));
    let done = Arc::clone(&live);
    let mut graph = graph! {
        a: feed(), b: feed(), times_a: times(), times_b: times(), both: merge(),
        done: for_each(move |_: i64| {
            done.fetch_sub(1, Ordering::Relaxed);
        }),
        a.out => times_a.input,
        b.out => times_b.input,
        times_a.out => both.left,
        times_b.out => both.right,
        both.out => done.input,
    };
    graph.set_mode(ExecutionMode::Deterministic);
    graph.inline()?.drain()?;
    assert_eq!(live.load(Ordering::Relaxed), 0);
    let waited = most.swap(0, Ordering::Relaxed);
    assert!(waited < 100_000, "{waited} records at once");

    let mut graph = graph! {
        a: feed(), b: feed(), times_a: times(), times_b: times(),
        a.out => times_a.input,
        b.out => times_b.input,
        times_a.out => graph.out,
        times_b.out => graph.out,
    };
    graph.set_mode(ExecutionMode::Deterministic);
    let mut run = graph.inline()?;
    for _ in 0..2 * MANY {
        if run.outputs.out.try_recv().is_none() {
            run.step()?;
            assert!(run.outputs.out.try_recv().is_some());
        }
        live.fetch_sub(1, Ordering::Relaxed);
    }
    let waited = most.load(Ordering::Relaxed);
    assert!(waited < 100_000, "{waited} records at once at the output");
    Ok(())
}

#[tokio::test]
async fn an_output_that_has_ended_stays_so() -> Tested {
    let mut graph = graph! {
        left: via(1), right: via(2),
        graph.a => left.input,
        graph.b => right.input,
        left.out => graph.out,
        right.out => graph.out,
    };
    graph.set_mode(ExecutionMode::Deterministic);
    let mut run = graph.start()?.close_inputs();
    assert_eq!(run.outputs.out.recv().await, None);
    let again = run.outputs.out.poll_recv(&mut Task::from_waker(Waker::noop()));
    assert_eq!(again, Poll::Ready(None));
    run.drain().await?;
    Ok(())
}

/// When it is written depends on how much there is, and not on the clock.
#[tokio::test]
async fn sinks_write_without_a_clock() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("lines");
    let mut graph = graph! {
        numbers: from_iter(0..5_u64), sink: FileLinesSink::create(&path),
        numbers.out => sink.records,
    };
    graph.set_mode(ExecutionMode::Deterministic);
    graph.start()?.drain().await?;
    assert_eq!(std::fs::read_to_string(&path)?, "0\n1\n2\n3\n4\n");
    Ok(())
}

/// A timer of the clock would make the result depend on it.
#[tokio::test]
async fn timers_of_the_clock_fail_in_a_started_graph() {
    let mut graph = graph! {
        wait: delay(Duration::from_secs(1)),
        graph.records => wait.input,
        wait.out => graph.records,
    };
    graph.set_mode(ExecutionMode::Deterministic);
    let run = graph.start().unwrap();
    run.inputs.records.send(1_u64).await.unwrap();
    let failed = run.drain().await.unwrap_err().to_string();
    assert!(failed.contains("deterministic"), "{failed}");
}

/// So does a node that asks for the time: it would stand still.
#[tokio::test]
async fn nodes_that_ask_for_the_time_fail_in_a_started_graph() -> Tested {
    macro_rules! fails {
        ($graph:expr) => {{
            let mut graph = $graph;
            graph.set_mode(ExecutionMode::Deterministic);
            let failed = graph.start()?.drain().await.unwrap_err().to_string();
            assert!(failed.contains("deterministic"), "{failed}");
        }};
    }
    let period = Duration::from_secs(1);
    fails!(graph! { ticks: interval(period), ticks.out => graph.ticks });
    fails!(graph! {
        numbers: from_iter(0..5), few: throttle(period),
        numbers.out => few.input,
        few.out => graph.few,
    });
    fails!(graph! {
        numbers: from_iter(0..5), slower: rate_limit(1, period),
        numbers.out => slower.input,
        slower.out => graph.slower,
    });
    Ok(())
}

/// An input that is idle is waited for: when it comes back is not for the clock to say.
#[test]
fn idle_inputs_are_waited_for() -> Tested {
    let time = |id: i64| LogicalTime(id);
    let mut graph = graph! {
        left: event_time_by(|n: &i64| LogicalTime(*n)).idle_after(Duration::from_secs(1)),
        right: in_order_by(|n: &i64| LogicalTime(*n)),
        join: merge(),
        graph.left => left.input,
        graph.right => right.input,
        left.out => join.left,
        right.out => join.right,
        join.out => graph.out,
    };
    graph.set_mode(ExecutionMode::Deterministic);
    let mut run = graph.inline()?;
    run.inputs.left.try_send(1)?;
    run.inputs.right.try_send(7)?;
    run.advance(Duration::from_secs(60))?;
    run.inputs.left.idle();
    run.step()?;
    assert_eq!(run.outputs.out.try_recv_timed(), None);
    run.inputs.left.try_send(9)?;
    run.step()?;
    assert_eq!(run.outputs.out.try_recv_timed(), Some((Some(time(1)), 1)));
    assert_eq!(run.outputs.out.try_recv_timed(), None);
    let mut run = run.close_inputs()?;
    assert_eq!(run.outputs.out.try_recv_timed(), Some((Some(time(7)), 7)));
    assert_eq!(run.outputs.out.try_recv_timed(), Some((Some(time(9)), 9)));
    Ok(())
}
