//! `dedup_within`.

use std::time::Duration;

use streamweave::nodes::{dedup_within, event_time_by};
use streamweave::prelude::*;

use super::Tested;
use super::play::{DISORDER, Item, Random, stream};
use crate::take;

/// By the rule itself: nothing is ever forgotten.
fn deduplicated(records: &[(u64, Item)], horizon: i64) -> Vec<(u64, Item)> {
    let mut kept: Vec<(u64, Item)> = Vec::new();
    for record in records {
        let near =
            |other: &(u64, Item)| other.0 == record.0 && (other.1.0 - record.1.0).abs() < horizon;
        if !kept.iter().any(near) {
            kept.push(*record);
        }
    }
    kept
}

#[test]
fn against_a_memory_of_everything() -> Tested {
    for horizon in [0, 1, 5, 40, 1000] {
        for seed in 0..60 {
            let mut random = Random(seed);
            // Late ones too: what they may repeat is known by the frontier, so none is this late.
            let records: Vec<_> = stream(&mut random, 200)
                .into_iter()
                .scan(i64::MIN, |latest, record| {
                    *latest = record.1.0.max(*latest);
                    Some((record.1.0 >= *latest - DISORDER).then_some(record))
                })
                .flatten()
                .collect();
            let make = || {
                graph! {
                    times: event_time_by(|(_, (time, _)): &(u64, Item)| LogicalTime(*time))
                        .disorder(Duration::from_millis(DISORDER as u64)),
                    once: dedup_within(Duration::from_millis(horizon as u64)),
                    graph.records => times.input,
                    times.out => once.input,
                    once.out => graph.once,
                }
            };
            let mut run = make().inline()?;
            let mut once = Vec::new();
            for record in &records {
                run.inputs.records.try_send(*record)?;
                if random.below(5) == 0 {
                    run.step()?;
                    once.extend(take!(run, once).map(|(_, record)| record));
                }
                if random.below(40) == 0 {
                    run.step()?;
                    once.extend(take!(run, once).map(|(_, record)| record));
                    let snapshot = run.snapshot()?;
                    let mut graph = make();
                    graph.restore(&snapshot)?;
                    run = graph.inline()?;
                }
            }
            let mut run = run.close_inputs()?;
            once.extend(take!(run, once).map(|(_, record)| record));
            assert_eq!(once, deduplicated(&records, horizon), "seed {seed}, horizon {horizon}");
        }
    }
    Ok(())
}

/// What it repeats may be forgotten: it is let through, and counted.
#[test]
fn what_is_behind_the_frontier_is_counted() -> Tested {
    let graph = graph! {
        times: event_time_by(|(_, (time, _)): &(u64, Item)| LogicalTime(*time)),
        once: dedup_within(Duration::from_millis(10)),
        graph.records => times.input,
        times.out => once.input,
        once.out => graph.once,
    };
    let mut run = graph.inline()?;
    // The second repeats the first, which is known by then; the fourth does so too, and it is not.
    for time in [100, 105, 120, 104] {
        run.inputs.records.try_send((1, (time, 0)))?;
        run.step()?;
    }
    let once: Vec<i64> = take!(run, once).map(|(_, (_, (time, _)))| time).collect();
    assert_eq!(once, [100, 120, 104]);
    let metrics = run.close_inputs()?.drain()?.metrics;
    let late: Vec<u64> =
        metrics.nodes.iter().filter(|node| &*node.path == "once").map(|node| node.late).collect();
    assert_eq!(late, [1]);
    Ok(())
}
