//! Circuit breakers of nodes with calls in flight.
#![allow(missing_docs, missing_debug_implementations, clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use streamweave::graph::{ExecutionMode, Inline};
use streamweave::nodes::async_map;
use streamweave::prelude::*;

type Tested = Result<(), Box<dyn std::error::Error>>;

/// Fails the first calls, and counts all.
#[derive(Clone, Debug)]
struct Service {
    fails: u64,
    asked: Arc<AtomicU64>,
}

impl Service {
    fn failing(fails: u64) -> Self {
        Service { fails, asked: Arc::default() }
    }
    fn ask(&self, number: u64) -> NodeResult<u64> {
        match self.asked.fetch_add(1, Ordering::Relaxed) {
            before if before < self.fails => Err("busy".into()),
            _ => Ok(number * 2),
        }
    }
    fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }
}

#[node(
    async,
    concurrency = 4,
    retry = 9,
    backoff = "1ms",
    breaker(failures = 3, within = "1s", open = "100ms")
)]
struct Ask {
    #[input]
    numbers: &u64,
    #[output]
    out: u64,
    service: Service,
}

impl AskHandlers for Ask {
    type Answer = u64;
    async fn call(&self, number: &u64) -> NodeResult<u64> {
        self.service.ask(*number)
    }
    fn complete(&self, answer: u64, out: &mut impl AskOut) -> NodeResult {
        out.out(answer);
        Ok(())
    }
}

/// After the failures of the first three calls nobody asks for a while; then one does, which fails too,
/// and then one that succeeds.
#[test]
fn nobody_asks_while_it_is_open() -> Tested {
    let service = Service::failing(4);
    let mut run = graph! {
        ask: Ask { service: service.clone() },
        graph.numbers => ask.numbers,
        ask.out => graph.out,
    }
    .inline()?;
    for number in 0..8 {
        run.inputs.numbers.try_send(number)?;
    }
    run.step()?;
    assert_eq!(service.asked(), 3);
    for _ in 0..99 {
        run.advance(Duration::from_millis(1))?;
    }
    assert_eq!(service.asked(), 3);
    run.advance(Duration::from_millis(1))?;
    assert_eq!(service.asked(), 4);
    run.advance(Duration::from_millis(99))?;
    assert_eq!(service.asked(), 4);
    run.advance(Duration::from_millis(1))?;
    run.advance(Duration::from_millis(1))?;
    assert_eq!(service.asked(), 12);
    for number in 0..8 {
        assert_eq!(run.outputs.out.try_recv(), Some(number * 2));
    }
    Ok(())
}

/// Few failures now and then open nothing; `async_map` has a breaker too.
#[test]
fn failures_far_apart_open_nothing() -> Tested {
    let second = Duration::from_secs(1);
    let service = Service::failing(3);
    let asked = service.clone();
    let mut run = graph! {
        ask: async_map(move |number: u64| {
            let asked = asked.clone();
            async move { asked.ask(number) }
        })
        .retries(9)
        .backoff(second, second)
        .breaker(2, second / 2, second * 100),
        graph.numbers => ask.input,
        ask.out => graph.out,
    }
    .inline()?;
    run.inputs.numbers.try_send(4)?;
    run.step()?;
    for _ in 0..3 {
        run.advance(second)?;
    }
    assert_eq!(service.asked(), 4);
    assert_eq!(run.outputs.out.try_recv(), Some(8));
    Ok(())
}

/// A clock that stands, as in a deterministic run, does not keep it open for ever.
#[tokio::test(start_paused = true)]
async fn it_closes_in_a_deterministic_run_too() -> Tested {
    let service = Service::failing(5);
    let mut graph = graph! {
        ask: Ask { service: service.clone() },
        graph.numbers => ask.numbers,
        ask.out => graph.out,
    };
    graph.set_mode(ExecutionMode::Deterministic);
    let run = graph.start()?;
    for number in 0..8 {
        run.inputs.numbers.send(number).await?;
    }
    let mut run = run.close_inputs();
    let mut got = Vec::new();
    while let Some(number) = run.outputs.out.recv().await {
        got.push(number);
    }
    assert_eq!(got, [0, 2, 4, 6, 8, 10, 12, 14]);
    run.drain().await?;
    Ok(())
}

/// A trial that is given up, with its node's restart or the whole run, leaves the circuit to the next.
#[test]
fn a_run_ends_while_it_is_open() -> Tested {
    let service = Service::failing(u64::MAX);
    let run = graph! {
        ask: Ask { service: service.clone() },
        graph.numbers => ask.numbers,
        ask.out => graph.out,
    }
    .inline()?;
    run.inputs.numbers.try_send(1)?;
    let mut run: Inline<_, _> = run.close_inputs()?;
    for _ in 0..2_000 {
        if run.advance(Duration::from_millis(50)).is_err() {
            break;
        }
    }
    // Ten attempts, three at once and then one at a time.
    assert_eq!(service.asked(), 10);
    assert!(run.drain().unwrap_err().to_string().contains("busy"));
    Ok(())
}

/// Panics at the first calls, and counts all.
#[node(async, concurrency = 1, breaker(failures = 2, within = "1s", open = "100ms"))]
struct Bug {
    #[input]
    numbers: &u64,
    #[output]
    out: u64,
    service: Service,
}

impl BugHandlers for Bug {
    type Answer = u64;
    async fn call(&self, number: &u64) -> NodeResult<u64> {
        Ok(self.service.ask(*number).expect("a bug"))
    }
    fn complete(&self, answer: u64, out: &mut impl BugOut) -> NodeResult {
        out.out(answer);
        Ok(())
    }
}

/// A call that panics has failed: it opens the circuit, also as the trial.
#[test]
fn a_panic_is_a_failure() -> Tested {
    let service = Service::failing(3);
    let mut run = graph! {
        #[restart(max = 9)]
        bug: Bug { service: service.clone() },
        graph.numbers => bug.numbers,
        bug.out => graph.out,
    }
    .inline()?;
    run.inputs.numbers.try_send(1)?;
    run.step()?;
    assert_eq!(service.asked(), 2);
    run.advance(Duration::from_millis(99))?;
    assert_eq!(service.asked(), 2);
    run.advance(Duration::from_millis(1))?;
    assert_eq!(service.asked(), 3);
    run.advance(Duration::from_millis(99))?;
    assert_eq!(service.asked(), 3);
    run.advance(Duration::from_millis(1))?;
    assert_eq!((service.asked(), run.outputs.out.try_recv()), (4, Some(2)));
    Ok(())
}

streamweave_tests::broken_variants! {
    PanicIsNoFailedCall => a_panic_is_a_failure;
}
