//! Nodes that go by the clock, under clocks that are late.

use std::time::Duration;

use streamweave::nodes::{chunks, debounce, delay, rate_limit};
use streamweave::prelude::*;
use streamweave::testing::simulate;

use crate::nodes::*;
use crate::play::records;
use crate::{SEEDS, Tested, play};

const TEN: Duration = Duration::from_millis(10);

/// Nothing is lost, doubled or overtaken by what waits for the clock, and nothing comes early.
#[test]
fn delays() -> Tested {
    simulate(SEEDS, |sim| {
        let items = records(sim, 60, 0);
        let graph = graph! {
            nap: nap(1), later: delay(TEN), limited: rate_limit(3, TEN), after: via(2),
            graph.records => nap.input,
            nap.out => later.input,
            later.out => limited.input,
            limited.out => after.input,
            after.out => graph.out,
        };
        let (inputs, outputs, mut run) = sim.start(graph)?.split();
        let out = run.capture(outputs.out);
        run.feed(inputs.records.clone(), items.clone());
        run.until_idle()?;
        let got = out.clocked();
        assert_eq!(got.iter().map(|got| got.1).collect::<Vec<_>>(), by(&items, &[1, 2]));
        assert!(got.iter().all(|(at, _)| *at >= 10), "early: {got:?}");
        for window in got.windows(4) {
            assert!(window[3].0 - window[0].0 >= 10, "more than three in ten: {window:?}");
        }
        Ok(())
    })?;
    Ok(())
}

#[test]
fn chunks_within_a_time() -> Tested {
    simulate(SEEDS, |sim| {
        let items = records(sim, 60, 0);
        let graph = graph! {
            nap: nap(1), chunks: chunks(4).within(TEN),
            graph.records => nap.input,
            nap.out => chunks.input,
            chunks.out => graph.out,
        };
        let got = play!(sim, graph, in { records: items.clone() }, out { out });
        assert!(got.iter().all(|chunk| (1..=4).contains(&chunk.len())), "{got:?}");
        assert_eq!(got.concat(), by(&items, &[1]));
        Ok(())
    })?;
    Ok(())
}

/// Moved by hand, in pieces: what has been quiet for long enough has come.
#[test]
fn debounced() -> Tested {
    simulate(SEEDS, |sim| {
        let graph = graph! {
            quiet: debounce(TEN),
            graph.records => quiet.input,
            quiet.out => graph.out,
        };
        let (inputs, outputs, mut run) = sim.start(graph)?.split();
        let out = run.capture(outputs.out);
        let mut expected: Vec<u64> = Vec::new();
        for burst in 0..5 {
            let burst: Vec<u64> = (burst * 10..burst * 10 + 1 + sim.below(4)).collect();
            expected.extend(burst.last());
            run.feed(inputs.records.clone(), burst);
            run.advance(TEN + Duration::from_millis(sim.below(10)))?;
            assert_eq!(out.items(), expected, "at {}", run.now());
        }
        Ok(())
    })?;
    Ok(())
}
