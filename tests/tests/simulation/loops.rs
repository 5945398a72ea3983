//! Loops: the fixed point is reached whatever the order, and a round is over only when nothing of
//! it is on its way.

use std::collections::{BTreeMap, BTreeSet};

use streamweave::nodes::timing::FixedPoint;
use streamweave::nodes::{converged, merge, rounds};
use streamweave::prelude::*;
use streamweave::testing::{Simulation, simulate};
use streamweave::{StreamMessage, Timestamped};

use crate::play::assert_same;
use crate::{SEEDS, Tested, play};

type Edges = BTreeMap<u64, Vec<u64>>;

/// Lets each place through the first time it is reached.
#[node(key = u64)]
pub(crate) struct Reached {
    #[input(key = |place| place)]
    starts: u64,
    #[input(key = |place| place)]
    back: u64,
    #[output]
    new: u64,
    #[state]
    seen: Keyed<u64, ()>,
}

impl Reached {
    fn reach(state: &mut ReachedState, place: u64, out: &mut impl ReachedOut) -> NodeResult {
        if !state.seen.contains_key(&place) {
            state.seen.insert(place, ());
            out.new(place);
        }
        Ok(())
    }
}

impl ReachedHandlers for Reached {
    fn on_starts(&self, state: &mut ReachedState, n: u64, out: &mut impl ReachedOut) -> NodeResult {
        Self::reach(state, n, out)
    }
    fn on_back(&self, state: &mut ReachedState, n: u64, out: &mut impl ReachedOut) -> NodeResult {
        Self::reach(state, n, out)
    }
}

/// Sends the neighbours of each place.
#[node]
pub(crate) struct Neighbours {
    #[input]
    places: u64,
    #[output]
    out: u64,
    pub(crate) edges: Edges,
}

impl NeighboursHandlers for Neighbours {
    fn on_places(&self, place: u64, out: &mut impl NeighboursOut) -> NodeResult {
        for next in self.edges.get(&place).into_iter().flatten() {
            out.out(*next);
        }
        Ok(())
    }
}

fn edges(sim: &mut Simulation, places: u64) -> Edges {
    let mut edges = Edges::new();
    for _ in 0..sim.below(3 * places) {
        edges.entry(sim.below(places)).or_default().push(sim.below(places));
    }
    edges
}

fn reachable(edges: &Edges, starts: &[u64]) -> Vec<u64> {
    let (mut seen, mut todo) = (BTreeSet::new(), starts.to_vec());
    while let Some(place) = todo.pop() {
        if seen.insert(place) {
            todo.extend(edges.get(&place).into_iter().flatten());
        }
    }
    seen.into_iter().collect()
}

#[test]
fn everything_that_can_be_reached_once() -> Tested {
    simulate(SEEDS, |sim| {
        let edges = edges(sim, 40);
        let starts = [sim.below(40), sim.below(40)];
        let graph = graph! {
            #[rounds(max = 1000)] loop reach {
                reached: Reached {},
                next: Neighbours { edges: edges.clone() },
            },
            graph.starts => reached.starts,
            reached.new => next.places,
            #[buffer(1)] next.out => feedback reached.back,
            reached.new => graph.reached,
        };
        let got = play!(sim, graph, in { starts: starts }, out { reached });
        assert_same(got, reachable(&edges, &starts));
        Ok(())
    })?;
    Ok(())
}

#[test]
fn on_workers() -> Tested {
    simulate(SEEDS, |sim| {
        let edges = edges(sim, 40);
        let starts = [sim.below(40), sim.below(40)];
        let graph = graph! {
            #[workers(2)]
            #[rounds(max = 1000)] loop reach {
                reached: Reached {},
                next: Neighbours { edges: edges.clone() },
            },
            graph.starts => reached.starts,
            reached.new => next.places,
            next.out => feedback reached.back,
            reached.new => graph.reached,
        };
        let got = play!(sim, graph, in { starts: starts }, out { reached });
        assert_same(got, reachable(&edges, &starts));
        Ok(())
    })?;
    Ok(())
}

/// Keeps everything of a round until the round is over, then sends the least, with the round.
#[node(key = ())]
pub(crate) struct Least {
    #[input(key = |_| ())]
    numbers: i64,
    #[input(key = |_| ())]
    back: i64,
    #[output]
    out: (u32, i64),
    #[state]
    least: KeyedMap<i64, u32, i64>,
}

impl Least {
    fn keep(&self, state: &mut LeastState, n: i64, out: &mut impl LeastOut) -> NodeResult {
        let time = out.time().ok_or("no time")?;
        let round = out.rounds().of(0);
        let mut rounds = state.least.entry(time.0);
        let least = rounds.get(&round).copied().unwrap_or(i64::MAX);
        rounds.insert(round, least.min(n));
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
        let round = out.rounds().of(0);
        let least = state.least.entry(time.0).remove(&round);
        if let Some(least) = least {
            out.out((round, least));
        }
        Ok(())
    }
}

/// Sends a number back twice while it is positive, and out when it is not.
#[node]
pub(crate) struct Down {
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
            out.again(n + 5);
            out.again(n - 1);
        } else {
            out.done((round, n));
        }
        Ok(())
    }
}

/// Numbers at several times, out of order within the promise: each time has its own rounds.
#[test]
pub(crate) fn rounds_of_several_times() -> Tested {
    simulate(SEEDS, |sim| {
        let (mut messages, mut least, mut last) = (Vec::new(), BTreeMap::new(), 0);
        for _ in 0..sim.below(20) {
            let (time, n) = (last + sim.below(4) as i64, sim.below(12) as i64 - 2);
            let data = Timestamped { time: LogicalTime(time), data: n };
            messages.push(StreamMessage::Data(data));
            let least = least.entry(time).or_insert(n);
            *least = n.min(*least);
            if sim.below(3) == 0 {
                last += sim.below(3) as i64;
                messages.push(StreamMessage::Watermark(LogicalTime(last)));
            }
        }
        let graph = graph! {
            #[rounds(max = 100)]
            loop down { least: Least {}, down: Down {}, rounds: rounds(0) },
            converged: converged(),
            graph.numbers => least.numbers,
            #[boundary] least.out => down.numbers,
            down.again => rounds.input,
            rounds.out => feedback least.back,
            down.done => graph.done,
            rounds.round => converged.rounds,
            converged.out => graph.converged,
        };
        let (inputs, outputs, mut run) = sim.start(graph)?.split();
        let done = run.capture(outputs.done);
        let converged = run.capture(outputs.converged);
        run.feed_messages(inputs.numbers, messages);
        run.until_idle()?;
        assert!(done.has_ended());
        let expected: Vec<_> = (least.iter().filter(|(_, n)| **n > 0))
            .map(|(time, n)| FixedPoint { time: Some(LogicalTime(*time)), round: *n as u32 - 1 })
            .collect();
        assert_eq!(converged.items(), expected);
        let expected: Vec<_> = least
            .into_iter()
            .map(|(time, n)| (Some(LogicalTime(time)), (n.max(0) as u32, n.min(0))))
            .collect();
        assert_eq!(done.timed(), expected);
        for captured in done.take() {
            assert!(captured.frontier <= captured.time.map(Frontier::At), "{captured:?}");
        }
        run.drain()?;
        Ok(())
    })?;
    Ok(())
}

/// Sends a number back, one less, until it is zero.
#[node]
pub(crate) struct Less {
    #[input]
    numbers: u64,
    #[output]
    again: u64,
    #[output]
    done: u64,
}

impl LessHandlers for Less {
    fn on_numbers(&self, n: u64, out: &mut impl LessOut) -> NodeResult {
        if n > 0 {
            out.again(n - 1);
        } else {
            out.done(n);
        }
        Ok(())
    }
}

/// What an idle entry brings late reaches its fixed point too.
#[test]
fn what_is_late_has_its_fixed_point_too() -> Tested {
    let graph = graph! {
        #[rounds(max = 100)] loop down { both: merge(), less: Less {}, rounds: rounds(0) },
        converged: converged(),
        graph.a => both.left,
        graph.b => both.left,
        both.out => less.numbers,
        less.again => rounds.input,
        rounds.out => feedback both.right,
        less.done => graph.done,
        rounds.round => converged.rounds,
        converged.out => graph.converged,
    };
    let mut run = graph.inline()?;
    run.inputs.b.idle();
    run.inputs.a.try_send_at(LogicalTime(1), 3)?;
    run.inputs.a.advance(LogicalTime(10));
    run.step()?;
    run.inputs.b.try_send_at(LogicalTime(2), 2)?;
    run.step()?;
    let mut run = run.close_inputs()?;
    let mut points = Vec::new();
    while let Some((time, point)) = run.outputs.converged.try_recv_timed() {
        points.push((time.map(|time| time.0), point.time.map(|time| time.0), point.round));
    }
    assert_eq!(points, [(Some(1), Some(1), 2), (Some(10), Some(2), 1)]);
    run.drain()?;
    Ok(())
}
