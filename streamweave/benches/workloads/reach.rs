//! W5: which of 200,000 places are reached along a million edges, round by round.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use foldhash::fast::FixedState;
use streamweave::nodes::{distinct, flat_map, from_iter};
use streamweave::{NodeResult, graph, node};
use tokio::runtime::Runtime;

use crate::harness::{compare, one_thread, records, start_and_drain, timed, variant};
use crate::input::Random;

/// The edges, sorted by where they begin.
struct Edges {
    /// Where the edges of each place begin in `to`, and where the last ones end.
    from: Vec<u32>,
    to: Vec<u32>,
}

impl Edges {
    /// So many edges between random places, five for each of them.
    fn random(count: usize) -> Self {
        let places = (count / 5).max(1) as u64;
        let mut random = Random(5).map(|random| (random % places) as u32);
        let mut next = || random.next().unwrap_or(0);
        let mut edges: Vec<(u32, u32)> = (0..count).map(|_| (next(), next())).collect();
        edges.sort_unstable();
        let begin = |place| edges.partition_point(|edge| u64::from(edge.0) < place) as u32;
        let from = (0..=places).map(begin).collect();
        Edges { from, to: edges.into_iter().map(|edge| edge.1).collect() }
    }

    fn places(&self) -> usize {
        self.from.len() - 1
    }

    fn of(&self, place: u32) -> &[u32] {
        let at = place as usize;
        &self.to[self.from[at] as usize..self.from[at + 1] as usize]
    }
}

/// What a place adds to the checksum that is reached in this round.
fn digest(place: u32, round: u32) -> u64 {
    u64::from(place).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(round)
}

/// Adds up the places that pass with their rounds, which only a node of the loop knows.
#[node]
struct Rounds {
    #[input]
    places: u32,
    #[output]
    out: u32,
    #[scratch]
    sum: u64,
    total: Arc<AtomicU64>,
}

impl RoundsHandlers for Rounds {
    fn on_places(
        &self,
        state: &mut RoundsState,
        place: u32,
        out: &mut impl RoundsOut,
    ) -> NodeResult {
        state.sum = state.sum.wrapping_add(digest(place, out.rounds().of(0)));
        out.out(place);
        Ok(())
    }
    fn on_stop(&self, state: &mut RoundsState, _: &mut impl RoundsOut) -> NodeResult {
        self.total.fetch_add(state.sum, Relaxed);
        Ok(())
    }
}

pub fn run() {
    let count = records(1_000_000);
    // For the rest of the program, so that a closure can give out parts of them.
    let edges: &'static Edges = Box::leak(Box::new(Edges::random(count)));
    let runtime = one_thread();
    let variants = vec![
        variant("plain loop, an array of flags", || {
            let mut seen = vec![false; edges.places()];
            timed(|| by_rounds(edges, |place| !std::mem::replace(&mut seen[place as usize], true)))
        }),
        variant("plain loop, a hash set", || {
            let mut seen = hashbrown::HashSet::with_hasher(FixedState::with_seed(1));
            timed(|| by_rounds(edges, |place| seen.insert(place)))
        })
        .reference(),
        variant("graph, the library's nodes", || reached(&runtime, edges, false)),
        variant("graph, the library's nodes, undo", || reached(&runtime, edges, true)),
    ];
    compare("W5 reachability by rounds, an edge", count, variants);
}

fn by_rounds(edges: &Edges, mut is_new: impl FnMut(u32) -> bool) -> u64 {
    let (mut sum, mut round) = (0u64, 0);
    let (mut places, mut next) = (vec![0], Vec::new());
    is_new(0);
    while !places.is_empty() {
        for place in places.drain(..) {
            sum = sum.wrapping_add(digest(place, round));
            next.extend(edges.of(place).iter().copied().filter(|to| is_new(*to)));
        }
        std::mem::swap(&mut places, &mut next);
        round += 1;
    }
    sum
}

fn reached(runtime: &Runtime, edges: &'static Edges, undo: bool) -> (Duration, u64) {
    let total = Arc::new(AtomicU64::new(0));
    let mut graph = graph! {
        start: from_iter([0u32]),
        #[rounds(max = 1_000)] loop reach {
            reached: distinct(),
            rounds: Rounds { total: Arc::clone(&total) },
            follow: flat_map(|place: u32| edges.of(place).iter().copied()),
        },
        start.out => reached.input,
        reached.out => rounds.places,
        rounds.out => follow.input,
        follow.out => feedback reached.input,
    };
    graph.set_undo(undo);
    (start_and_drain(runtime, graph), total.load(Relaxed))
}
