//! Cuts through loops whose bodies are graphs: what is on its way at their borders is part of them.

use streamweave::nodes::{in_order_by, map, merge};
use streamweave::prelude::*;
use streamweave::testing::simulate;

use crate::cuts::Ledger;
use crate::in_flight::*;
use crate::nodes::*;
use crate::{SEEDS, Tested};

graph! {
    /// What comes round has a port of its own, and one with what comes in.
    struct Round() {
        #[input] begin: Trip,
        #[input] back: Trip,
        #[output] again: Trip,
        #[output] done: String,
        stops: Stops {},
        slowly: slowly(),
        inner_round: InnerRound {},
        outer_round: OuterRound {},
        graph.begin => stops.begin,
        graph.back => stops.back,
        stops.on => slowly.input,
        slowly.out => inner_round.trips,
        inner_round.again => graph.again,
        inner_round.done => outer_round.trips,
        outer_round.again => graph.again,
        outer_round.done => graph.done,
    }
}

/// On as many workers again.
#[test]
pub(crate) fn the_body_of_a_loop() -> Tested {
    simulate(SEEDS / 4, |sim| {
        let (trips, workers) = (sim.below(40), 1 + sim.below(3) as usize);
        let [whole, after] = disturbed(sim, || {
            graph! {
                numbers: numbers(trips, 1),
                begin: map(|rec: Rec| (rec.id, rec.id % 4, rec.id % 3)),
                #[workers(workers)]
                #[rounds(max = 100)] loop rounds { round: Round::new(), late: slowly() },
                ledger: Ledger {},
                numbers.out => begin.input,
                begin.out => round.begin,
                round.again => late.input,
                #[buffer(1)] late.out => feedback round.back,
                round.done => ledger.input,
            }
        })?;
        for path in whole.paths() {
            assert_eq!(after.get(path), whole.get(path), "{path}");
        }
        Ok(())
    })?;
    Ok(())
}

graph! {
    /// A loop that is part of another one.
    struct Inside() {
        #[input] trips: Trip,
        #[output] done: Trip,
        both: merge(),
        slowly: slowly(),
        inner_round: InnerRound {},
        graph.trips => both.left,
        both.out => slowly.input,
        slowly.out => inner_round.trips,
        inner_round.again => feedback both.right,
        inner_round.done => graph.done,
    }
}

#[test]
pub(crate) fn a_loop_in_a_graph_in_a_loop() -> Tested {
    simulate(SEEDS / 4, |sim| {
        let trips = sim.below(50);
        goes_on(sim, || {
            graph! {
                numbers: numbers(trips, 1),
                times: in_order_by(|rec: &Rec| LogicalTime(rec.id as i64 / 3)),
                begin: map(|rec: Rec| (rec.id, rec.id % 3, rec.id % 5)),
                #[rounds(max = 20)] loop outer {
                    inside: Inside::new(),
                    outer_round: OuterRound {},
                },
                ledger: Ledger {},
                numbers.out => times.input,
                times.out => begin.input,
                begin.out => inside.trips,
                inside.done => outer_round.trips,
                #[buffer(3)] outer_round.again => feedback inside.trips,
                outer_round.done => ledger.input,
            }
        })
    })?;
    Ok(())
}
