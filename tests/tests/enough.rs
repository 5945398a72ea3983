//! Who has had enough: what feeds nobody else comes to its end, and what came out is what came out of a
//! sequence that was cut off there.
#![allow(missing_docs, missing_debug_implementations, clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use streamweave::graph::{ExecutionMode, SendError, Snapshot};
use streamweave::nodes::window::{Tumbling, count};
use streamweave::nodes::{
    async_map, event_time_by, filter, for_each, from_iter, interval, map, merge, take, take_while,
    window,
};
use streamweave::prelude::*;
use streamweave::testing::{Simulation, simulate};

type Tested = Result<(), Box<dyn std::error::Error>>;

const SEEDS: u64 = 200;
const MS: Duration = Duration::from_millis(1);

/// Counts up to `end`, in batches, with a wait now and then; and fails where nobody ends it.
#[node(source, rewindable)]
struct Count {
    #[output]
    out: u64,
    #[state]
    next: Value<u64>,
    end: u64,
    calls: Arc<AtomicU64>,
}

streamweave_tests::broken_variants! {
    EnoughIsNotTold => goes_on_from_a_cut;
    OneHasEnough => where_it_fans_out_all_must_have_had_enough;
    LoopHasEnough => loops_are_left_alone;
    LettersAreAll => a_sink_is_there_for_what_it_does;
}

/// Further on than any test needs.
const FAR: u64 = 100_000;
const ENDLESS: u64 = u64::MAX;

fn counts(end: u64) -> Count {
    Count { end, calls: Arc::default() }
}

impl CountHandlers for Count {
    async fn next(&self, state: &mut CountState, out: &mut impl CountOut) -> NodeResult<More> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let first = *state.next;
        if first > FAR {
            return Err("nobody has ended it".into());
        }
        let last = self.end.min(first + 1 + first % 7);
        out.out_all(first..last);
        state.next.set(last);
        Ok(match last {
            last if last == self.end => More::End,
            last if last.is_multiple_of(2) => More::Later,
            _ => More::Now,
        })
    }
    async fn wait(&self, _: &mut CountState, out: &mut impl CountOut) -> NodeResult {
        out.sleep(3 * MS).await;
        Ok(())
    }
}

/// Waits before it sends a record on.
#[node(async)]
struct Nap {
    #[input]
    input: u64,
    #[output]
    out: u64,
}

impl NapHandlers for Nap {
    async fn on_input(&self, n: u64, out: &mut impl NapOut) -> NodeResult {
        out.sleep(MS * (n % 3) as u32).await;
        out.out(n);
        Ok(())
    }
}

async fn answer(n: u64) -> NodeResult<u64> {
    Ok(n)
}

graph! {
    /// The first of what comes, in a graph of its own.
    struct First(count: u64) {
        #[input] numbers: u64,
        #[output] out: u64,

        pass: map(|n: u64| n),
        some: take(count),

        graph.numbers => pass.input,
        pass.out => some.input,
        some.out => graph.out,
    }
}

/// Runs until nothing is left to do, which has to come, and gives what came out.
macro_rules! play {
    ($sim:expr, $graph:expr, $($output:ident),+) => {{
        let (_, outputs, mut run) = $sim.start($graph)?.split();
        $(let $output = run.capture(outputs.$output);)+
        run.until_idle()?;
        $(assert!($output.has_ended(), "something goes on");)+
        run.drain()?;
        ($($output.items()),+)
    }};
}

fn first(count: u64) -> Vec<u64> {
    (0..count).collect()
}

/// Fused, by edges that hold one record, behind handlers that are awaited and calls in flight, and in a graph
/// of its own.
#[test]
fn chains() -> Tested {
    simulate(SEEDS, |sim| {
        let n = sim.below(40);
        let graph = graph! {
            numbers: counts(ENDLESS), some: take(n),
            numbers.out => some.input,
            some.out => graph.out,
        };
        assert_eq!(play!(sim, graph, out), first(n));
        let graph = graph! {
            numbers: counts(ENDLESS), odd: filter(|n: &u64| n % 2 == 1), nap: Nap {},
            ask: async_map(answer).concurrency(3), some: take(n), double: map(|n: u64| n * 2),
            #[buffer(1)] numbers.out => odd.input,
            #[buffer(1)] odd.out => nap.input,
            nap.out => ask.input,
            #[boundary] ask.out => some.input,
            #[buffer(1)] some.out => double.input,
            double.out => graph.out,
        };
        assert_eq!(play!(sim, graph, out), (0..n).map(|n| 4 * n + 2).collect::<Vec<_>>());
        let graph = graph! {
            numbers: counts(ENDLESS), first: First::new(n),
            numbers.out => first.numbers,
            first.out => graph.out,
        };
        assert_eq!(play!(sim, graph, out), first(n));
        Ok(())
    })?;
    Ok(())
}

#[test]
fn as_long_as_a_test_holds() -> Tested {
    simulate(SEEDS, |sim| {
        let n = sim.below(40);
        let graph = graph! {
            numbers: counts(ENDLESS), some: take_while(move |m: &u64| *m < n),
            numbers.out => some.input,
            some.out => graph.out,
        };
        assert_eq!(play!(sim, graph, out), first(n));
        Ok(())
    })?;
    Ok(())
}

/// A source goes on as long as one branch wants more, whatever has become of the others.
#[test]
pub(crate) fn where_it_fans_out_all_must_have_had_enough() -> Tested {
    simulate(SEEDS, |sim| {
        let (a, b, end) = (sim.below(40), sim.below(40), sim.below(100));
        let make = |end| {
            graph! {
                numbers: counts(end), a: take(a), b: take(b), pass: map(|n: u64| n),
                numbers.out => a.input,
                numbers.out => pass.input,
                #[buffer(2)] pass.out => b.input,
                a.out => graph.a,
                b.out => graph.b,
            }
        };
        assert_eq!(play!(sim, make(ENDLESS), a, b), (first(a), first(b)));
        assert_eq!(play!(sim, make(end), a, b), (first(a.min(end)), first(b.min(end))));
        // One that sends nothing on is there for what it does.
        let seen = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&seen);
        let graph = graph! {
            numbers: counts(end), a: take(a),
            each: for_each(move |_: u64| { counter.fetch_add(1, Ordering::Relaxed); }),
            numbers.out => [a.input, each.input],
            a.out => graph.out,
        };
        assert_eq!(play!(sim, graph, out), first(a.min(end)));
        assert_eq!(seen.load(Ordering::Relaxed), end);
        Ok(())
    })?;
    Ok(())
}

/// All that feeds it ends, and nothing that feeds another.
#[test]
fn where_it_fans_in_all_end() -> Tested {
    simulate(SEEDS / 4, |sim| {
        let (n, end) = (sim.below(40), sim.below(60));
        let graph = graph! {
            few: counts(ENDLESS), many: from_iter(1_000_000_u64..), both: counts(end), all: merge(),
            more: map(|n: u64| n), some: take(n),
            few.out => all.left,
            #[buffer(3)] many.out => all.right,
            both.out => [more.input, graph.both],
            more.out => all.right,
            all.out => some.input,
            some.out => graph.out,
        };
        let (out, both) = play!(sim, graph, out, both);
        assert_eq!((out.len() as u64, both), (n, first(end)));
        Ok(())
    })?;
    Ok(())
}

/// A source that is divided by its splits, each of which has no end.
#[node(source, rewindable, splits = ["a", "b", "c"].map(String::from).to_vec())]
struct Divided {
    #[output]
    out: (usize, u64),
    #[state]
    next: Keyed<String, u64>,
}

impl DividedHandlers for Divided {
    async fn next(&self, state: &mut DividedState, out: &mut impl DividedOut) -> NodeResult<More> {
        for (number, split) in ["a", "b", "c"].into_iter().enumerate() {
            if out.owns_split(split) {
                let next = state.next.entry(split.to_owned());
                if *next > FAR {
                    return Err("nobody has ended it".into());
                }
                out.out((number, *next));
                *next += 1;
            }
        }
        Ok(More::Now)
    }
}

/// Each instance ends, of what comes before a region of workers and of what is in it.
#[test]
fn on_workers() -> Tested {
    simulate(SEEDS, |sim| {
        let (n, workers) = (sim.below(60), 1 + sim.below(4) as usize);
        let graph = graph! {
            numbers: counts(ENDLESS),
            #[workers(workers)] group wide { pass: map(|n: u64| n), by: Tally {} },
            some: take(n),
            numbers.out => pass.input,
            pass.out => by.numbers,
            by.out => some.input,
            some.out => graph.out,
        };
        let mut out = play!(sim, graph, out);
        assert_eq!(out.len() as u64, n);
        // Of each key the first, in sequence.
        out.sort();
        for key in 0..5 {
            let of_key: Vec<_> =
                out.iter().filter(|(of, _)| *of == key).map(|(_, nth)| *nth).collect();
            assert_eq!(of_key, (1..=of_key.len() as u64).collect::<Vec<_>>());
        }
        let graph = graph! {
            #[workers(workers)] numbers: Divided {},
            some: take(n),
            numbers.out => some.input,
            some.out => graph.out,
        };
        let mut out = play!(sim, graph, out);
        assert_eq!(out.len() as u64, n);
        out.sort();
        for split in 0..3 {
            let of_split: Vec<_> =
                out.iter().filter(|(of, _)| *of == split).map(|(_, n)| *n).collect();
            assert_eq!(of_split, first(of_split.len() as u64));
        }
        Ok(())
    })?;
    Ok(())
}

/// Numbers the records of each key.
#[node(key = u64)]
struct Tally {
    #[input(key = |n| n % 5)]
    numbers: u64,
    #[output]
    out: (u64, u64),
    #[state]
    seen: Keyed<u64, u64>,
}

impl TallyHandlers for Tally {
    fn on_numbers(&self, state: &mut TallyState, n: u64, out: &mut impl TallyOut) -> NodeResult {
        let seen = state.seen.entry(n % 5);
        *seen += 1;
        out.out((n % 5, *seen));
        Ok(())
    }
}

/// An input of the graph ends too: what was sent before is dealt with, and who still sends has his record back.
#[test]
fn an_input_of_the_graph_takes_no_more() -> Tested {
    simulate(SEEDS, |sim| {
        let n = sim.below(40);
        let graph = graph! {
            some: take(n), pass: map(|n: u64| n),
            graph.numbers => some.input,
            graph.others => pass.input,
            some.out => graph.out,
            pass.out => graph.others,
        };
        let (inputs, outputs, mut run) = sim.start(graph)?.split();
        let (out, others) = (run.capture(outputs.out), run.capture(outputs.others));
        // Both handles stay.
        run.feed(inputs.numbers.clone(), 0..);
        run.feed(inputs.others.clone(), 0..100);
        run.until_idle()?;
        assert_eq!((out.items(), out.has_ended()), (first(n), true));
        let Err(SendError::Stopped(record)) = inputs.numbers.try_send(7) else {
            return Err("it was taken".into());
        };
        assert_eq!((record, others.has_ended()), (7, false));
        inputs.others.try_send(100)?;
        run.until_idle()?;
        drop(inputs.others);
        run.until_idle()?;
        assert_eq!((others.items(), others.has_ended()), (first(101), true));
        run.drain()?;
        Ok(())
    })?;
    Ok(())
}

/// What goes on from a cut, before or after there was enough, ends as the undisturbed run does.
#[test]
pub(crate) fn goes_on_from_a_cut() -> Tested {
    simulate(SEEDS, |sim| {
        let n = sim.below(60);
        let calls = Arc::<AtomicU64>::default();
        let make = |calls: &Arc<AtomicU64>| {
            graph! {
                numbers: Count { end: ENDLESS, calls: Arc::clone(calls) },
                pass: map(|n: u64| n), some: take(n), all: Kept {},
                #[buffer(4)] numbers.out => pass.input,
                #[buffer(1)] pass.out => some.input,
                #[boundary] some.out => [all.numbers, graph.out],
            }
        };
        let ((), outputs, mut run) = sim.start(make(&calls))?.split();
        let out = run.capture(outputs.out);
        run.advance(MS * sim.below(60) as u32)?;
        let cut = if sim.below(2) == 0 { run.cut()? } else { run.cut_unaligned()? };
        run.until_idle()?;
        assert_eq!((out.items(), out.has_ended()), (first(n), true));
        let undisturbed = run.drain()?.state;
        let called = calls.swap(0, Ordering::Relaxed);
        let again = |state: &Snapshot| {
            let mut graph = make(&calls);
            graph.restore(state)?;
            let ((), outputs, mut run) = sim.start(graph)?.split();
            let out = run.capture(outputs.out);
            run.until_idle()?;
            assert!(out.has_ended(), "it goes on again");
            Ok::<_, Box<dyn std::error::Error>>(run.drain()?.state)
        };
        assert_eq!(again(&cut)?.get("all"), undisturbed.get("all"));
        assert!(calls.swap(0, Ordering::Relaxed) <= called + 60);
        // And once more behind the end: the source is where it was, or a little further on.
        assert_eq!(again(&undisturbed)?.get("all"), undisturbed.get("all"));
        Ok(())
    })?;
    Ok(())
}

/// Keeps what comes.
#[node(sink)]
struct Kept {
    #[input]
    numbers: u64,
    #[state]
    kept: Value<Vec<u64>>,
}

impl KeptHandlers for Kept {
    fn on_numbers(&self, state: &mut KeptState, n: u64, _: &mut impl KeptOut) -> NodeResult {
        state.kept.get_mut().push(n);
        Ok(())
    }
}

/// Restored with what is over, a source in the same stage is not even asked.
#[test]
fn what_is_over_ends_before_it_begins() -> Tested {
    let calls = Arc::<AtomicU64>::default();
    let make = || {
        graph! {
            numbers: Count { end: ENDLESS, calls: Arc::clone(&calls) }, some: take(20),
            numbers.out => some.input,
            some.out => graph.out,
        }
    };
    let ((), outputs, mut run) = make().inline()?.split();
    let out = run.capture(outputs.out);
    run.until_idle()?;
    let state = run.drain()?.state;
    assert_eq!(out.items(), first(20));
    // 1, 3, 7, 8, 10, 14, 15, 17 and 21: it is not asked for another batch.
    assert_eq!(calls.load(Ordering::Relaxed), 9);
    let mut graph = make();
    graph.restore(&state)?;
    let ((), outputs, mut run) = graph.inline()?.split();
    let out = run.capture(outputs.out);
    run.until_idle()?;
    assert!(out.items().is_empty() && out.has_ended());
    assert_eq!(calls.load(Ordering::Relaxed), 9);
    Ok(())
}

/// Fails at each third number, once, after it has counted and sent.
#[node]
struct Trips {
    #[input]
    input: u64,
    #[output]
    out: u64,
    tripped: AtomicU64,
}

impl TripsHandlers for Trips {
    fn on_input(&self, n: u64, out: &mut impl TripsOut) -> NodeResult {
        out.out(n);
        if n % 3 == 2 && self.tripped.fetch_max(n, Ordering::Relaxed) < n {
            return Err("tripped".into());
        }
        Ok(())
    }
}

#[test]
fn with_units_that_fail() -> Tested {
    simulate(SEEDS, |sim| {
        let n = sim.below(40);
        let graph = graph! {
            numbers: counts(ENDLESS),
            #[restart(max = 1000, within = "1s", backoff = "1ms")]
            group all one_for_one { trips: Trips { tripped: 0.into() }, some: take(n) },
            numbers.out => trips.input,
            trips.out => some.input,
            some.out => graph.out,
        };
        assert_eq!(play!(sim, graph, out), first(n));
        // Dead letters are an output, too: whoever takes them wants more.
        let end = sim.below(60);
        let graph = graph! {
            numbers: counts(end),
            #[on_failure(dead_letter)]
            trips: Trips { tripped: 0.into() },
            some: take(n),
            numbers.out => trips.input,
            trips.out => some.input,
            trips.dead_letters => graph.poison,
            some.out => graph.out,
        };
        let (out, poison) = play!(sim, graph, out, poison);
        let good = (0..end).filter(|n| n % 3 != 2).take(n as usize);
        assert_eq!((out, poison.len() as u64), (good.collect(), end / 3));
        Ok(())
    })?;
    Ok(())
}

/// What is open when there is enough becomes due at the end, as at any other.
#[test]
fn windows() -> Tested {
    simulate(SEEDS, |sim| {
        let n = sim.below(8);
        let graph = graph! {
            numbers: counts(ENDLESS),
            times: event_time_by(|n: &u64| LogicalTime(*n as i64)),
            key: map(|n: u64| (n % 2, n)),
            counted: window(Tumbling::of(10 * MS), count()),
            some: take(n), show: map(|counted| format!("{counted:?}")),
            numbers.out => times.input,
            times.out => key.input,
            key.out => counted.input,
            #[boundary] counted.out => some.input,
            some.out => show.input,
            show.out => graph.out,
        };
        let far = graph! {
            numbers: counts(100),
            times: event_time_by(|n: &u64| LogicalTime(*n as i64)),
            key: map(|n: u64| (n % 2, n)),
            counted: window(Tumbling::of(10 * MS), count()),
            show: map(|counted| format!("{counted:?}")),
            numbers.out => times.input,
            times.out => key.input,
            key.out => counted.input,
            counted.out => show.input,
            show.out => graph.out,
        };
        let mut all = play!(sim, far, out);
        all.truncate(n as usize);
        assert_eq!(play!(sim, graph, out), all);
        Ok(())
    })?;
    Ok(())
}

/// What goes through a loop goes on: the source comes to its own end.
#[test]
pub(crate) fn loops_are_left_alone() -> Tested {
    simulate(SEEDS, |sim| {
        let (n, end) = (sim.below(40), sim.below(60));
        let source = counts(end);
        let calls = Arc::clone(&source.calls);
        let mut asked = Vec::new();
        // Behind the loop, and in it.
        for (behind, inside) in [(u64::MAX, u64::MAX), (n, u64::MAX), (u64::MAX, n)] {
            let graph = graph! {
                numbers: Count { end, calls: Arc::clone(&calls) },
                #[rounds(max = 50)] loop halves { both: merge(), taken: take(inside), halve: Halve {} },
                some: take(behind),
                numbers.out => both.left,
                both.out => taken.input,
                taken.out => halve.numbers,
                halve.again => feedback both.right,
                halve.done => some.input,
                some.out => graph.out,
            };
            let out = play!(sim, graph, out);
            assert!(inside == n || out.len() as u64 == end.min(behind));
            asked.push(calls.swap(0, Ordering::Relaxed));
        }
        assert_eq!(asked, [asked[0]; 3]);
        Ok(())
    })?;
    Ok(())
}

/// Halves a number until it is odd.
#[node]
struct Halve {
    #[input]
    numbers: u64,
    #[output]
    again: u64,
    #[output]
    done: u64,
}

impl HalveHandlers for Halve {
    fn on_numbers(&self, n: u64, out: &mut impl HalveOut) -> NodeResult {
        match n {
            0 => out.done(n),
            n if n.is_multiple_of(2) => out.again(n / 2),
            n => out.done(n),
        }
        Ok(())
    }
}

/// A node of one's own, with two inputs, says by its state when it has had enough of both.
#[test]
fn a_node_of_ones_own() -> Tested {
    #[node(enough = *state.left + *state.right >= self.most)]
    struct Both {
        #[input]
        left: u64,
        #[input]
        right: u64,
        #[output]
        out: u64,
        #[state]
        left: Value<u64>,
        #[state]
        right: Value<u64>,
        most: u64,
    }
    impl BothHandlers for Both {
        fn on_left(&self, state: &mut BothState, n: u64, out: &mut impl BothOut) -> NodeResult {
            if *state.left + *state.right < self.most {
                *state.left.get_mut() += 1;
                out.out(n);
            }
            Ok(())
        }
        fn on_right(&self, state: &mut BothState, n: u64, out: &mut impl BothOut) -> NodeResult {
            if *state.left + *state.right < self.most {
                *state.right.get_mut() += 1;
                out.out(n);
            }
            Ok(())
        }
    }
    simulate(SEEDS, |sim| {
        let most = sim.below(40);
        let graph = graph! {
            a: counts(ENDLESS), b: counts(ENDLESS), both: Both { most },
            a.out => both.left,
            b.out => both.right,
            both.out => graph.out,
        };
        assert_eq!(play!(sim, graph, out).len() as u64, most);
        Ok(())
    })?;
    Ok(())
}

/// On tokio: what came with `drain` only before, comes.
#[tokio::test(start_paused = true)]
async fn a_graph_that_runs_comes_to_its_end() -> Tested {
    let graph = graph! {
        ticks: interval(Duration::from_secs(1)), some: take(3),
        ticks.out => some.input,
        some.out => graph.out,
    };
    let (_, mut outputs, run) = graph.start()?.split();
    assert_eq!(outputs.out.collect().await.len(), 3);
    run.drain().await?;

    for mode in [ExecutionMode::Concurrent, ExecutionMode::Deterministic] {
        let mut graph = graph! {
            some: take(3), pass: map(|n: u64| n),
            graph.numbers => pass.input,
            #[boundary] pass.out => some.input,
            some.out => graph.out,
        };
        graph.set_mode(mode);
        let (inputs, mut outputs, run) = graph.start()?.split();
        let feeds = tokio::spawn(async move {
            for n in 0.. {
                let Err(SendError::Stopped(back)) = inputs.numbers.send(n).await else { continue };
                return n == back;
            }
            false
        });
        assert_eq!(outputs.out.collect().await, first(3));
        assert!(feeds.await?, "another record came back");
        run.drain().await?;
    }
    Ok(())
}

#[test]
fn nothing_at_all() -> Tested {
    let source = counts(ENDLESS);
    let calls = Arc::clone(&source.calls);
    let graph = graph! {
        numbers: source, some: take(0),
        numbers.out => some.input,
        some.out => graph.out,
    };
    let sim = Simulation::new(1);
    assert_eq!(play!(sim, graph, out), first(0));
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    Ok(())
}

/// Counts what it takes, and fails at each third number.
#[node(sink)]
struct Counter {
    #[input]
    numbers: u64,
    seen: Arc<AtomicU64>,
}

impl CounterHandlers for Counter {
    fn on_numbers(&self, n: u64, _: &mut impl CounterOut) -> NodeResult {
        self.seen.fetch_add(1, Ordering::Relaxed);
        if n % 3 == 2 { Err("3 divides the next".into()) } else { Ok(()) }
    }
}

#[test]
pub(crate) fn a_sink_is_there_for_what_it_does() -> Tested {
    simulate(SEEDS, |sim| {
        let (n, end) = (sim.below(10), 50 + sim.below(50));
        let seen = Arc::<AtomicU64>::default();
        let graph = graph! {
            numbers: counts(end),
            #[on_failure(dead_letter)]
            counter: Counter { seen: Arc::clone(&seen) },
            some: take(n),
            numbers.out => counter.numbers,
            counter.dead_letters => some.input,
            some.out => graph.out,
        };
        let out = play!(sim, graph, out);
        assert_eq!((out.len() as u64, seen.load(Ordering::Relaxed)), (n, end));
        Ok(())
    })?;
    Ok(())
}
