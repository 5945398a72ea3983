//! Loops: turns, rounds, fixed points, and what leaves a loop.
#![allow(missing_docs, missing_debug_implementations, unreachable_pub, reason = "test nodes")]

mod bodies;
mod library;
mod nested;
mod random;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};

use streamweave::prelude::*;
use streamweave::state::KeyedList;

type Tested = Result<(), Box<dyn std::error::Error>>;
type Edges = BTreeMap<u32, Vec<u32>>;

/// Lets each place through the first time it is reached, with the round.
#[node(key = u32)]
pub struct Reached {
    #[input(key = |place| place)]
    starts: u32,
    #[input(key = |place| place)]
    back: u32,
    #[output]
    new: (u32, u32),
    #[state]
    seen: Keyed<u32, ()>,
}

impl Reached {
    fn reach(state: &mut ReachedState, place: u32, out: &mut impl ReachedOut) {
        if !state.seen.contains_key(&place) {
            state.seen.insert(place, ());
            let round = out.rounds().of(0);
            out.new((place, round));
        }
    }
}

impl ReachedHandlers for Reached {
    fn on_starts(
        &self,
        state: &mut ReachedState,
        place: u32,
        out: &mut impl ReachedOut,
    ) -> NodeResult {
        Self::reach(state, place, out);
        Ok(())
    }
    fn on_back(
        &self,
        state: &mut ReachedState,
        place: u32,
        out: &mut impl ReachedOut,
    ) -> NodeResult {
        Self::reach(state, place, out);
        Ok(())
    }
}

/// Sends the neighbours of each place.
#[node]
pub struct Neighbours {
    #[input]
    places: (u32, u32),
    #[output]
    out: u32,
    edges: Edges,
}

impl NeighboursHandlers for Neighbours {
    fn on_places(&self, (place, _): (u32, u32), out: &mut impl NeighboursOut) -> NodeResult {
        for next in self.edges.get(&place).into_iter().flatten() {
            out.out(*next);
        }
        Ok(())
    }
}

fn random(seed: &mut u64, below: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % below
}

fn edges(places: u32, count: u32) -> Edges {
    let mut seed = 7;
    let mut edges = Edges::new();
    for _ in 0..count {
        let from = random(&mut seed, u64::from(places)) as u32;
        edges.entry(from).or_default().push(random(&mut seed, u64::from(places)) as u32);
    }
    edges
}

fn reachable(edges: &Edges, starts: &[u32]) -> BTreeSet<u32> {
    let mut seen = BTreeSet::new();
    let mut todo = starts.to_vec();
    while let Some(place) = todo.pop() {
        if seen.insert(place) {
            todo.extend(edges.get(&place).into_iter().flatten());
        }
    }
    seen
}

#[test]
fn everything_that_can_be_reached_is_and_the_loop_ends() -> Tested {
    for buffer in [1, 3, 1000] {
        let edges = edges(200, 500);
        let graph = graph! {
            #[rounds(max = 1000)] loop reach {
                reached: Reached {},
                next: Neighbours { edges: edges.clone() },
            },
            graph.starts => reached.starts,
            reached.new => next.places,
            #[buffer(buffer)]
            next.out => feedback reached.back,
            reached.new => graph.reached,
        };
        let mut run = graph.inline()?;
        let starts = [3, 77];
        for start in starts {
            run.inputs.starts.try_send(start)?;
        }
        run.step()?;
        let mut run = run.close_inputs()?;
        let mut got = BTreeSet::new();
        while let Some((time, (place, _))) = run.outputs.reached.try_recv_timed() {
            assert_eq!(time, None, "an untimed stream stays one");
            got.insert(place);
            run.step()?;
        }
        assert_eq!(got, reachable(&edges, &starts));
        assert_eq!(run.outputs.reached.frontier(), Some(Frontier::Ended));
        run.drain()?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loops_run_on_workers() -> Tested {
    let edges = edges(2000, 6000);
    let graph = graph! {
        #[workers(3)]
        #[rounds(max = 1000)] loop reach {
            reached: Reached {},
            next: Neighbours { edges: edges.clone() },
        },
        graph.starts => reached.starts,
        reached.new => next.places,
        next.out => feedback reached.back,
        reached.new => graph.reached,
    };
    let run = graph.start()?;
    run.inputs.starts.send(1).await?;
    run.inputs.starts.send(2).await?;
    let mut run = run.close_inputs();
    let got = run.outputs.reached.collect().await;
    run.drain().await?;
    let places: BTreeSet<_> = got.iter().map(|(place, _)| *place).collect();
    assert_eq!(got.len(), places.len(), "each once");
    assert_eq!(places, reachable(&edges, &[1, 2]));
    Ok(())
}

/// Keeps everything of a round until the round is over, then sends the least, one less.
#[node]
pub struct Least {
    #[input]
    numbers: i64,
    #[input]
    back: i64,
    #[output]
    out: (u32, i64),
    #[state]
    kept: KeyedList<(i64, u32, u32), i64>,
}

impl Least {
    fn keep(&self, state: &mut LeastState, n: i64, out: &mut impl LeastOut) -> NodeResult {
        let time = out.time().ok_or("no time")?;
        let key = (time.0, out.rounds().of(0), out.rounds().of(1));
        state.kept.entry(key).push(n);
        out.set_timer("round", TimerAt::Event(time));
        Ok(())
    }
}

impl LeastHandlers for Least {
    fn on_numbers(&self, state: &mut LeastState, n: i64, out: &mut impl LeastOut) -> NodeResult {
        self.keep(state, n, out)
    }
    fn on_back(&self, state: &mut LeastState, n: i64, out: &mut impl LeastOut) -> NodeResult {
        self.keep(state, n, out)
    }
    fn on_timer(
        &self,
        state: &mut LeastState,
        timer: Timer<()>,
        out: &mut impl LeastOut,
    ) -> NodeResult {
        let TimerAt::Event(time) = timer.at else { return Ok(()) };
        let (outer, inner) = (out.rounds().of(0), out.rounds().of(1));
        let mut kept = state.kept.entry((time.0, outer, inner));
        let mut least = None;
        while let Some(n) = kept.pop_front() {
            least = Some(least.map_or(n, |least: i64| least.min(n)));
        }
        if let Some(least) = least {
            out.out((outer, least));
        }
        Ok(())
    }
}

/// Sends a number back twice while it is positive, and out when it is not.
#[node]
pub struct Down {
    #[input]
    numbers: (u32, i64),
    #[output]
    again: i64,
    #[output]
    done: (u32, i64),
}

impl DownHandlers for Down {
    fn on_numbers(&self, (round, n): (u32, i64), out: &mut impl DownOut) -> NodeResult {
        if n > 0 {
            out.again(n - 1);
            out.again(n + 5);
        } else {
            out.done((round, n));
        }
        Ok(())
    }
}

#[test]
fn a_round_is_over_when_nothing_of_it_is_on_its_way() -> Tested {
    let graph = graph! {
        #[rounds(max = 100)] loop down {
            least: Least {},
            down: Down {},
        },
        graph.numbers => least.numbers,
        least.out => down.numbers,
        down.again => feedback least.back,
        down.done => graph.done,
    };
    let mut run = graph.inline()?;
    // Out of order within the promise: the loop takes one time after the other.
    for (time, n) in [(1, 4), (2, 0), (1, 3), (2, 7)] {
        run.inputs.numbers.try_send_at(LogicalTime(time), n)?;
    }
    run.step()?;
    assert_eq!(run.outputs.done.try_recv_timed(), None, "time 1 is not over");
    run.inputs.numbers.advance(LogicalTime(2));
    run.step()?;
    assert_eq!(run.outputs.done.try_recv_timed(), Some((Some(LogicalTime(1)), (3, 0))));
    assert_eq!(run.outputs.done.try_recv_timed(), None);
    assert_eq!(run.outputs.done.frontier(), Some(Frontier::At(LogicalTime(2))));
    run.inputs.numbers.advance(LogicalTime(9));
    run.step()?;
    assert_eq!(run.outputs.done.try_recv_timed(), Some((Some(LogicalTime(2)), (0, 0))));
    assert_eq!(run.outputs.done.try_recv_timed(), None);
    assert_eq!(run.outputs.done.frontier(), Some(Frontier::At(LogicalTime(9))));
    let mut run = run.close_inputs()?;
    assert_eq!(run.outputs.done.try_recv(), None);
    run.drain()?;
    Ok(())
}

/// Sends each number back for ever.
#[node]
pub struct Round {
    #[input]
    numbers: i64,
    #[input]
    back: i64,
    #[output]
    out: i64,
}

impl RoundHandlers for Round {
    fn on_numbers(&self, n: i64, out: &mut impl RoundOut) -> NodeResult {
        out.out(n + 1);
        Ok(())
    }
    fn on_back(&self, n: i64, out: &mut impl RoundOut) -> NodeResult {
        out.out(n + 1);
        Ok(())
    }
}

#[test]
fn the_bound_on_rounds_is_an_error_or_the_result() -> Tested {
    let graph = graph! {
        #[rounds(max = 5)] loop ever { round: Round {} },
        graph.numbers => round.numbers,
        round.out => feedback round.back,
        round.out => graph.out,
    };
    let mut run = graph.inline()?;
    run.inputs.numbers.try_send(0)?;
    let error = run.step().unwrap_err().to_string();
    assert!(error.contains("round 6") && error.contains("bounded to 5"), "{error}");

    let graph = graph! {
        #[rounds(limit = 5)] loop ever { round: Round {} },
        graph.numbers => round.numbers,
        round.out => feedback round.back,
        round.out => graph.out,
    };
    let mut run = graph.inline()?;
    run.inputs.numbers.try_send(0)?;
    run.step()?;
    let mut run = run.close_inputs()?;
    let got: Vec<_> = std::iter::from_fn(|| run.outputs.out.try_recv()).collect();
    assert_eq!(got, [1, 2, 3, 4, 5, 6]);
    run.drain()?;
    Ok(())
}

#[test]
fn inner_loops_come_to_their_end_in_each_round_of_the_outer() -> Tested {
    // Both inner loops go down to zero by rounds, one after the other, three times.
    let graph = graph! {
        #[rounds(max = 10)] loop outer {
            enter: Round {},
            #[rounds(max = 50)] loop first {
                first_least: Least {},
                first_down: Down {},
            },
            between: Between {},
            #[rounds(max = 50)] loop second {
                second_least: Least {},
                second_down: Down {},
            },
            last: Last {},
        },
        graph.numbers => enter.numbers,
        enter.out => first_least.numbers,
        first_least.out => first_down.numbers,
        first_down.again => feedback first_least.back,
        first_down.done => between.input,
        between.out => second_least.numbers,
        second_least.out => second_down.numbers,
        second_down.again => feedback second_least.back,
        second_down.done => last.done,
        last.again => feedback enter.back,
        last.done_at => graph.done,
    };
    let mut run = graph.inline()?;
    for time in [1, 2] {
        run.inputs.numbers.try_send_at(LogicalTime(time), 3)?;
    }
    run.step()?;
    let mut run = run.close_inputs()?;
    let got: Vec<_> = std::iter::from_fn(|| run.outputs.done.try_recv_timed()).collect();
    let expected = [1, 2].map(|time| (Some(LogicalTime(time)), 3));
    assert_eq!(got, expected);
    run.drain()?;
    Ok(())
}

/// Ten more, for the second loop to go down from.
#[node]
fn between(done: (u32, i64)) -> i64 {
    done.1 + 4
}

/// Counts the rounds of the outer loop: three, then out.
#[node]
pub struct Last {
    #[input]
    done: (u32, i64),
    #[output]
    again: i64,
    #[output]
    done_at: u32,
}

impl LastHandlers for Last {
    fn on_done(&self, _: (u32, i64), out: &mut impl LastOut) -> NodeResult {
        let round = out.rounds().of(0);
        if round < 3 {
            out.again(2);
        } else {
            out.done_at(round);
        }
        Ok(())
    }
}

streamweave_tests::broken_variants! {
    TimersFireInRounds => library::tumbling_windows;
    HoldForgotten => random::inner_loops_with_entries_and_ways_around;
    NothingCameBack => random::two_entries_two_cuts_and_a_diamond;
    CrossingForgotten => random::two_entries_two_cuts_and_a_diamond;
    EntryForgotten => random::the_same_on_workers;
    RestingIsIdle => waiting::a_loop_that_wakes_waits_for_what_goes_round;
    WokenIsForgotten => waiting::what_an_entry_brings_behind_a_turn_is_waited_for;
    RoundsAreMissed => waiting::what_comes_back_at_the_time_that_is_promised_is_not_late;
    ExitForgotten => nested::what_is_behind_the_loop_in_a_graph_of_it;
}
