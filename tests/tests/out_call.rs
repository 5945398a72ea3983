//! `out.call(..)`: what a serial asynchronous handler asks of somebody outside.
#![allow(missing_docs, missing_debug_implementations, clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use streamweave::graph::{ExecutionMode, RunError};
use streamweave::node::{BoxFuture, CallFailed, TimedOut};
use streamweave::prelude::*;
use streamweave::testing::{Simulation, simulate};

type Tested = Result<(), Box<dyn std::error::Error>>;

const SEEDS: u64 = 300;
const MS: Duration = Duration::from_millis(1);

/// What becomes of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Answers,
    Fails,
    /// Is never answered.
    Hangs,
    Panics,
    /// Panics before there is anything to await.
    PanicsAtOnce,
    /// Is answered when the run's clock has moved on by so much since the handler was called.
    Takes(Duration),
}

use Fate::{Answers, Fails, Hangs, Panics, PanicsAtOnce, Takes};

/// Knows the fate of each attempt for a number, one after the other; behind these it answers.
#[derive(Clone, Debug, Default)]
struct Service(Arc<Mutex<BTreeMap<u64, Vec<Fate>>>>);

impl Service {
    fn with(fates: impl IntoIterator<Item = (u64, Vec<Fate>)>) -> Self {
        Service(Arc::new(Mutex::new(fates.into_iter().collect())))
    }
    fn next(&self, n: u64) -> Fate {
        let mut fates = self.0.lock().unwrap();
        let fates = fates.entry(n).or_default();
        if fates.is_empty() { Answers } else { fates.remove(0) }
    }
    /// The longest that an answer for this number takes.
    fn longest(&self, n: u64) -> Duration {
        let fates = self.0.lock().unwrap();
        let takes = fates.get(&n).into_iter().flatten().map(|fate| match fate {
            Takes(pause) => *pause,
            _ => Duration::ZERO,
        });
        takes.max().unwrap_or_default()
    }
    /// What was not asked for.
    fn left(&self) -> usize {
        self.0.lock().unwrap().values().map(Vec::len).sum()
    }
}

async fn answer(n: u64, fate: Fate, pause: BoxFuture<'static, ()>) -> Result<u64, std::fmt::Error> {
    match fate {
        Answers => Ok(n * 10),
        Fails => Err(std::fmt::Error),
        Takes(_) => {
            pause.await;
            Ok(n * 10)
        }
        Hangs => std::future::pending().await,
        Panics | PanicsAtOnce => panic!("trapped"),
    }
}

/// Numbers what the service gives. It counts before it asks, so that what was changed before is seen.
#[node(async)]
struct Ask {
    #[input]
    numbers: &u64,
    #[output]
    out: (u64, u64),
    #[state]
    seen: Value<u64>,
    service: Service,
    retries: u32,
}

impl AskHandlers for Ask {
    async fn on_numbers(&self, state: &mut AskState, n: &u64, out: &mut impl AskOut) -> NodeResult {
        *state.seen.get_mut() += 1;
        let mut pauses = vec![out.sleep(self.service.longest(*n))];
        let ask = || {
            let fate = self.service.next(*n);
            if fate == PanicsAtOnce {
                panic!("trapped");
            }
            answer(*n, fate, pauses.pop().unwrap_or_else(|| Box::pin(std::future::pending())))
        };
        let call = out.call(ask).timeout(20 * MS).retries(self.retries).backoff(10 * MS, 15 * MS);
        let answer = call.await?;
        out.out((*state.seen, answer));
        Ok(())
    }
}

fn ask(service: &Service, retries: u32) -> Ask {
    Ask { service: service.clone(), retries }
}

/// What all of them give where nothing fails for good.
fn answers(numbers: impl IntoIterator<Item = u64>) -> Vec<(u64, u64)> {
    (1..).zip(numbers).map(|(seen, n)| (seen, n * 10)).collect()
}

macro_rules! graph_of {
    ($ask:expr) => {
        graph! {
            ask: $ask,
            graph.numbers => ask.numbers,
            ask.out => graph.out,
        }
    };
}

/// Each attempt has its limit, and each wait is twice the last one, up to the longest.
#[test]
fn attempts_and_waits_take_their_time() -> Tested {
    let service = Service::with([
        (1, vec![Fails]),
        (2, vec![Fails, Fails, Fails]),
        (3, vec![Hangs]),
        (4, vec![Hangs, Fails, Hangs]),
        (5, vec![Takes(19 * MS)]),
        (6, vec![Takes(20 * MS)]),
    ]);
    let (inputs, outputs, mut run) = graph_of!(ask(&service, 3)).inline()?.split();
    let out = run.capture(outputs.out);
    run.feed(inputs.numbers, 0..7);
    run.until_idle()?;
    assert_eq!(out.items(), answers(0..7));
    let clocked = out.clocked();
    let took: Vec<_> = clocked.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    // The answer that comes at the limit is in time.
    assert_eq!(took, [10, 10 + 15 + 15, 20 + 10, 20 + 10 + 15 + 20 + 15, 19, 20]);
    assert_eq!((service.left(), out.has_ended()), (0, true));
    Ok(())
}

/// Whatever becomes of the attempts, the answers are those of a run in which all succeed.
#[test]
fn what_succeeds_in_the_end_is_as_if_it_had_at_once() -> Tested {
    simulate(SEEDS, |sim| {
        let count = sim.below(30);
        let service = any_fates(sim, count, 3);
        let (inputs, outputs, mut run) = sim.start(graph_of!(ask(&service, 3)))?.split();
        let out = run.capture(outputs.out);
        run.feed(inputs.numbers, 0..count);
        run.until_idle()?;
        assert_eq!((out.items(), service.left()), (answers(0..count), 0));
        Ok(())
    })?;
    Ok(())
}

/// Up to `most` attempts fail for each number, in one way or another; the one behind them may take a while.
fn any_fates(sim: &mut Simulation, count: u64, most: u64) -> Service {
    Service::with((0..count).map(|n| {
        let mut fates: Vec<_> =
            (0..sim.below(most + 1)).map(|_| any_of(sim, [Fails, Hangs])).collect();
        if fates.is_empty() && sim.below(3) == 0 {
            fates.push(Takes(MS * (1 + sim.below(19) as u32)));
        }
        (n, fates)
    }))
}

fn any_of<const N: usize>(sim: &mut Simulation, fates: [Fate; N]) -> Fate {
    fates[sim.below(N as u64) as usize]
}

#[test]
fn the_last_attempt_is_told_with_how_many_there_were() -> Tested {
    let told = |fates: &[Fate], retries| {
        let service = Service::with([(2, fates.to_vec())]);
        let (inputs, outputs, mut run) = graph_of!(ask(&service, retries)).inline()?.split();
        let out = run.capture(outputs.out);
        run.feed(inputs.numbers, 0..5);
        let error = run.until_idle().unwrap_err().to_string();
        assert_eq!((out.items(), out.has_ended(), service.left()), (answers(0..2), false, 0));
        Ok::<_, Box<dyn std::error::Error>>(error)
    };
    let hung = told(&[Fails, Fails, Hangs], 2)?;
    let last = "node `ask` failed at numbers record 2: 3 attempts failed, the last with: no answer within 20ms";
    assert!(hung.ends_with(last), "{hung}");
    let failed = told(&[Fails], 0)?;
    let error = std::fmt::Error;
    assert!(
        failed.ends_with(&format!("node `ask` failed at numbers record 2: {error}")),
        "{failed}"
    );
    let panicked = told(&[Fails, Panics], 3)?;
    assert!(
        panicked.ends_with("node `ask` failed at numbers record 2: panicked: trapped"),
        "{panicked}"
    );
    assert_eq!(told(&[Fails, PanicsAtOnce], 3)?, panicked);
    Ok(())
}

/// Sends how its calls fail.
#[node(async)]
struct Tell {
    #[input]
    numbers: u64,
    #[output]
    out: (u32, bool),
}

impl TellHandlers for Tell {
    async fn on_numbers(&self, n: u64, out: &mut impl TellOut) -> NodeResult {
        let never = || std::future::pending::<NodeResult>();
        let Err(failed) = out.call(never).timeout(MS).retries(n as u32).await else {
            return Ok(());
        };
        let CallFailed { attempts, error } = failed;
        out.out((attempts, error.as_error().is::<TimedOut>()));
        Ok(())
    }
}

#[test]
fn a_handler_may_go_on_without_an_answer() -> Tested {
    let (inputs, outputs, mut run) = graph_of!(Tell {}).inline()?.split();
    let out = run.capture(outputs.out);
    run.feed(inputs.numbers, [0, 1, 4]);
    run.until_idle()?;
    assert_eq!(out.items(), [(1, true), (2, true), (5, true)]);
    Ok(())
}

/// Of a unit that fails, whichever attempt it was in, nothing is left, and the next try of it begins anew.
#[test]
fn a_unit_that_fails_in_a_call_is_undone_and_tried_again() -> Tested {
    quiet();
    simulate(SEEDS, |sim| {
        let count = 1 + sim.below(30);
        let service = any_fates(sim, count, 1);
        // Each of these fails its unit as a whole: by all attempts, or by a panic in one of them.
        for _ in 0..sim.below(5) {
            let mut whole = vec![any_of(sim, [Fails, Hangs])];
            whole.push(any_of(sim, [Fails, Hangs, Panics, PanicsAtOnce]));
            let mut fates = service.0.lock().unwrap();
            fates.entry(sim.below(count)).or_default().splice(..0, whole);
        }
        let graph = graph! {
            #[restart(max = 9, backoff = "1ms..5ms")]
            ask: ask(&service, 1),
            graph.numbers => ask.numbers,
            ask.out => graph.out,
        };
        let (inputs, outputs, mut run) = sim.start(graph)?.split();
        let out = run.capture(outputs.out);
        run.feed(inputs.numbers, 0..count);
        run.until_idle()?;
        assert_eq!((out.items(), service.left()), (answers(0..count), 0));
        Ok(())
    })?;
    Ok(())
}

/// What fails for good is left out, and was not counted.
#[test]
fn a_unit_that_is_left_out_has_changed_nothing() -> Tested {
    simulate(SEEDS, |sim| {
        let (count, retries) = (sim.below(30), sim.below(3) as u32);
        let bad: Vec<_> = (0..count).filter(|_| sim.below(4) == 0).collect();
        let fates =
            bad.iter().map(|n| (*n, vec![any_of(sim, [Fails, Hangs]); retries as usize + 1]));
        let service = Service::with(fates);
        let graph = graph! {
            #[on_failure(dead_letter)]
            ask: ask(&service, retries),
            graph.numbers => ask.numbers,
            ask.out => graph.out,
            ask.dead_letters => graph.poison,
        };
        let (inputs, outputs, mut run) = sim.start(graph)?.split();
        let (out, poison) = (run.capture(outputs.out), run.capture(outputs.poison));
        run.feed(inputs.numbers, 0..count);
        run.until_idle()?;
        assert_eq!(out.items(), answers((0..count).filter(|n| !bad.contains(n))));
        let letters = poison.items().into_iter().map(|letter| match letter.record {
            AskInput::Numbers(n) => n,
            AskInput::OnTimer(_) => panic!("it has no timers"),
        });
        assert_eq!(letters.collect::<Vec<_>>(), bad);
        Ok(())
    })?;
    Ok(())
}

/// Gives numbers, and goes on behind the last when it is restored.
#[node(source, rewindable)]
struct Numbers {
    #[output]
    out: u64,
    #[state]
    next: Value<u64>,
    end: u64,
}

impl NumbersHandlers for Numbers {
    async fn next(&self, state: &mut NumbersState, out: &mut impl NumbersOut) -> NodeResult<More> {
        if *state.next == self.end {
            return Ok(More::End);
        }
        out.out(*state.next);
        *state.next.get_mut() += 1;
        Ok(More::Now)
    }
}

/// Keeps all that comes, and how often it has come.
#[node(sink)]
struct Ledger {
    #[input]
    input: (u64, u64),
    #[state]
    entries: Value<Entries>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Entries(BTreeMap<(u64, u64), u64>);

impl LedgerHandlers for Ledger {
    fn on_input(
        &self,
        state: &mut LedgerState,
        entry: (u64, u64),
        _: &mut impl LedgerOut,
    ) -> NodeResult {
        *state.entries.get_mut().0.entry(entry).or_default() += 1;
        Ok(())
    }
}

/// A cut that is asked for while a call is under way has the record's unit whole: what goes on from it, and
/// what it was taken from, end as a run that nobody has disturbed.
#[test]
fn a_cut_during_a_call_has_the_unit_whole() -> Tested {
    simulate(SEEDS, |sim| {
        let count = 1 + sim.below(20);
        let make = |service: &Service| {
            graph! {
                numbers: Numbers { end: count },
                ask: ask(service, 3),
                ledger: Ledger {},
                numbers.out => ask.numbers,
                #[buffer(1)] ask.out => ledger.input,
            }
        };
        let whole = make(&Service::default()).inline()?;
        let undisturbed = whole.split().2.drain()?.state;
        let service = any_fates(sim, count, 3);
        let (_, _, mut run) = sim.start(make(&service))?.split();
        run.advance(MS * sim.below(200) as u32)?;
        let cut = if sim.below(2) == 0 { run.cut()? } else { run.cut_unaligned()? };
        run.until_idle()?;
        assert_eq!(run.drain()?.state.get("ledger"), undisturbed.get("ledger"));
        // What was asked before the cut is asked again where its unit is behind it.
        let mut graph = make(&any_fates(sim, count, 3));
        graph.restore(&cut)?;
        let (_, _, mut run) = sim.start(graph)?.split();
        run.until_idle()?;
        assert_eq!(run.drain()?.state.get("ledger"), undisturbed.get("ledger"));
        Ok(())
    })?;
    Ok(())
}

/// Under a limit of its own a call that nobody answers fails; without one nothing in the simulation decides
/// when it goes on.
#[test]
fn a_call_that_awaits_something_foreign_is_refused() -> Tested {
    #[node(async)]
    struct Foreign {
        #[input]
        numbers: u64,
        #[output]
        out: u64,
    }
    impl ForeignHandlers for Foreign {
        async fn on_numbers(&self, n: u64, out: &mut impl ForeignOut) -> NodeResult {
            if n == 3 {
                out.call(std::future::pending::<NodeResult>).retries(2).await?;
            }
            out.out(n);
            Ok(())
        }
    }
    for seed in 0..50 {
        let sim = Simulation::new(seed);
        let (inputs, outputs, mut run) = sim.start(graph_of!(Foreign {}))?.split();
        let out = run.capture(outputs.out);
        run.feed(inputs.numbers, 0..6);
        let error = run.until_idle().unwrap_err();
        assert!(matches!(&error, RunError::Foreign { node, .. } if &**node == "ask"), "{error}");
        assert!(error.to_string().contains("node `ask` awaits something else than its"), "{error}");
        assert!([0, 1, 2].starts_with(&out.items()));
    }
    Ok(())
}

/// On tokio, also by a clock that stands, as that of a deterministic run.
#[tokio::test(start_paused = true)]
async fn calls_of_a_graph_that_runs() -> Tested {
    for mode in [ExecutionMode::Concurrent, ExecutionMode::Deterministic] {
        let fates = [(1, vec![Fails]), (2, vec![Hangs, Fails]), (4, vec![Takes(9 * MS)])];
        let service = Service::with(fates);
        let mut graph = graph_of!(ask(&service, 3));
        graph.set_mode(mode);
        let began = tokio::time::Instant::now();
        let (inputs, mut outputs, run) = graph.start()?.split();
        for n in 0..6 {
            inputs.numbers.send(n).await?;
        }
        drop(inputs);
        assert_eq!(outputs.out.collect().await, answers(0..6));
        run.drain().await?;
        let took = began.elapsed().as_millis();
        // 10, then 20 + 10 + 15, then 9.
        assert!((64..70).contains(&took), "{took} ms");
    }
    Ok(())
}

/// A source asks whoever has its records; where its wait is given up it asks again.
#[test]
fn sources_call_too() -> Tested {
    #[node(source)]
    struct Polls {
        #[output]
        out: u64,
        #[state]
        next: Value<u64>,
        service: Service,
    }
    impl PollsHandlers for Polls {
        async fn next(&self, state: &mut PollsState, out: &mut impl PollsOut) -> NodeResult<More> {
            let n = *state.next;
            let ask = || answer(n, self.service.next(n), Box::pin(std::future::ready(())));
            out.out(out.call(ask).timeout(20 * MS).retries(2).await?);
            state.next.set(n + 1);
            Ok(if n == 4 { More::End } else { More::Now })
        }
    }
    let service = Service::with([(1, vec![Fails, Hangs]), (3, vec![Hangs])]);
    let graph = graph! {
        polls: Polls { service: service.clone() },
        polls.out => graph.out,
    };
    let ((), outputs, mut run) = graph.inline()?.split();
    let out = run.capture(outputs.out);
    run.until_idle()?;
    assert_eq!((out.items(), service.left()), (vec![0, 10, 20, 30, 40], 0));
    Ok(())
}

/// Panics that are meant are not printed.
fn quiet() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref::<&str>() != Some(&"trapped") {
            hook(panic);
        }
    }));
}
