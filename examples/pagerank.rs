//! A loop of so many rounds: how likely a random walk along the edges is at each place.
//!
//!     cargo run -p streamweave-examples --example pagerank [-- FILE]

use std::collections::BTreeMap;
use std::path::Path;

use streamweave::prelude::*;
use streamweave_examples::edges::{self, Edges};

/// How likely the walk follows an edge, and does not jump.
const FOLLOWS: f64 = 0.85;

/// Shares out the rank of a place: to where its edges lead, and to all.
#[node]
struct Share {
    #[input]
    ranks: (u32, f64),
    /// To one place, or to each.
    #[output]
    shares: (Option<u32>, f64),
    edges: Edges,
}

impl ShareHandlers for Share {
    fn on_ranks(&self, (place, rank): (u32, f64), out: &mut impl ShareOut) -> NodeResult {
        let targets = self.edges.get(&place).map(Vec::as_slice).unwrap_or_default();
        let jump = if targets.is_empty() { FOLLOWS } else { 1.0 - FOLLOWS };
        let to_each = rank * jump / self.edges.len() as f64;
        out.shares((None, to_each));
        for target in targets {
            // Nobody jumps to where an edge leads.
            out.shares((Some(*target), rank * FOLLOWS / targets.len() as f64 - to_each));
        }
        Ok(())
    }
}

/// Adds up the shares of a round until it is over; then these are the ranks.
#[node]
struct AddUp {
    /// One record starts the walk anywhere.
    #[input]
    walks: (),
    #[input]
    shares: (Option<u32>, f64),
    #[output]
    ranks: (u32, f64),
    #[state]
    to_each: Value<f64>,
    #[state]
    to_one: Value<BTreeMap<u32, f64>>,
    places: Vec<u32>,
}

impl AddUpHandlers for AddUp {
    fn on_walks(&self, state: &mut AddUpState, (): (), out: &mut impl AddUpOut) -> NodeResult {
        self.on_shares(state, (None, 1.0), out)
    }

    fn on_shares(
        &self,
        state: &mut AddUpState,
        (to, share): (Option<u32>, f64),
        out: &mut impl AddUpOut,
    ) -> NodeResult {
        match to {
            Some(place) => *state.to_one.get_mut().entry(place).or_default() += share,
            None => *state.to_each.get_mut() += share,
        }
        out.set_timer("round", TimerAt::Event(out.time().ok_or("no time")?));
        Ok(())
    }

    fn on_timer(
        &self,
        state: &mut AddUpState,
        _: Timer<()>,
        out: &mut impl AddUpOut,
    ) -> NodeResult {
        let to_each = std::mem::take(state.to_each.get_mut());
        let to_one = std::mem::take(state.to_one.get_mut());
        let sum = to_each * self.places.len() as f64 + to_one.values().sum::<f64>();
        for place in &self.places {
            let rank = to_each + to_one.get(place).copied().unwrap_or_default();
            out.ranks((*place, rank / sum));
        }
        Ok(())
    }
}

/// The rank of each place after twenty rounds.
pub(crate) fn ranks(edges: Edges) -> Result<BTreeMap<u32, f64>, Box<dyn std::error::Error>> {
    let places: Vec<u32> = edges.keys().copied().collect();
    let graph = graph! {
        #![name = "pagerank"]
        #[rounds(limit = 20)] loop walk {
            add_up: AddUp { places },
            share: Share { edges },
        },
        graph.walks  => add_up.walks,
        add_up.ranks => share.ranks,
        share.shares => feedback add_up.shares,
        add_up.ranks => graph.ranks,
    };
    let run = graph.inline()?;
    run.inputs.walks.try_send_at(LogicalTime(0), ())?;
    let mut run = run.close_inputs()?;
    let mut ranks = BTreeMap::new();
    while let Some((place, rank)) = run.outputs.ranks.try_recv() {
        // Those of the last round stay.
        ranks.insert(place, rank);
        run.step()?;
    }
    run.drain()?;
    Ok(ranks)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).unwrap_or_else(|| "examples/data/links.txt".to_owned());
    let mut ranks = Vec::from_iter(ranks(edges::read(Path::new(&file))?)?);
    ranks.sort_by(|one, other| other.1.total_cmp(&one.1));
    for (place, rank) in ranks {
        println!("{rank:.6} {place}");
    }
    Ok(())
}
