//! What the engine promises, under the least room and the worst luck.
#![allow(missing_docs, missing_debug_implementations, clippy::unwrap_used, reason = "tests")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::Poll;
use std::time::{Duration, Instant};

use streamweave::engine::Cause;
use streamweave::graph::{RunError, Snapshot, StartError};
use streamweave::node::{BoxFuture, More, Timer, TimerAt};
use streamweave::nodes::{for_each, map};
use streamweave::state::{Keyed, Value};
use streamweave::{LogicalTime, NodeResult, graph, node};

/// Counts up to `end`, in batches.
#[node(source)]
pub struct Numbers {
    #[output]
    out: u64,
    #[state]
    next: Value<u64>,
    end: u64,
    sent: Arc<AtomicU64>,
}

impl NumbersHandlers for Numbers {
    async fn next(&self, state: &mut NumbersState, out: &mut impl NumbersOut) -> NodeResult<More> {
        let first = *state.next;
        let end = self.end.min(first + 1000);
        for n in first..end {
            out.out(n);
        }
        state.next.set(end);
        self.sent.store(end, Ordering::Relaxed);
        Ok(if end == self.end { More::End } else { More::Now })
    }
}

fn numbers(end: u64) -> Numbers {
    Numbers { end, sent: Arc::default() }
}

#[node]
fn increment(n: u64) -> u64 {
    n + 1
}

#[node]
fn even(n: u64) -> Option<u64> {
    n.is_multiple_of(2).then_some(n)
}

/// Adds up what it gets, by key, and fails where it is told to.
#[node(key = u64)]
pub struct Tally {
    #[input(key = |n| n % 7)]
    input: u64,
    #[output]
    out: (u64, u64),
    #[state]
    sums: Keyed<u64, u64>,
    #[state]
    seen: Keyed<u64, u64>,
    poison: Option<Poison>,
}

#[derive(Clone, Copy, Debug)]
pub enum Poison {
    Panic(u64),
    Error(u64),
}

impl Poison {
    /// Fails at its record, before or after something was sent.
    fn strike(poison: Option<Poison>, n: u64) -> NodeResult {
        match poison {
            Some(Poison::Panic(at)) if at == n => panic!("poison {n}"),
            Some(Poison::Error(at)) if at == n => Err(format!("poison {n}").into()),
            _ => Ok(()),
        }
    }
}

impl TallyHandlers for Tally {
    fn on_input(&self, state: &mut TallyState, input: u64, out: &mut impl TallyOut) -> NodeResult {
        let sum = state.sums.entry(input % 7);
        *sum += input;
        out.out((input, *sum));
        *state.seen.entry(input % 7) += 1;
        Poison::strike(self.poison, input)
    }
}

/// Passes records on and fails where it is told to: first it sends, then it fails.
#[node]
pub struct Pass {
    #[input]
    input: u64,
    #[output]
    out: u64,
    #[state]
    seen: Value<u64>,
    poison: Option<Poison>,
}

impl PassHandlers for Pass {
    fn on_input(&self, state: &mut PassState, input: u64, out: &mut impl PassOut) -> NodeResult {
        *state.seen.get_mut() += 1;
        out.out(input);
        Poison::strike(self.poison, input)
    }
}

fn pass(poison: Option<Poison>) -> Pass {
    Pass { poison }
}

/// A diamond with a filter in one arm and room for one record on each edge: no input waits for
/// another one's data.
#[tokio::test]
async fn a_diamond_with_a_filter_in_one_arm_gets_through_with_room_for_one() {
    let graph = graph! {
        numbers: numbers(10_000),
        even: Even,
        one: Increment,
        tally: Tally { poison: None },
        #[buffer(1)] numbers.out => [even.input, one.input],
        #[buffer(1)] even.out => tally.input,
        #[buffer(1)] one.out => tally.input,
        #[buffer(1)] tally.out => graph.sums,
    };
    let mut run = graph.start().unwrap();
    let mut count = 0;
    let mut total = [0_u64; 7];
    while let Some((n, sum)) = run.outputs.sums.recv().await {
        count += 1;
        total[(n % 7) as usize] = sum;
    }
    run.drain().await.unwrap();
    assert_eq!(count, 15_000);
    let mut expected = [0_u64; 7];
    for n in (0..10_000).filter(|n| n % 2 == 0).chain(1..10_001) {
        expected[(n % 7) as usize] += n;
    }
    assert_eq!(total, expected);
}

/// A consumer that does nothing for an hour: the source stands still, and what waits is bounded.
#[tokio::test(start_paused = true)]
async fn a_stalled_consumer_stops_the_source() {
    // Far more than there is room for; not endless, so that a channel without a limit is told.
    let source = numbers(2_000_000);
    let sent = Arc::clone(&source.sent);
    let graph = graph! {
        source: source,
        one: Increment,
        #[boundary] source.out => one.input,
        one.out => graph.out,
    };
    let mut run = graph.start().unwrap();
    assert_eq!(run.outputs.out.recv().await, Some(1));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let after_a_second = sent.load(Ordering::Relaxed);
    let waiting: u64 = run.metrics().edges.iter().map(|edge| edge.waiting).sum();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(sent.load(Ordering::Relaxed), after_a_second);
    assert!(waiting < 100_000, "{waiting} records wait");
    assert!(after_a_second < 200_000, "{after_a_second} records were read ahead");
    run.abort();
}

/// A sink that never returns.
#[node(async, sink)]
pub struct Stuck {
    #[input]
    input: u64,
}

impl StuckHandlers for Stuck {
    async fn on_input(&self, _: u64, _: &mut impl StuckOut) -> NodeResult {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn stop_returns_in_time_with_a_stuck_sink() {
    let graph = graph! {
        source: numbers(u64::MAX),
        stuck: Stuck {},
        source.out => stuck.input,
    };
    let run = graph.start().unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let start = tokio::time::Instant::now();
    let report = run.stop(Duration::from_secs(5)).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    assert!(!report.complete);
    assert_eq!(&*report.unflushed[0].0, "stuck.input");
    assert!(report.unflushed[0].1 > 0);
}

/// What was sent into a graph's own input is counted, and told where it stays.
#[tokio::test(start_paused = true)]
async fn what_waits_in_an_input_of_the_graph_is_told() {
    let graph = graph! { stuck: Stuck {}, graph.numbers => stuck.input };
    let run = graph.start().unwrap();
    for n in 0..1_000 {
        run.inputs.numbers.send(n).await.unwrap();
    }
    let edges = run.metrics().edges;
    let edge = edges.iter().find(|edge| edge.path.starts_with("graph.numbers")).unwrap();
    assert_eq!((edge.records, edge.waiting), (1_000, 1_000));
    assert!((1..1_000).contains(&edge.batches), "{} batches", edge.batches);
    let report = run.stop(Duration::from_secs(5)).await.unwrap();
    let left: u64 = report.unflushed.iter().map(|(_, left)| left).sum();
    assert_eq!(left, 999, "all but the one that is being handled: {report:?}");
}

/// That a stage waits for room is seen while it does.
#[tokio::test(start_paused = true)]
async fn a_stall_is_counted_while_it_lasts() {
    let graph = graph! { source: numbers(u64::MAX), source.out => graph.out };
    let run = graph.start().unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let [first, second] = [(); 2].map(|()| run.metrics().stages[0].backpressured);
    assert!(Duration::ZERO < first && first < second, "{first:?} {second:?}");
    run.abort();
}

/// It ends with its stage: that of a graph that has failed waits no longer.
#[tokio::test(start_paused = true)]
async fn a_stall_ends_with_its_stage() {
    let graph = graph! {
        source: numbers(u64::MAX),
        bad: for_each(|_: u64| panic!("bad")),
        source.out => graph.out,
        graph.numbers => bad.input,
    };
    let run = graph.start().unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    run.inputs.numbers.send(1).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let [first, second] = [(); 2].map(|()| run.metrics().stages[0].backpressured);
    assert!(Duration::ZERO < first && first == second, "{first:?} {second:?}");
    assert!(run.drain().await.is_err());
}

/// Says how long it has awaited what it was sent.
#[node(async)]
pub struct Awaits {
    #[input]
    input: tokio::sync::oneshot::Receiver<()>,
    #[output]
    waited: Duration,
}

impl AwaitsHandlers for Awaits {
    async fn on_input(
        &self,
        input: tokio::sync::oneshot::Receiver<()>,
        out: &mut impl AwaitsOut,
    ) -> NodeResult {
        let begun = Instant::now();
        input.await?;
        out.waited(begun.elapsed());
        Ok(())
    }
}

#[tokio::test]
async fn a_handler_that_awaits_is_not_busy() {
    let graph = graph! { node: Awaits {}, graph.input => node.input, node.waited => graph.waited };
    let begun = Instant::now();
    let mut run = graph.start().unwrap();
    let (answer, question) = tokio::sync::oneshot::channel();
    run.inputs.input.send(question).await.unwrap();
    let asked = Instant::now();
    while asked.elapsed() < Duration::from_millis(10) {
        tokio::task::yield_now().await;
    }
    answer.send(()).unwrap();
    let waited = run.outputs.waited.recv().await.unwrap();
    let busy = run.drain().await.unwrap().metrics.stages[0].busy;
    let whole = begun.elapsed();
    assert!(busy + waited <= whole, "{busy:?} busy and {waited:?} waiting of {whole:?}");
}

/// Works until the clock has moved: how long that took.
#[node]
fn work(_: u64) -> Duration {
    let begun = Instant::now();
    loop {
        let worked = begun.elapsed();
        if worked > Duration::ZERO {
            return worked;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_works_is_busy() {
    let graph = || graph! { work: Work, graph.input => work.input, work.out => graph.worked };
    let mut run = graph().start().unwrap();
    let mut worked = Duration::ZERO;
    for n in 0..100 {
        run.inputs.input.send(n).await.unwrap();
        worked += run.outputs.worked.recv().await.unwrap();
    }
    let busy = run.drain().await.unwrap().metrics.stages[0].busy;
    assert!(Duration::ZERO < worked && worked <= busy, "{busy:?} of {worked:?}");

    let run = graph().inline().unwrap();
    run.inputs.input.try_send(1).unwrap();
    let metrics = run.close_inputs().unwrap().drain().unwrap().metrics;
    assert_eq!(metrics.stages[0].busy, Duration::ZERO);
}

/// Takes its time, and counts.
fn take_long(handled: &AtomicU64) {
    std::thread::sleep(Duration::from_millis(1));
    handled.fetch_add(1, Ordering::Relaxed);
}

/// Takes its time for the timer of each key.
#[node(key = u64)]
pub struct SlowTimers {
    #[input(key = |n| n)]
    input: u64,
    handled: Arc<AtomicU64>,
}

impl SlowTimersHandlers for SlowTimers {
    fn on_input(&self, _: u64, out: &mut impl SlowTimersOut) -> NodeResult {
        out.set_timer("slow", TimerAt::Event(LogicalTime(1)));
        Ok(())
    }
    fn on_timer(&self, _: Timer<u64>, _: &mut impl SlowTimersOut) -> NodeResult {
        take_long(&self.handled);
        Ok(())
    }
}

/// Takes its time in a handler that may await.
#[node]
async fn slow_async(input: (u64, Arc<AtomicU64>)) -> u64 {
    take_long(&input.1);
    input.0
}

/// How many records, or timers, a graph handles at most before another task of the same thread runs.
#[test]
fn who_is_busy_gives_way() {
    const COUNT: u64 = 60;
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let most_at_once = |start: &dyn Fn(&Arc<AtomicU64>) -> BoxFuture<'static, ()>| {
        let handled = Arc::<AtomicU64>::default();
        runtime().block_on(async {
            let run = start(&handled);
            let (mut most, mut before) = (0, 0);
            let watch = tokio::spawn(std::future::poll_fn(move |task| {
                let now = handled.load(Ordering::Relaxed);
                most = most.max(now - before);
                before = now;
                if now == COUNT {
                    return Poll::Ready(most);
                }
                // At once: what yields to the system is asked once in many turns.
                task.waker().wake_by_ref();
                Poll::Pending
            }));
            run.await;
            watch.await.unwrap()
        })
    };
    macro_rules! most_of {
        (|$handled:ident| $graph:expr) => {
            most_at_once(&|handled| {
                let $handled = Arc::clone(handled);
                let run = $graph.start().unwrap();
                Box::pin(async move {
                    run.drain().await.unwrap();
                })
            })
        };
    }
    let with_source = most_of!(|handled| graph! {
        source: numbers(COUNT),
        slow: for_each(move |_: u64| take_long(&handled)),
        source.out => slow.input,
    });
    let behind_an_edge = most_of!(|handled| graph! {
        source: numbers(COUNT),
        slow: for_each(move |_: u64| take_long(&handled)),
        #[boundary] source.out => slow.input,
    });
    let supervised = most_of!(|handled| graph! {
        source: numbers(COUNT),
        #[on_failure(skip)]
        slow: for_each(move |_: u64| take_long(&handled)),
        #[boundary] source.out => slow.input,
    });
    let timers = most_of!(|handled| graph! {
        source: numbers(COUNT),
        slow: SlowTimers { handled },
        source.out => slow.input,
    });
    let asynchronous = most_of!(|handled| graph! {
        source: numbers(COUNT),
        pairs: map(move |n: u64| (n, handled.clone())),
        slow: SlowAsync,
        sink: for_each(|_: u64| {}),
        source.out => pairs.input,
        pairs.out => slow.input,
        slow.out => sink.input,
    });
    for (name, most) in [
        ("with its source", with_source),
        ("behind an edge", behind_an_edge),
        ("under a policy", supervised),
        ("timers", timers),
        ("asynchronous", asynchronous),
    ] {
        // As many as it tries before it knows anything.
        assert!(most <= 8, "{most} {name}");
    }
}

#[tokio::test]
async fn however_short_a_turn_is_the_work_is_done() {
    let seen = Arc::<AtomicU64>::default();
    let count = seen.clone();
    let mut graph = graph! {
        source: numbers(5_000),
        each: for_each(move |_: u64| { count.fetch_add(1, Ordering::Relaxed); }),
        source.out => each.input,
    };
    graph.set_turn(Duration::ZERO);
    graph.start().unwrap().drain().await.unwrap();
    assert_eq!(seen.load(Ordering::Relaxed), 5_000);
}

/// A sink that holds its thread up.
#[node(sink)]
pub struct Blocks {
    #[input]
    input: u64,
    entered: tokio::sync::mpsc::UnboundedSender<()>,
    freed: Arc<(Mutex<bool>, Condvar)>,
}

impl BlocksHandlers for Blocks {
    fn on_input(&self, _: u64, _: &mut impl BlocksOut) -> NodeResult {
        let _ = self.entered.send(());
        let (freed, told) = &*self.freed;
        let freed = freed.lock().map_err(|_| "poisoned")?;
        let _freed = told.wait_while(freed, |freed| !*freed).map_err(|_| "poisoned")?;
        Ok(())
    }
}

// The other thread is free to tell the time, and the caller's is not the sink's.
#[test]
fn stop_returns_in_time_with_a_sink_that_blocks_its_thread() {
    let runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = { runtime }.worker_threads(2).enable_all().build().unwrap();
    let freed = Arc::new((Mutex::new(false), Condvar::new()));
    let (entered, mut has_entered) = tokio::sync::mpsc::unbounded_channel();
    let graph = graph! {
        source: numbers(u64::MAX),
        blocks: Blocks { entered, freed: Arc::clone(&freed) },
        #[boundary] source.out => blocks.input,
    };
    let limit = Duration::from_millis(100);
    let (report, took) = runtime.block_on(async {
        let run = graph.start().unwrap();
        has_entered.recv().await.unwrap();
        let start = std::time::Instant::now();
        (run.stop(limit).await.unwrap(), start.elapsed())
    });
    assert!(!report.complete);
    assert!(took >= limit && took < limit * 50, "{took:?}");
    // So that the runtime can end.
    *freed.0.lock().unwrap() = true;
    freed.1.notify_all();
}

#[test]
fn a_graph_is_not_started_outside_of_a_runtime() {
    let graph = graph! {
        #![name = "alone"]
        pass: pass(None),
        graph.numbers => pass.input,
    };
    match graph.start().unwrap_err() {
        StartError::NoRuntime { graph } => assert_eq!(graph, "alone"),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn stop_of_a_source_that_never_ends_handles_what_is_in_flight() {
    let source = numbers(u64::MAX);
    let sent = Arc::clone(&source.sent);
    let graph = graph! {
        source: source,
        tally: Tally { poison: None },
        #[boundary] source.out => tally.input,
    };
    let run = graph.start().unwrap();
    // A source that never waits leaves no idle moment for a paused clock.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let report = run.stop(Duration::from_secs(5)).await.unwrap();
    assert!(report.complete);
    let tallied = report.metrics.nodes.iter().find(|node| &*node.path == "tally").unwrap();
    assert_eq!(tallied.records_in, sent.load(Ordering::Relaxed));
}

/// What a graph that failed at record `at` may show: everything that the records before it gave,
/// and nothing of it.
fn expected(n: u64, at: u64) -> Vec<(u64, u64)> {
    let mut sums = [0_u64; 7];
    (0..n)
        .take_while(|n| *n < at)
        .map(|n| {
            sums[(n % 7) as usize] += n;
            (n, sums[(n % 7) as usize])
        })
        .collect()
}

/// Runs `graph` inline until it fails, and returns what came out, and the error.
macro_rules! fails {
    ($graph:expr, $n:expr) => {{
        let mut graph = $graph;
        graph.set_undo(true);
        let mut run = graph.inline().unwrap();
        for n in 0..$n {
            run.inputs.numbers.try_send(n).unwrap();
        }
        let error = run.step().unwrap_err();
        let state = run.snapshot().unwrap();
        let out: Vec<(u64, u64)> = std::iter::from_fn(|| run.outputs.sums.try_recv()).collect();
        assert!(run.outputs.sums.has_failed(), "a failure looked like an end");
        (out, error, state)
    }};
}

fn failure(error: &RunError) -> (&str, &str, u64) {
    match error {
        RunError::Failed { failure, .. } => (&failure.node, failure.input, failure.position),
        other => panic!("{other}"),
    }
}

/// Panics that a test asks for need no backtrace.
fn quiet() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.payload().downcast_ref::<String>().is_some_and(|text| text.starts_with("poison"))
        {
            hook(panic);
        }
    }));
}

/// What `graph` keeps, and what comes out, after the first `at` records and no failure.
macro_rules! clean {
    ($graph:expr, $at:expr) => {{
        let mut run = $graph.inline().unwrap();
        for n in 0..$at {
            run.inputs.numbers.try_send(n).unwrap();
        }
        run.step().unwrap();
        run.snapshot().unwrap()
    }};
}

/// The state of the nodes whose path begins so.
fn of<'a>(state: &'a Snapshot, node: &str) -> Vec<(&'a str, &'a [u8])> {
    let paths = state.paths().filter(|path| path.split('#').next() == Some(node));
    paths.map(|path| (path, state.get(path).unwrap())).collect()
}

/// A panic or an error at every record of a batch, in every node of four graphs: nothing of the
/// records before is lost or doubled, nothing of the failed one is left, and the state is what
/// the records before it made.
#[test]
fn a_failure_at_every_record_of_every_node_leaves_no_trace() {
    const N: u64 = 40;
    quiet();
    /// A chain, fused into one stage.
    macro_rules! chain {
        ($poison:expr) => {
            graph! {
                a: pass($poison(0)), b: pass($poison(1)), tally: Tally { poison: $poison(2) },
                graph.numbers => a.input, a.out => b.input, b.out => tally.input,
                tally.out => graph.sums,
            }
        };
    }
    /// A fan-out: the other arm must not show the failed record either.
    macro_rules! fan_out {
        ($poison:expr) => {
            graph! {
                a: pass($poison(0)), b: pass($poison(1)), tally: Tally { poison: $poison(2) },
                graph.numbers => a.input,
                a.out => [tally.input, b.input],
                tally.out => graph.sums,
                b.out => graph.others,
            }
        };
    }
    /// A boundary: what stands before the failure has left its stage.
    macro_rules! boundary {
        ($poison:expr) => {
            graph! {
                a: pass($poison(0)), b: pass($poison(1)), tally: Tally { poison: $poison(2) },
                graph.numbers => a.input,
                #[boundary] a.out => b.input,
                b.out => tally.input,
                tally.out => graph.sums,
            }
        };
    }
    /// A keyed node on two workers behind the others.
    macro_rules! workers {
        ($poison:expr) => {
            graph! {
                a: pass($poison(0)), b: pass($poison(1)),
                #[workers(2)] tally: Tally { poison: $poison(2) },
                graph.numbers => a.input, a.out => b.input, b.out => tally.input,
                tally.out => graph.sums,
            }
        };
    }
    let none = |_: u64| None;
    for at in 0..N {
        let state = clean!(chain!(none), at);
        let fanned_out = clean!(fan_out!(none), at);
        let all_but_this = clean!(boundary!(none), at);
        for kind in [Poison::Panic(at), Poison::Error(at)] {
            for place in 0..3 {
                let poison = |here: u64| (here == place).then_some(kind);
                let (out, error, found) = fails!(chain!(poison), N);
                assert_eq!(out, expected(N, at), "chain, {kind:?} in node {place}");
                assert_eq!(failure(&error), (["a", "b", "tally"][place as usize], "input", at));
                assert_eq!(found, state, "chain, {kind:?} in node {place}");

                let (out, error, found) = fails!(fan_out!(poison), N);
                assert_eq!(out, expected(N, at), "fan-out, {kind:?} in node {place}");
                assert_eq!(failure(&error).2, at);
                assert_eq!(found, fanned_out, "fan-out, {kind:?} in node {place}");

                let (out, error, found) = fails!(boundary!(poison), N);
                assert_eq!(failure(&error).2, at);
                // Stages end in any order: what came through is a prefix of it, and so is the state of
                // the stage that the failure is not in.
                assert!(expected(N, at).starts_with(&out), "boundary, {kind:?} in node {place}");
                let failed: &[&str] = if place > 0 { &["b", "tally"] } else { &["a"] };
                for node in failed {
                    let (found, clean) = (of(&found, node), of(&all_but_this, node));
                    assert_eq!(found, clean, "boundary, {kind:?} in node {place}: {node}");
                }
                if place > 0 {
                    assert_eq!(out, expected(N, at), "boundary, {kind:?} in node {place}");
                }

                let (out, error, found) = fails!(workers!(poison), N);
                // A worker counts its own.
                assert!(failure(&error).2 == at || place == 2, "workers, {kind:?} in node {place}");
                let all = expected(N, N);
                let mut sorted = out.clone();
                sorted.sort_unstable();
                sorted.dedup();
                assert_eq!(sorted.len(), out.len(), "workers doubled a record");
                assert!(out.iter().all(|record| all.contains(record) && record.0 != at));
                // Of each key a prefix came through, and of those of the failed one's worker all that
                // was before it.
                for key in 0..7 {
                    let of_key = |records: &[(u64, u64)]| -> Vec<(u64, u64)> {
                        records.iter().copied().filter(|(n, _)| n % 7 == key).collect()
                    };
                    let (came, whole) = (of_key(&out), of_key(&all));
                    assert!(whole.starts_with(&came), "workers, {kind:?} in {place}: {came:?}");
                    if place == 2 && key == at % 7 {
                        assert_eq!(came, of_key(&expected(N, at)), "workers lost a record");
                    }
                }
                if place < 2 {
                    let clean = clean!(workers!(none), at);
                    for node in ["a", "b"] {
                        assert_eq!(of(&found, node), of(&clean, node), "workers, {kind:?}: {node}");
                    }
                }
            }
        }
    }
}

// The failure is told, and what came before it can still be read.
#[tokio::test]
async fn a_failure_while_an_output_is_unread_and_full_is_told() {
    let graph = graph! {
        source: numbers(u64::MAX),
        pass: pass(None),
        fails: pass(Some(Poison::Error(2500))),
        source.out => pass.input,
        #[buffer(4)] pass.out => graph.unread,
        graph.numbers => fails.input,
        fails.out => graph.read,
    };
    let run = graph.start().unwrap();
    let (inputs, mut outputs, run) = run.split();
    let feed = async {
        for n in 0..=2500 {
            inputs.numbers.send(n).await.unwrap();
        }
    };
    let (_, read) = tokio::join!(feed, outputs.read.collect());
    assert_eq!(read, (0..2500).collect::<Vec<_>>());
    assert!(outputs.read.has_failed());
    // `drain` drops no output here: it is this test's.
    let drained = tokio::time::timeout(Duration::from_secs(60), run.drain()).await;
    let error = drained.expect("nobody was told").unwrap_err();
    assert_eq!(failure(&error), ("fails", "input", 2500));
    assert!(outputs.unread.recv().await.is_some(), "what came through is lost");
}

#[tokio::test]
async fn a_failure_is_told_although_another_node_is_blocked() {
    let graph = graph! {
        source: numbers(u64::MAX),
        stuck: Stuck {},
        pass: pass(Some(Poison::Error(500))),
        source.out => [stuck.input, pass.input],
    };
    let run = graph.start().unwrap();
    let error = run.drain().await.unwrap_err();
    assert_eq!(failure(&error), ("pass", "input", 500));
    assert_eq!(
        error.to_string(),
        "graph `graph` stopped: node `pass` failed at input record 500: poison 500"
    );
}

/// A node whose own task panics.
#[node]
pub struct Spawns {
    #[input]
    input: u64,
    at: u64,
}

impl SpawnsHandlers for Spawns {
    fn on_input(&self, input: u64, out: &mut impl SpawnsOut) -> NodeResult {
        if input == self.at {
            out.spawn(Box::pin(async { panic!("in a task of its own") }))?;
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_spawned_task_is_the_nodes_failure() {
    let graph = graph! {
        spawns: Spawns { at: 3 },
        graph.numbers => spawns.input,
    };
    let run = graph.start().unwrap();
    for n in 0..5 {
        run.inputs.numbers.send(n).await.unwrap();
    }
    // The input stays open: the failure must be told all the same.
    let held = run.inputs.numbers.clone();
    let drained = tokio::time::timeout(Duration::from_secs(60), run.drain()).await;
    let error = drained.expect("nobody was told").unwrap_err();
    drop(held);
    match &error {
        RunError::Failed { failure, .. } => {
            assert_eq!(&*failure.node, "spawns");
            assert!(matches!(&failure.cause, Cause::Panic(text) if text == "in a task of its own"));
        }
        other => panic!("{other}"),
    }
}

/// Cannot tell the key of 57.
#[node(key = u64)]
pub struct Keyless {
    #[input(key = |n| if *n == 57 { panic!("poison {n}") } else { *n })]
    input: u64,
    #[output]
    out: u64,
}

impl KeylessHandlers for Keyless {
    fn on_input(&self, input: u64, out: &mut impl KeylessOut) -> NodeResult {
        out.out(input);
        Ok(())
    }
}

// A source's batches are dealt out as a whole: a key that panics must not take its batch along, nor
// be met after records behind it have left.
#[test]
fn a_key_that_panics_fails_its_record_alone() {
    quiet();
    let graph = graph! {
        source: numbers(1000),
        #[workers(2)] keyless: Keyless {},
        source.out => keyless.input,
        keyless.out => graph.out,
    };
    let mut run = graph.inline().unwrap();
    match run.step().unwrap_err() {
        RunError::Failed { failure, .. } => {
            assert!(matches!(&failure.cause, Cause::Panic(text) if text == "poison 57"));
        }
        other => panic!("{other}"),
    }
    let mut out: Vec<u64> = std::iter::from_fn(|| run.outputs.out.try_recv()).collect();
    let count = out.len();
    out.sort_unstable();
    out.dedup();
    assert!(out.len() == count && out.iter().all(|n| *n < 57), "{out:?}");
}

/// Remembers on which of its instances each key was handled.
#[node(key = u64)]
pub struct Where {
    #[input(key = |n| *n)]
    input: u64,
    #[scratch]
    instance: Option<usize>,
    instances: Arc<AtomicU64>,
    seen: Arc<Mutex<Vec<(u64, usize)>>>,
}

impl WhereHandlers for Where {
    fn on_input(&self, state: &mut WhereState, input: u64, _: &mut impl WhereOut) -> NodeResult {
        let instance = *state
            .instance
            .get_or_insert_with(|| self.instances.fetch_add(1, Ordering::Relaxed) as usize);
        self.seen.lock().map_err(|_| "poisoned")?.push((input, instance));
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_always_handled_by_the_same_worker() {
    let node = Where { instances: Arc::default(), seen: Arc::default() };
    let seen = Arc::clone(&node.seen);
    let graph = graph! {
        #[workers(4)] whereto: node,
        graph.numbers => whereto.input,
    };
    let run = graph.start().unwrap();
    for round in 0..20 {
        for key in 0..100 {
            run.inputs.numbers.send((key + round) % 100).await.unwrap();
        }
    }
    run.drain().await.unwrap();
    let mut seen = seen.lock().unwrap().clone();
    assert_eq!(seen.len(), 2000);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 100, "a key was handled by two workers");
    let used: std::collections::BTreeSet<_> = seen.iter().map(|seen| seen.1).collect();
    assert_eq!(used.len(), 4, "a worker had nothing to do");
}

#[test]
fn state_comes_back_by_instance_path() {
    let make = || {
        graph! {
            #![name = "saved"]
            tally: Tally { poison: None },
            graph.numbers => tally.input,
            tally.out => graph.sums,
        }
    };
    let whole = {
        let mut run = make().inline().unwrap();
        for n in 0..100 {
            run.inputs.numbers.try_send(n).unwrap();
        }
        run.step().unwrap();
        run.snapshot().unwrap()
    };
    for cut in [0, 1, 50, 99, 100] {
        let mut first = make().inline().unwrap();
        for n in 0..cut {
            first.inputs.numbers.try_send(n).unwrap();
        }
        first.step().unwrap();
        let saved = first.snapshot().unwrap();
        let mut graph = make();
        graph.restore(&saved).unwrap();
        let mut second = graph.inline().unwrap();
        for n in cut..100 {
            second.inputs.numbers.try_send(n).unwrap();
        }
        second.step().unwrap();
        assert_eq!(second.snapshot().unwrap(), whole, "cut at {cut}");
    }
    let mut other = graph! {
        renamed: Tally { poison: None },
        graph.numbers => renamed.input,
        renamed.out => graph.sums,
    };
    let error = other.restore(&whole).unwrap_err();
    assert!(error.to_string().contains("`tally`"), "{error}");
}

graph! {
    /// Ten nodes in a row, each in a task of its own, with room for one record between them.
    pub struct Ten() {
        #[input] numbers: u64,
        #[output] out: u64,
        a: Increment, b: Increment, c: Increment, d: Increment, e: Increment,
        f: Increment, g: Increment, h: Increment, i: Increment, j: Increment,
        #[buffer(1)] graph.numbers => a.input,
        #[buffer(1)] a.out => b.input,
        #[buffer(1)] b.out => c.input,
        #[buffer(1)] c.out => d.input,
        #[buffer(1)] d.out => e.input,
        #[buffer(1)] e.out => f.input,
        #[buffer(1)] f.out => g.input,
        #[buffer(1)] g.out => h.input,
        #[buffer(1)] h.out => i.input,
        #[buffer(1)] i.out => j.input,
        #[buffer(1)] j.out => graph.out,
    }
}

/// The bounds of edges to a nested graph, from it and inside of it hold: what is taken in while nobody
/// reads is one or two a boundary.
#[test]
fn bounds_hold_at_the_borders_of_nested_graphs() {
    let graph = graph! {
        one: Ten::new(), two: Ten::new(),
        #[buffer(1)] graph.numbers => one.numbers,
        #[buffer(1)] one.out => two.numbers,
        #[buffer(1)] two.out => graph.out,
    };
    let mut run = graph.inline().unwrap();
    let mut taken = 0;
    while run.inputs.numbers.try_send(taken).is_ok() {
        taken += 1;
        run.step().unwrap();
        assert!(taken < 60, "something on the way takes more than its bound");
    }
    let mut given = 0;
    while let Some(n) = run.outputs.out.try_recv() {
        assert_eq!(n, given + 20);
        given += 1;
        run.step().unwrap();
    }
    assert_eq!(given, taken);
}

/// `STREAMWEAVE_RECORDS=1000000` for the full volume.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_nodes_in_nested_graphs_get_through_with_room_for_one() {
    let records = std::env::var("STREAMWEAVE_RECORDS").ok().and_then(|n| n.parse().ok());
    let records: u64 = records.unwrap_or(10_000);
    let graph = graph! {
        source: numbers(records),
        t0: Ten::new(), t1: Ten::new(), t2: Ten::new(), t3: Ten::new(), t4: Ten::new(),
        t5: Ten::new(), t6: Ten::new(), t7: Ten::new(), t8: Ten::new(), t9: Ten::new(),
        source.out => t0.numbers,
        #[buffer(1)] t0.out => t1.numbers,
        #[buffer(1)] t1.out => t2.numbers,
        #[buffer(1)] t2.out => t3.numbers,
        #[buffer(1)] t3.out => t4.numbers,
        #[buffer(1)] t4.out => t5.numbers,
        #[buffer(1)] t5.out => t6.numbers,
        #[buffer(1)] t6.out => t7.numbers,
        #[buffer(1)] t7.out => t8.numbers,
        #[buffer(1)] t8.out => t9.numbers,
        #[buffer(1)] t9.out => graph.out,
    };
    let mut run = graph.start().unwrap();
    let mut next = 100;
    while let Some(n) = run.outputs.out.recv().await {
        assert_eq!(n, next, "out of order, lost or doubled");
        next += 1;
    }
    run.drain().await.unwrap();
    assert_eq!(next, records + 100);
}

#[node]
fn twice(n: u64) -> Vec<u64> {
    vec![n, n]
}

/// Fails at once, and counts how often it was asked.
#[node]
pub struct Refuse {
    #[input]
    input: u64,
    asked: Arc<AtomicU64>,
}

impl RefuseHandlers for Refuse {
    fn on_input(&self, input: u64, _: &mut impl RefuseOut) -> NodeResult {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Err(format!("refused {input}").into())
    }
}

#[test]
fn what_is_emitted_after_a_failure_does_nothing() {
    let asked = Arc::new(AtomicU64::new(0));
    let graph = graph! {
        twice: Twice,
        refuse: Refuse { asked: Arc::clone(&asked) },
        graph.numbers => twice.input,
        twice.out => refuse.input,
    };
    let mut run = graph.inline().unwrap();
    run.inputs.numbers.try_send(7).unwrap();
    assert!(run.step().is_err());
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

streamweave_tests::broken_variants! {
    BusyForLong => who_is_busy_gives_way;
    DroppedBatch => a_diamond_with_a_filter_in_one_arm_gets_through_with_room_for_one;
    ControlOvertakes => a_diamond_with_a_filter_in_one_arm_gets_through_with_room_for_one;
    KeyOnTwoWorkers => a_key_is_always_handled_by_the_same_worker;
    SwallowedPanic => a_failure_at_every_record_of_every_node_leaves_no_trace;
    SwallowedTaskPanic => a_panic_in_a_spawned_task_is_the_nodes_failure;
    UnboundedQueue => a_stalled_consumer_stops_the_source;
    UndoForgetsInsert => a_failure_at_every_record_of_every_node_leaves_no_trace;
    UndoForgetsChange => a_failure_at_every_record_of_every_node_leaves_no_trace;
    EmissionAfterFailure => what_is_emitted_after_a_failure_does_nothing;
    FailedUnitIsSent => a_failure_at_every_record_of_every_node_leaves_no_trace;
    StandingIsLost => a_failure_at_every_record_of_every_node_leaves_no_trace;
    FailureLooksLikeEnd => a_failure_at_every_record_of_every_node_leaves_no_trace;
}
