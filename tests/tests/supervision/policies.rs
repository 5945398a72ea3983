//! What becomes of the record: left out, made a dead letter, tried again, and how often.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use streamweave::graph::{RunError, StartError};
use streamweave::nodes::{event_time_by, try_map};
use streamweave::prelude::*;
use streamweave::supervision::OnFailure;
use streamweave::testing::simulate;
use streamweave::{Frontier, LogicalTime, NodeError};

use crate::bomb::{Bomb, quiet};
use crate::nodes::*;
use crate::{Tested, play};

/// Fails at each number that 7 divides: by a panic where 2 divides it, too.
#[node(key = u64)]
pub(crate) struct Picky {
    #[input(key = |n| n % 3)]
    input: u64,
    /// Passes.
    #[input(key = |n| n % 3)]
    extra: u64,
    #[output]
    out: (u64, u64),
    #[state]
    seen: Keyed<u64, u64>,
    #[scratch]
    dirty: bool,
}

impl Picky {
    fn take(state: &mut PickyState, n: u64, out: &mut impl PickyOut) -> NodeResult {
        assert!(!state.dirty, "what panicked has left its scratch behind");
        let seen = state.seen.entry(n % 3);
        *seen += 1;
        out.out((n, *seen));
        if n.is_multiple_of(14) {
            state.dirty = true;
            panic!("trapped");
        }
        if n.is_multiple_of(7) { Err(NodeError::new("7 divides it")) } else { Ok(()) }
    }
}

impl PickyHandlers for Picky {
    fn on_input(&self, state: &mut PickyState, n: u64, out: &mut impl PickyOut) -> NodeResult {
        Self::take(state, n, out)
    }
    fn on_extra(&self, state: &mut PickyState, n: u64, out: &mut impl PickyOut) -> NodeResult {
        Self::take(state, n, out)
    }
}

/// What the rest gives.
fn numbered(numbers: impl Iterator<Item = u64>) -> Vec<(u64, u64)> {
    let mut seen = [0; 3];
    let good = numbers.filter(|n| n % 7 != 0);
    good.map(|n| {
        seen[(n % 3) as usize] += 1;
        (n, seen[(n % 3) as usize])
    })
    .collect()
}

#[test]
fn left_out() -> Tested {
    quiet();
    simulate(200, |sim| {
        let graph = graph! {
            #[on_failure(skip)]
            picky: Picky {},
            graph.numbers => picky.input,
            graph.extra => picky.extra,
            picky.out => graph.out,
        };
        let (inputs, outputs, mut run) = sim.start(graph)?.split();
        let (out, mut failures) = (run.capture(outputs.out), run.failures());
        run.feed(inputs.numbers, 0..100);
        drop(inputs.extra);
        run.until_idle()?;
        assert_eq!(out.items(), numbered(0..100));
        let node = run.metrics().nodes.remove(0);
        assert_eq!((node.records_in, node.skipped, node.restarts), (100, 15, 8));
        for n in (0..100).filter(|n| n % 7 == 0) {
            let report = failures.try_recv().unwrap();
            assert_eq!((report.on_failure, report.failure.position), (OnFailure::Skip, n));
            assert_eq!(report.restarted.len(), usize::from(n.is_multiple_of(14)));
        }
        assert!(failures.try_recv().is_none());
        Ok(())
    })?;
    Ok(())
}

/// Fails at odd numbers, so often as is left.
#[node]
struct Flaky {
    #[input]
    input: u64,
    #[output]
    out: (u64, u64),
    #[state]
    taken: Value<u64>,
    left: Arc<AtomicU64>,
}

impl FlakyHandlers for Flaky {
    fn on_input(&self, state: &mut FlakyState, n: u64, out: &mut impl FlakyOut) -> NodeResult {
        *state.taken.get_mut() += 1;
        out.out((n, *state.taken));
        let left = self.left.load(Ordering::Relaxed);
        if n % 2 == 1 && left > 0 {
            self.left.store(left - 1, Ordering::Relaxed);
            return Err(NodeError::new(format!("{left} left")));
        }
        Ok(())
    }
}

/// Each record has its own tries, and what comes of them is seen once.
#[test]
fn left_out_after_some_tries() -> Tested {
    quiet();
    simulate(100, |sim| {
        let left = Arc::new(AtomicU64::new(7));
        let graph = graph! {
            #[on_failure(dead_letter, retry = 2, backoff = "100ms..1s")]
            flaky: Flaky { left: Arc::clone(&left) },
            graph.numbers => flaky.input,
            graph.others => flaky.input,
            flaky.out => graph.out,
            flaky.dead_letters => graph.poison,
        };
        let (inputs, outputs, mut run) = sim.start(graph)?.split();
        let (out, poison) = (run.capture(outputs.out), run.capture(outputs.poison));
        run.feed(inputs.numbers, [0, 1, 2, 3, 5, 7]);
        // These come in between, and have nothing to do with it.
        run.feed(inputs.others, (0..20).map(|n| 2 * n + 100));
        run.until_idle()?;
        let (mut got, taken): (Vec<_>, Vec<_>) = out.items().into_iter().unzip();
        // What fails is not counted.
        assert_eq!(taken, (1..=24).collect::<Vec<_>>());
        got.retain(|n| *n < 100);
        // 1 and 3 fail three times each, 5 once: the rest is none.
        assert_eq!(got, [0, 2, 5, 7]);
        let letters = poison.items().into_iter();
        let letters: Vec<_> = letters.map(|letter| (letter.record, letter.error)).collect();
        let expected = [(1, "5 left"), (3, "2 left")];
        assert_eq!(letters.len(), expected.len());
        for ((record, error), expected) in letters.into_iter().zip(expected) {
            let FlakyInput::Input(n) = record else { panic!("no record") };
            assert_eq!((n, &*error), expected);
        }
        let node = run.metrics().nodes.remove(0);
        assert_eq!((node.dead_letters, node.restarts), (2, 0));
        Ok(())
    })?;
    Ok(())
}

#[test]
fn dead_letters() -> Tested {
    quiet();
    simulate(200, |sim| {
        let graph = graph! {
            times: event_time_by(|n: &u64| LogicalTime(*n as i64)),
            #[on_failure(dead_letter)]
            #[workers(2)]
            picky: Picky {},
            graph.numbers => times.input,
            times.out => picky.input,
            graph.extra => picky.extra,
            picky.out => graph.out,
            picky.dead_letters => graph.poison,
        };
        let (inputs, outputs, mut run) = sim.start(graph)?.split();
        let (out, poison) = (run.capture(outputs.out), run.capture(outputs.poison));
        run.feed(inputs.numbers, 0..100);
        drop(inputs.extra);
        run.until_idle()?;
        let mut got = out.items();
        got.sort();
        assert_eq!(got, numbered(0..100));
        let mut letters: Vec<_> = poison
            .items()
            .into_iter()
            .map(|letter| {
                let PickyInput::Input(n) = letter.record else { panic!("of another input") };
                assert!(letter.node.starts_with("picky#"), "{}", letter.node);
                assert_eq!(letter.time, Some(LogicalTime(n as i64)));
                let panicked = letter.error == "panicked: trapped";
                assert!(panicked || letter.error == "7 divides it", "{}", letter.error);
                assert_eq!(panicked, n.is_multiple_of(14));
                n
            })
            .collect();
        letters.sort_unstable();
        assert_eq!(letters, (0..100).filter(|n| n % 7 == 0).collect::<Vec<_>>());
        assert!(poison.has_ended());
        let letters: u64 = run.metrics().nodes.iter().map(|node| node.dead_letters).sum();
        assert_eq!(letters, 15);
        Ok(())
    })?;
    Ok(())
}

/// A node whose dead letters are all that is connected.
#[node]
pub(crate) struct Only {
    #[input]
    input: u64,
}

impl OnlyHandlers for Only {
    fn on_input(&self, n: u64, _: &mut impl OnlyOut) -> NodeResult {
        if n.is_multiple_of(10) { Err("10 divides it".into()) } else { Ok(()) }
    }
}

#[test]
fn dead_letters_of_a_sink() -> Tested {
    let graph = graph! {
        #[on_failure(dead_letter)]
        only: Only {},
        graph.numbers => only.input,
        only.dead_letters => graph.poison,
    };
    let mut run = graph.inline()?;
    for n in 0..100 {
        run.inputs.numbers.try_send(n)?;
        run.step()?;
    }
    let mut positions = Vec::new();
    while let Some(letter) = run.outputs.poison.try_recv() {
        positions.push(letter.position);
    }
    assert_eq!(positions, (0..100).step_by(10).collect::<Vec<_>>());
    Ok(())
}

/// A timer that fails is a dead letter, too, and those behind it fire.
#[node(key = u64)]
pub(crate) struct Alarms {
    #[input(key = |n| n)]
    input: u64,
    #[output]
    out: u64,
}

impl AlarmsHandlers for Alarms {
    fn on_input(&self, n: u64, out: &mut impl AlarmsOut) -> NodeResult {
        out.set_timer("due", TimerAt::Event(LogicalTime(n as i64)));
        Ok(())
    }
    fn on_timer(&self, timer: Timer<u64>, out: &mut impl AlarmsOut) -> NodeResult {
        out.out(timer.key);
        if timer.key.is_multiple_of(5) { Err("5 divides it".into()) } else { Ok(()) }
    }
}

#[test]
fn timers_that_fail() -> Tested {
    simulate(100, |sim| {
        let graph = graph! {
            times: event_time_by(|n: &u64| LogicalTime(*n as i64)),
            #[on_failure(dead_letter, retry = 2)]
            alarms: Alarms {},
            graph.numbers => times.input,
            times.out => alarms.input,
            alarms.out => graph.out,
            alarms.dead_letters => graph.poison,
        };
        let (out, poison) = play!(sim, graph, in { numbers: 0..30 }, out { out, poison });
        assert_eq!(out, (0..30).filter(|n| n % 5 != 0).collect::<Vec<_>>());
        let timers = poison.into_iter().map(|letter| match letter.record {
            AlarmsInput::OnTimer(timer) => (timer.key, timer.name),
            AlarmsInput::Input(n) => panic!("record {n}"),
        });
        assert!(timers.eq((0..30).step_by(5).map(|n| (n, "due"))));
        Ok(())
    })?;
    Ok(())
}

/// Poison that is tried again uses the restarts up, and the graph stops with its report.
#[test]
fn no_restart_is_left() -> Tested {
    let graph = graph! {
        #[restart(max = 3)]
        check: try_map(|n: u64| if n == 4 { Err("no") } else { Ok(n) }),
        graph.numbers => check.input,
        check.out => graph.out,
    };
    let mut run = graph.inline()?;
    let mut failures = run.failures();
    for n in 0..10 {
        run.inputs.numbers.try_send(n)?;
    }
    let error = run.step().unwrap_err();
    let RunError::Failed { failure, .. } = &error else { return Err(error.into()) };
    assert_eq!((&*failure.node, failure.position), ("check", 4));
    // What came before has gone on its way.
    let before: Vec<u64> = std::iter::from_fn(|| run.outputs.out.try_recv()).collect();
    assert_eq!(before, [0, 1, 2, 3]);
    let treated: Vec<_> =
        std::iter::from_fn(|| failures.try_recv()).map(|r| r.on_failure).collect();
    let retry = OnFailure::Retry;
    assert_eq!(treated, [retry, retry, retry, OnFailure::Stop]);
    Ok(())
}

#[test]
fn nothing_is_tried_again_that_cannot_be_copied() {
    /// Another type's ports, so that the macro cannot see that its records are not `Clone`.
    fn graph() -> Result<(), StartError> {
        graph! {
            #[restart(max = 3)]
            inner: Handed::new(),
            graph.items => inner.items,
            inner.out => graph.out,
        }
        .inline()
        .map(drop)
    }
    let refused = graph().unwrap_err().to_string();
    assert!(refused.contains("`inner/items`") && refused.contains("Clone"), "{refused}");
}

graph! {
    struct Sourced(bomb: Bomb) {
        #[output] out: u64,
        upto: Upto { end: 20, bomb: Bomb::at(u64::MAX, false) },
        pass: Pass { bomb },
        upto.out => pass.input,
        pass.out => graph.out,
    }
}

graph! {
    struct Bounded(bomb: Bomb) {
        #[output] out: u64,
        upto: Upto { end: 20, bomb: Bomb::at(u64::MAX, false) },
        pass: Pass { bomb },
        #[boundary]
        upto.out => pass.input,
        pass.out => graph.out,
    }
}

/// Within a nested graph a source and what is behind it are one stage, which keeps no records: a policy over
/// both is not to be forgotten silently.
#[test]
fn a_policy_over_a_source_and_more_needs_a_boundary() -> Tested {
    let bomb = || Bomb::at(7, false);
    let refused =
        graph! { #[restart(max = 3)] inner: Sourced::new(bomb()), inner.out => graph.out }
            .inline()
            .unwrap_err();
    assert!(matches!(refused, StartError::BehindSource { .. }), "{refused}");
    let said = refused.to_string();
    assert!(said.contains("`inner/upto`") && said.contains("`inner/pass`"), "{said}");
    let mut run =
        graph! { #[restart(max = 3)] inner: Bounded::new(bomb()), inner.out => graph.out }
            .inline()?;
    run.step()?;
    let out: Vec<_> = std::iter::from_fn(|| run.outputs.out.try_recv()).collect();
    assert_eq!(out, (0..20).collect::<Vec<_>>());
    Ok(())
}

/// Takes what cannot be copied.
#[node]
pub(crate) fn take(item: NotClone) -> u64 {
    item.0
}

graph! {
    pub(crate) struct Handed() {
        #[input] items: NotClone,
        #[output] out: u64,
        take: Take,
        graph.items => take.input,
        take.out => graph.out,
    }
}

/// What was counted is lost with a fresh state; with the state that is kept it is not.
#[test]
fn fresh_state() -> Tested {
    quiet();
    let bomb = || Bomb::at(10, true);
    let kept = graph! {
        #[restart(max = 1)]
        tally: Tally { bomb: bomb() },
        graph.numbers => tally.input,
        tally.out => graph.out,
    };
    let fresh = graph! {
        #[restart(max = 1, state = "fresh")]
        tally: Tally { bomb: bomb() },
        graph.numbers => tally.input,
        tally.out => graph.out,
    };
    macro_rules! last {
        ($graph:expr) => {{
            let mut run = $graph.inline()?;
            for n in 0..=10 {
                run.inputs.numbers.try_send(n)?;
            }
            run.step()?;
            std::iter::from_fn(|| run.outputs.out.try_recv()).last()
        }};
    }
    assert_eq!(last!(kept), Some((10, 4)));
    assert_eq!(last!(fresh), Some((10, 1)));
    Ok(())
}

/// While a node is down its frontier stands, its neighbours go on, and nothing is lost.
#[test]
pub(crate) fn down_for_a_while() -> Tested {
    let graph = graph! {
        times: event_time_by(|n: &u64| LogicalTime(*n as i64)),
        #[restart(max = 1, backoff = "8s")]
        pass: Pass { bomb: Bomb::at(3, false) },
        beside: Pass { bomb: Bomb::at(u64::MAX, false) },
        graph.numbers => times.input,
        times.out => [pass.input, beside.input],
        pass.out => graph.out,
        beside.out => graph.beside,
    };
    let mut run = graph.inline()?;
    for n in 0..10 {
        run.inputs.numbers.try_send(n)?;
        run.step()?;
    }
    fn read(output: &mut streamweave::graph::Output<u64>) -> Vec<u64> {
        std::iter::from_fn(|| output.try_recv()).collect()
    }
    assert_eq!(read(&mut run.outputs.beside), (0..10).collect::<Vec<_>>());
    assert_eq!(read(&mut run.outputs.out), [0, 1, 2]);
    let progress = run.progress().of("pass").unwrap();
    assert_eq!(progress.frontier(), Some(Frontier::At(LogicalTime(2))));
    // Up to a half is taken off the wait.
    run.advance(Duration::from_secs(3))?;
    assert!(read(&mut run.outputs.out).is_empty());
    run.advance(Duration::from_secs(5))?;
    assert_eq!(read(&mut run.outputs.out), (3..10).collect::<Vec<_>>());
    assert_eq!(progress.frontier(), Some(Frontier::At(LogicalTime(9))));
    Ok(())
}

/// Fails each answer once.
#[node(async, concurrency = 3, ordered)]
pub(crate) struct FailsOnce {
    #[input]
    input: &u64,
    #[output]
    out: u64,
    failed: std::sync::Mutex<std::collections::BTreeSet<u64>>,
}

impl FailsOnceHandlers for FailsOnce {
    type Answer = u64;
    async fn call(&self, n: &u64) -> NodeResult<u64> {
        Ok(*n)
    }
    fn complete(&self, n: u64, out: &mut impl FailsOnceOut) -> NodeResult {
        out.out(n);
        if self.failed.lock().unwrap().insert(n) { Err("busy".into()) } else { Ok(()) }
    }
}

/// Of each input none is lost and none overtakes another, however many fail.
#[test]
fn calls_that_all_fail_once() -> Tested {
    simulate(200, |sim| {
        let graph = graph! {
            #[restart(max = 1000)]
            ask: FailsOnce { failed: std::sync::Mutex::default() },
            graph.a => ask.input,
            graph.b => ask.input,
            ask.out => graph.out,
        };
        let got = play!(sim, graph, in { a: 0..30, b: 100..130 }, out { out });
        let of = |range: std::ops::Range<u64>| {
            got.iter().copied().filter(|n| range.contains(n)).collect::<Vec<_>>()
        };
        assert_eq!(of(0..30), (0..30).collect::<Vec<_>>());
        assert_eq!(of(100..130), (100..130).collect::<Vec<_>>());
        Ok(())
    })?;
    Ok(())
}

graph! {
    /// Timers that fail, behind another node of their stage.
    pub(crate) struct Ringing() {
        #[input] numbers: u64,
        #[output] out: u64,
        before: streamweave::nodes::map(|n: u64| n),
        alarms: Alarms {},
        graph.numbers => before.input,
        before.out => alarms.input,
        alarms.out => graph.out,
    }
}

#[test]
fn timers_that_fail_in_a_nested_graph() -> Tested {
    simulate(100, |sim| {
        let graph = graph! {
            times: event_time_by(|n: &u64| LogicalTime(*n as i64)),
            #[on_failure(skip)]
            inner: Ringing::new(),
            graph.numbers => times.input,
            times.out => inner.numbers,
            inner.out => graph.out,
        };
        let got = play!(sim, graph, in { numbers: 0..30 }, out { out });
        assert_eq!(got, (0..30).filter(|n| n % 5 != 0).collect::<Vec<_>>());
        Ok(())
    })?;
    Ok(())
}

#[test]
fn a_graph_has_no_dead_letters() {
    let graph = graph! {
        #[on_failure(dead_letter)]
        inner: Ringing::new(),
        graph.numbers => inner.numbers,
        inner.out => graph.out,
        inner.dead_letters => graph.poison,
    };
    let refused = graph.inline().map(drop).unwrap_err().to_string();
    assert!(refused.contains("`inner` is a graph"), "{refused}");
}
