//! A loop until nothing new comes: which places can be reached, and in how many steps.
//!
//!     cargo run -p streamweave-examples --example reachability [-- FILE [START]]

use std::collections::BTreeMap;
use std::path::Path;

use streamweave::prelude::*;
use streamweave_examples::edges::{self, Edges};

/// Lets a place through when it is reached for the first time.
#[node(key = u32)]
struct Reached {
    /// Where to start.
    #[input(key = |place| place)]
    starts: u32,
    /// Where the last step led to.
    #[input(key = |place| place)]
    steps: u32,
    /// Each place once, with the round: the number of steps.
    #[output]
    new: (u32, u32),
    #[state]
    seen: Keyed<u32, ()>,
}

impl Reached {
    fn reach(state: &mut ReachedState, place: u32, out: &mut impl ReachedOut) -> NodeResult {
        if !state.seen.contains_key(&place) {
            state.seen.insert(place, ());
            let steps = out.rounds().of(0);
            out.new((place, steps));
        }
        Ok(())
    }
}

impl ReachedHandlers for Reached {
    fn on_starts(&self, state: &mut ReachedState, n: u32, out: &mut impl ReachedOut) -> NodeResult {
        Self::reach(state, n, out)
    }
    fn on_steps(&self, state: &mut ReachedState, n: u32, out: &mut impl ReachedOut) -> NodeResult {
        Self::reach(state, n, out)
    }
}

/// Goes one step on, along every edge.
#[node]
struct Follow {
    #[input]
    places: (u32, u32),
    #[output]
    next: u32,
    edges: Edges,
}

impl FollowHandlers for Follow {
    fn on_places(&self, (place, _): (u32, u32), out: &mut impl FollowOut) -> NodeResult {
        self.edges.get(&place).into_iter().flatten().for_each(|next| out.next(*next));
        Ok(())
    }
}

/// The places that can be reached from `start`, with the least number of steps.
pub(crate) fn reachable(
    edges: Edges,
    start: u32,
) -> Result<BTreeMap<u32, u32>, Box<dyn std::error::Error>> {
    let graph = graph! {
        #![name = "reachability"]
        #[rounds(max = 1_000_000)] loop reach {
            reached: Reached {},
            follow: Follow { edges },
        },
        graph.starts => reached.starts,
        reached.new  => follow.places,
        follow.next  => feedback reached.steps,
        reached.new  => graph.reached,
    };
    let run = graph.inline()?;
    run.inputs.starts.try_send_at(LogicalTime(0), start)?;
    let mut run = run.close_inputs()?;
    let mut reached = BTreeMap::new();
    while let Some((place, steps)) = run.outputs.reached.try_recv() {
        reached.insert(place, steps);
        run.step()?;
    }
    run.drain()?;
    Ok(reached)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().unwrap_or_else(|| "examples/data/links.txt".to_owned());
    let start = arguments.next().map_or(Ok(0), |start| start.parse())?;
    for (place, steps) in reachable(edges::read(Path::new(&file))?, start)? {
        println!("{steps:>3} {place}");
    }
    Ok(())
}
