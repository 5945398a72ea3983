//! Cuts through loops and deterministic runs: what is on its way is part of them.

use std::marker::PhantomData;
use std::time::Duration;

use streamweave::graph::{ExecutionMode, Graph, Inline, RunError, Snapshot};
use streamweave::nodes::{converged, in_order_by, map, merge, rounds};
use streamweave::prelude::*;
use streamweave::testing::{Simulation, simulate};

use crate::cuts::Ledger;
use crate::loops::{Down, Least, Neighbours, Reached};
use crate::nodes::*;
use crate::{SEEDS, Tested};

/// Takes its time with each record, so that some are on their way whenever a cut is made.
#[node(async)]
pub(crate) struct Slowly<T: Send + 'static> {
    #[input]
    input: T,
    #[output]
    out: T,
    records: PhantomData<fn(T)>,
}

impl<T: Send + 'static> SlowlyHandlers<T> for Slowly<T> {
    async fn on_input(&self, record: T, out: &mut impl SlowlyOut<T>) -> NodeResult {
        out.sleep(Duration::from_millis(2)).await;
        out.out(record);
        Ok(())
    }
}

pub(crate) fn slowly<T: Send + 'static>() -> Slowly<T> {
    Slowly { records: PhantomData }
}

type Failed = Box<dyn std::error::Error>;

/// The whole run, with cuts on the way, and what going on from the last of them ends with.
pub(crate) fn disturbed<I, O>(
    sim: &mut Simulation,
    mut make: impl FnMut() -> Graph<I, O>,
) -> Result<[Snapshot; 2], Failed> {
    let mut run = sim.start(make())?;
    let how = [Inline::cut, Inline::cut_unaligned][sim.below(2) as usize];
    let mut cut = how(&mut run)?;
    for _ in 0..sim.below(6) {
        run.advance(Duration::from_millis(sim.below(12)))?;
        cut = how(&mut run)?;
    }
    run.until_idle()?;
    let whole = run.drain()?.state;
    let mut graph = make();
    graph.restore(&cut)?;
    let mut run = sim.start(graph)?;
    // Once more, before what was on its way has been taken in.
    if sim.below(2) == 0 {
        cut = how(&mut run)?;
        let mut graph = make();
        graph.restore(&cut)?;
        run = sim.start(graph)?;
    }
    run.until_idle()?;
    Ok([whole, run.drain()?.state])
}

/// What the ledger holds after a disturbed run is what it holds after the whole one.
pub(crate) fn goes_on<I, O>(sim: &mut Simulation, make: impl FnMut() -> Graph<I, O>) -> Tested {
    let [whole, after] = disturbed(sim, make)?;
    assert_eq!(after.get("ledger"), whole.get("ledger"));
    Ok(())
}

/// Without times, and on workers.
#[test]
pub(crate) fn what_can_be_reached() -> Tested {
    simulate(SEEDS / 4, |sim| {
        let mut edges = std::collections::BTreeMap::<u64, Vec<u64>>::new();
        for _ in 0..sim.below(200) {
            edges.entry(sim.below(60)).or_default().push(sim.below(60));
        }
        let (starts, workers) = (sim.below(30), 1 + sim.below(3) as usize);
        goes_on(sim, || {
            graph! {
                starts: numbers(starts, 1),
                place: map(|rec: Rec| rec.id * 7 % 60),
                #[workers(workers)]
                #[rounds(max = 1000)] loop reach {
                    reached: Reached {},
                    slowly: slowly(),
                    next: Neighbours { edges: edges.clone() },
                },
                show: map(|place: u64| format!("{place}")),
                ledger: Ledger {},
                starts.out => place.input,
                place.out => reached.starts,
                reached.new => slowly.input,
                slowly.out => next.places,
                #[buffer(2)] next.out => feedback reached.back,
                reached.new => show.input,
                show.out => ledger.input,
            }
        })
    })?;
    Ok(())
}

graph! {
    /// Has records on their way at both of its borders.
    struct Slow() {
        #[input] places: u64,
        #[output] out: u64,
        before: slowly(),
        count: PerPlace {},
        after: slowly(),
        graph.places => before.input,
        before.out => count.places,
        count.out => after.input,
        after.out => graph.out,
        count.out => graph.out,
    }
}

/// Passes on each place with how often it came.
#[node(key = u64)]
struct PerPlace {
    #[input(key = |place| *place)]
    places: u64,
    #[output]
    out: u64,
    #[state]
    counts: Keyed<u64, u64>,
}

impl PerPlaceHandlers for PerPlace {
    fn on_places(
        &self,
        state: &mut PerPlaceState,
        place: u64,
        out: &mut impl PerPlaceOut,
    ) -> NodeResult {
        let count = state.counts.entry(place);
        *count += 1;
        out.out(place * 1_000 + *count);
        Ok(())
    }
}

/// At the borders of a graph on workers each has its own.
#[test]
pub(crate) fn in_a_graph_on_workers() -> Tested {
    simulate(SEEDS / 4, |sim| {
        let (starts, workers) = (sim.below(60), 1 + sim.below(3) as usize);
        goes_on(sim, || {
            graph! {
                starts: numbers(starts, 1),
                place: map(|rec: Rec| rec.id * 7 % 10),
                #[workers(workers)] slow: Slow::new(),
                late: slowly(),
                show: map(|place: u64| format!("{place}")),
                ledger: Ledger {},
                starts.out => place.input,
                #[buffer(2)] place.out => slow.places,
                place.out => late.input,
                #[buffer(1)] late.out => slow.places,
                #[buffer(2)] slow.out => show.input,
                show.out => ledger.input,
            }
        })
    })?;
    Ok(())
}

macro_rules! several_times {
    ($numbers:expr) => {
        graph! {
            numbers: numbers($numbers, 1),
            times: in_order_by(|rec: &Rec| LogicalTime(rec.id as i64 / 4)),
            value: map(|rec: Rec| rec.id as i64 * 7 % 13 - 2),
            #[rounds(max = 100)]
            loop down { least: Least {}, slowly: slowly(), down: Down {}, rounds: rounds(0) },
            converged: converged(),
            show: map(|done: (u32, i64)| format!("{done:?}")),
            show_point: map(|point: streamweave::nodes::timing::FixedPoint| format!("{point:?}")),
            ledger: Ledger {},
            numbers.out => times.input,
            times.out => value.input,
            value.out => least.numbers,
            least.out => slowly.input,
            slowly.out => down.numbers,
            down.again => rounds.input,
            rounds.out => feedback least.back,
            down.done => show.input,
            rounds.round => converged.rounds,
            converged.out => show_point.input,
            show.out => ledger.input,
            show_point.out => ledger.input,
        }
    };
}

/// Each time has its own rounds, kept by state and timers.
#[test]
pub(crate) fn rounds_of_several_times() -> Tested {
    simulate(SEEDS / 4, |sim| {
        let numbers = sim.below(60);
        goes_on(sim, || several_times!(numbers))
    })?;
    Ok(())
}

/// A trip: its number, and how many rounds of the inner and the outer loop are left.
pub(crate) type Trip = (u64, u64, u64);

/// Sends a trip round the inner loop, then on.
#[node]
pub(crate) struct InnerRound {
    #[input]
    trips: Trip,
    #[output]
    again: Trip,
    #[output]
    done: Trip,
}

impl InnerRoundHandlers for InnerRound {
    fn on_trips(&self, (id, inner, outer): Trip, out: &mut impl InnerRoundOut) -> NodeResult {
        match inner {
            0 => out.done((id, id % 4, outer)),
            _ => out.again((id, inner - 1, outer)),
        }
        Ok(())
    }
}

/// Counts trips at places that change from round to round, so that they go from worker to worker.
#[node(key = u64)]
pub(crate) struct Stops {
    #[input(key = |trip| (trip.0 + trip.1) % 7)]
    begin: Trip,
    #[input(key = |trip| (trip.0 + trip.1) % 7)]
    back: Trip,
    #[output]
    on: Trip,
    #[state]
    stops: Keyed<u64, u64>,
}

impl StopsHandlers for Stops {
    fn on_begin(&self, state: &mut StopsState, trip: Trip, out: &mut impl StopsOut) -> NodeResult {
        *state.stops.entry((trip.0 + trip.1) % 7) += 1;
        out.on(trip);
        Ok(())
    }
    fn on_back(&self, state: &mut StopsState, trip: Trip, out: &mut impl StopsOut) -> NodeResult {
        self.on_begin(state, trip, out)
    }
}

/// A barrier comes round from one worker before it has passed another.
#[test]
pub(crate) fn from_worker_to_worker() -> Tested {
    simulate(SEEDS / 4, |sim| {
        let (trips, workers) = (sim.below(150), 2 + sim.below(2) as usize);
        let [whole, after] = disturbed(sim, || {
            graph! {
                numbers: numbers(trips, 1),
                begin: map(|rec: Rec| (rec.id, rec.id % 9, 0)),
                #[workers(workers)]
                #[rounds(max = 20)] loop round {
                    stops: Stops {},
                    slowly: slowly(),
                    inner_round: InnerRound {},
                },
                show: map(|trip: Trip| format!("{}", trip.0)),
                ledger: Ledger {},
                numbers.out => begin.input,
                #[buffer(3)] begin.out => stops.begin,
                stops.on => slowly.input,
                slowly.out => inner_round.trips,
                inner_round.again => feedback stops.back,
                inner_round.done => show.input,
                show.out => ledger.input,
            }
        })?;
        for path in whole.paths() {
            assert_eq!(after.get(path), whole.get(path), "{path}");
        }
        Ok(())
    })?;
    Ok(())
}

/// Sends a trip round the outer loop, then out.
#[node]
pub(crate) struct OuterRound {
    #[input]
    trips: Trip,
    #[output]
    again: Trip,
    #[output]
    done: String,
}

impl OuterRoundHandlers for OuterRound {
    fn on_trips(&self, (id, inner, outer): Trip, out: &mut impl OuterRoundOut) -> NodeResult {
        match outer {
            0 => out.done(format!("{id} in round {}", out.rounds().of(0))),
            _ => out.again((id, inner, outer - 1)),
        }
        Ok(())
    }
}

#[test]
fn loops_in_loops() -> Tested {
    simulate(SEEDS / 4, |sim| {
        let trips = sim.below(50);
        goes_on(sim, || {
            graph! {
                numbers: numbers(trips, 1),
                times: in_order_by(|rec: &Rec| LogicalTime(rec.id as i64 / 3)),
                begin: map(|rec: Rec| (rec.id, rec.id % 3, rec.id % 5)),
                #[rounds(max = 20)] loop outer {
                    enter: merge(),
                    #[rounds(max = 20)] loop inner {
                        both: merge(),
                        slowly: slowly(),
                        inner_round: InnerRound {},
                    },
                    outer_round: OuterRound {},
                },
                ledger: Ledger {},
                numbers.out => times.input,
                times.out => begin.input,
                begin.out => enter.left,
                enter.out => both.left,
                both.out => slowly.input,
                slowly.out => inner_round.trips,
                inner_round.again => feedback both.right,
                inner_round.done => outer_round.trips,
                #[buffer(3)] outer_round.again => feedback enter.right,
                outer_round.done => ledger.input,
            }
        })
    })?;
    Ok(())
}

/// Two loops, each through the other's part of the graph, that go on for long after their input has
/// ended: the barrier begins with them.
macro_rules! long_after {
    ($trips:expr) => {
        graph! {
            numbers: numbers($trips, 1),
            begin: map(|rec: Rec| (rec.id, rec.id % 3, rec.id % 5)),
            #[rounds(max = 100)] loop round {
                enter: merge(),
                slowly: slowly(),
                both: merge(),
                inner_round: InnerRound {},
                outer_round: OuterRound {},
            },
            ledger: Ledger {},
            numbers.out => begin.input,
            begin.out => enter.left,
            enter.out => slowly.input,
            slowly.out => both.left,
            both.out => inner_round.trips,
            inner_round.again => feedback both.right,
            inner_round.done => outer_round.trips,
            #[buffer(1)] outer_round.again => feedback enter.right,
            outer_round.done => ledger.input,
        }
    };
}

#[test]
pub(crate) fn long_after_the_input_has_ended() -> Tested {
    simulate(SEEDS / 4, |sim| {
        let trips = sim.below(20);
        goes_on(sim, || long_after!(trips))
    })?;
    Ok(())
}

/// No barrier comes from where the input came from: the loop does not have to end first.
#[test]
fn a_barrier_begins_where_the_input_has_ended() -> Tested {
    let ends = |mut run: Inline<_, _>| -> Result<Snapshot, Failed> {
        for _ in 0..300 {
            run.advance(Duration::from_millis(2))?;
        }
        Ok(run.drain()?.state)
    };
    let mut run = long_after!(9).inline()?;
    for _ in 0..4 {
        run.advance(Duration::from_millis(2))?;
    }
    let cut = run.cut()?;
    assert!(cut.paths().any(|path| path.ends_with('~')), "{cut:?}");
    let whole = ends(run)?;
    let mut graph = long_after!(9);
    graph.restore(&cut)?;
    assert_eq!(ends(graph.inline()?)?.get("ledger"), whole.get("ledger"));
    Ok(())
}

/// On threads, one cut after the other while the graph runs; each is a place to go on from.
#[test]
fn on_threads() -> Tested {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let limit = Duration::from_secs(60);
    runtime.block_on(async {
        let run = several_times!(3_000).start()?;
        let mut cuts = Vec::new();
        while !run.has_ended() && cuts.len() < 40 {
            cuts.push(run.cut(limit).await?);
            tokio::task::yield_now().await;
        }
        let whole = run.drain().await?.state;
        for cut in cuts.iter().step_by(5) {
            let mut graph = several_times!(3_000);
            graph.restore(cut)?;
            let after = graph.start()?.drain().await?.state;
            assert_eq!(after.get("ledger"), whole.get("ledger"));
        }
        Ok(())
    })
}

/// No barrier waits for a call: what was asked is saved, and asked again, in the order it was.
#[test]
fn calls_are_made_again() -> Tested {
    let make = || {
        graph! {
            ask: AskInOrder { flaky: Flaky::default() },
            graph.records => ask.input,
            ask.out => graph.out,
        }
    };
    let rec = |id| Rec { id, way: 0 };
    let mut run = make().inline()?;
    // From the first cut on it is known that others may follow.
    run.cut()?;
    // Each is answered at the fourth time, with waits in between.
    for id in [3, 7, 11] {
        run.inputs.records.try_send(rec(id))?;
    }
    run.step()?;
    let cut = run.cut()?;
    assert!(cut.paths().any(|path| path == "ask~"), "{cut:?}");
    assert_eq!(run.outputs.out.try_recv(), None);
    run.inputs.records.try_send(rec(4))?;
    let mut graph = make();
    graph.restore(&cut)?;
    let again = graph.inline()?;
    again.inputs.records.try_send(rec(4))?;
    for mut run in [run, again] {
        run.advance(Duration::from_secs(1))?;
        run.until_idle()?;
        for id in [3, 7, 11, 4] {
            assert_eq!(run.outputs.out.try_recv(), Some(rec(id).by(&[5])));
        }
    }
    Ok(())
}

/// Asks for what does not serialize.
#[node(async, concurrency = 4, retry = 5, backoff = "1ms..20ms")]
struct AskBare {
    #[input]
    input: Bare,
    #[output]
    out: u64,
    flaky: Flaky,
}

impl AskBareHandlers for AskBare {
    type Answer = u64;
    async fn call(&self, Bare(id): Bare) -> NodeResult<u64> {
        self.flaky.answer(Rec { id, way: 0 }).map(|rec| rec.id)
    }
    fn complete(&self, answer: u64, out: &mut impl AskBareOut) -> NodeResult {
        out.out(answer);
        Ok(())
    }
}

/// What cannot be saved is waited for.
#[test]
fn calls_that_cannot_be_saved_are_waited_for() -> Tested {
    let mut run = graph! {
        ask: AskBare { flaky: Flaky::default() },
        graph.records => ask.input,
        ask.out => graph.out,
    }
    .inline()?;
    run.inputs.records.try_send(Bare(3))?;
    run.step()?;
    let cut = run.cut()?;
    assert_eq!(cut.paths().count(), 0, "{cut:?}");
    assert_eq!(run.outputs.out.try_recv(), Some(3));
    Ok(())
}

/// Writes down what comes, in its order.
#[node(sink)]
struct InOrder {
    #[input]
    input: String,
    #[state]
    came: Value<Vec<String>>,
}

impl InOrderHandlers for InOrder {
    fn on_input(
        &self,
        state: &mut InOrderState,
        entry: String,
        _: &mut impl InOrderOut,
    ) -> NodeResult {
        state.came.get_mut().push(entry);
        Ok(())
    }
}

/// A deterministic run goes on as it would have: in the same order.
#[test]
pub(crate) fn what_is_put_aside() -> Tested {
    simulate(SEEDS / 4, |sim| {
        let [a, b, c] = [sim.below(60), sim.below(60), sim.below(60)];
        goes_on(sim, || {
            let mut graph = graph! {
                a: numbers(a, 1), b: numbers(b, 2), c: numbers(c, 3),
                times_a: in_order_by(|rec: &Rec| LogicalTime(rec.id as i64)),
                times_b: in_order_by(|rec: &Rec| LogicalTime(rec.id as i64 * 2 / 3)),
                times_c: in_order_by(|rec: &Rec| LogicalTime(rec.id as i64 * 2)),
                ask: Ask { flaky: Flaky::default() }, nap: nap(2), both: Both {},
                #[workers(2)]
                tens: Tens {},
                show: map(|rec: Rec| format!("{rec:?}")),
                ledger: InOrder {},
                a.out => times_a.input,
                b.out => times_b.input,
                c.out => times_c.input,
                times_a.out => [ask.input, both.left],
                ask.out => both.left,
                times_b.out => nap.input,
                #[buffer(3)] nap.out => both.right,
                both.out => tens.input,
                times_c.out => tens.input,
                tens.out => show.input,
                show.out => ledger.input,
            };
            graph.set_mode(ExecutionMode::Deterministic);
            graph
        })
    })?;
    Ok(())
}

#[test]
fn one_of_each_in_turn() -> Tested {
    simulate(SEEDS / 4, |sim| {
        let [few, many] = [sim.below(30), sim.below(90)];
        goes_on(sim, || {
            let mut graph = graph! {
                few: numbers(few, 1), many: numbers(many, 2), all: merge(),
                show: map(|rec: Rec| format!("{rec:?}")),
                ledger: InOrder {},
                #[in_turn] few.out => all.left,
                many.out => all.right,
                all.out => show.input,
                show.out => ledger.input,
            };
            graph.set_mode(ExecutionMode::Deterministic);
            graph
        })
    })?;
    Ok(())
}

/// What calls are in flight for has been put in order already.
#[test]
fn calls_for_one_of_each_in_turn() -> Tested {
    simulate(SEEDS / 4, |sim| {
        let [few, many] = [sim.below(30), sim.below(60)];
        goes_on(sim, || {
            let mut graph = graph! {
                few: numbers(few, 1), many: numbers(many, 2),
                ask: AskInOrder { flaky: Flaky::default() },
                show: map(|rec: Rec| format!("{rec:?}")),
                ledger: InOrder {},
                #[in_turn] few.out => ask.input,
                many.out => ask.input,
                ask.out => show.input,
                show.out => ledger.input,
            };
            graph.set_mode(ExecutionMode::Deterministic);
            graph
        })
    })?;
    Ok(())
}

/// An input of the graph has promised what it had before, without saying so again; and of two restores
/// the last counts.
#[test]
fn a_deterministic_loop_behind_an_input() -> Tested {
    let make = || {
        let mut graph = graph! {
            #[rounds(max = 30)] loop again { enter: merge(), less: InnerRound {} },
            graph.trips => enter.left,
            enter.out => less.trips,
            less.again => feedback enter.right,
            less.done => graph.done,
        };
        graph.set_mode(ExecutionMode::Deterministic);
        graph
    };
    let mut run = make().inline()?;
    run.inputs.trips.try_send_at(LogicalTime(100), (1, 3, 0))?;
    let before = run.cut()?;
    run.inputs.trips.advance(LogicalTime(101));
    run.step()?;
    let cut = run.cut()?;
    let mut graph = make();
    graph.restore(&before)?;
    graph.restore(&cut)?;
    let mut run = graph.inline()?;
    run.inputs.trips.try_send_at(LogicalTime(101), (2, 3, 0))?;
    run.step()?;
    let mut run = run.close_inputs()?;
    assert_eq!(run.outputs.done.try_recv(), Some((2, 2, 0)));
    assert_eq!(run.outputs.done.try_recv(), None);
    Ok(())
}

/// Both at once.
#[test]
fn rounds_of_a_deterministic_run() -> Tested {
    simulate(SEEDS / 4, |sim| {
        let numbers = sim.below(60);
        goes_on(sim, || {
            let mut graph = several_times!(numbers);
            graph.set_mode(ExecutionMode::Deterministic);
            graph
        })
    })?;
    Ok(())
}

/// A record of a type that does not serialize.
#[derive(Clone, Copy)]
struct Bare(u64);

#[node]
struct Halve {
    #[input]
    numbers: Bare,
    #[output]
    again: Bare,
}

impl HalveHandlers for Halve {
    fn on_numbers(&self, Bare(n): Bare, out: &mut impl HalveOut) -> NodeResult {
        if n > 0 {
            out.again(Bare(n / 2));
        }
        Ok(())
    }
}

#[test]
fn what_cannot_be_saved_is_told() -> Tested {
    let graph = graph! {
        #[rounds(max = 30)] loop again { enter: merge(), halve: Halve {} },
        graph.numbers => enter.left,
        enter.out => halve.numbers,
        halve.again => feedback enter.right,
    };
    let refused = graph.inline()?.cut().unwrap_err();
    assert!(matches!(refused, RunError::NoCheckpoint { .. }), "{refused}");
    let told = refused.to_string();
    assert!(told.contains("`again/enter`") && told.contains("Serialize"), "{told}");
    Ok(())
}
