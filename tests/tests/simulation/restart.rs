//! A run that is broken off wherever it is idle, and one that goes on from its snapshot.

use streamweave::prelude::*;
use streamweave::testing::simulate;

use crate::nodes::*;
use crate::play::records;
use crate::{SEEDS, Tested, play};

#[test]
fn goes_on_from_a_snapshot() -> Tested {
    simulate(SEEDS, |sim| {
        let mut items = records(sim, 100, 0);
        let make = || {
            graph! {
                a: via(1), b: via(2),
                #[workers(2)]
                number: Number {},
                graph.records => a.input,
                #[boundary] a.out => b.input,
                b.out => number.input,
                number.out => graph.out,
            }
        };
        let expected = numbered(&by(&items, &[1, 2]));
        let rest = items.split_off(sim.below(items.len() as u64 + 1) as usize);
        let (inputs, outputs, mut run) = sim.start(make())?.split();
        let out = run.capture(outputs.out);
        run.feed(inputs.records.clone(), items);
        run.until_idle()?;
        let snapshot = run.snapshot()?;
        let mut got = out.items();
        drop(run);
        let mut graph = make();
        graph.restore(&snapshot)?;
        got.extend(play!(sim, graph, in { records: rest }, out { out }));
        crate::play::assert_same(got, expected);
        Ok(())
    })?;
    Ok(())
}
