//! `sorted`.

use std::time::Duration;

use streamweave::nodes::{event_time_by, sorted};
use streamweave::prelude::*;

use super::Tested;
use super::play::{DISORDER, Item, Random, in_time, stream};
use crate::take;

fn by_time(records: &[(u64, Item)]) -> Vec<(Option<i64>, (u64, Item))> {
    let mut records = records.to_vec();
    records.sort_by_key(|(_, (time, _))| *time);
    records.into_iter().map(|record| (Some(record.1.0), record)).collect()
}

/// Whatever the batches, and restored in the middle; what is late is put aside and counted.
#[test]
pub(crate) fn by_time_and_then_by_arrival() -> Tested {
    let make = || {
        graph! {
            times: event_time_by(|(_, (time, _)): &(u64, Item)| LogicalTime(*time))
                .disorder(Duration::from_millis(DISORDER as u64)),
            sorted: sorted(),
            graph.records => times.input,
            times.out => sorted.input,
            sorted.out => graph.sorted,
            sorted.late => graph.late,
        }
    };
    for seed in 0..60 {
        let mut random = Random(seed);
        let records = stream(&mut random, 120);
        let (mut got, mut late) = (Vec::new(), Vec::new());
        let mut run = make().inline()?;
        for record in &records {
            run.inputs.records.try_send(*record)?;
            if random.below(5) == 0 {
                run.step()?;
                got.extend(take!(run, sorted));
                late.extend(take!(run, late));
            }
            if random.below(40) == 0 {
                run.step()?;
                got.extend(take!(run, sorted));
                late.extend(take!(run, late));
                let mut graph = make();
                graph.restore(&run.snapshot()?)?;
                run = graph.inline()?;
            }
        }
        let mut run = run.close_inputs()?;
        got.extend(take!(run, sorted));
        late.extend(take!(run, late));
        run.drain()?;
        let expected = by_time(&in_time(&records));
        assert_eq!(got, expected, "seed {seed}");
        assert_eq!(late.len(), records.len() - expected.len());
    }
    Ok(())
}

/// A record waits until the frontier is past its time, and so does the promise.
#[test]
fn waits_for_the_frontier() -> Tested {
    let graph = graph! {
        sorted: sorted(),
        graph.records => sorted.input,
        sorted.out => graph.sorted,
        sorted.late => graph.late,
    };
    let mut run = graph.inline()?;
    run.inputs.records.try_send_at(LogicalTime(7), 'a')?;
    run.inputs.records.try_send_at(LogicalTime(5), 'b')?;
    run.inputs.records.advance(LogicalTime(5));
    run.step()?;
    assert_eq!(take!(run, sorted).next(), None);
    run.inputs.records.try_send_at(LogicalTime(5), 'c')?;
    run.inputs.records.advance(LogicalTime(7));
    run.step()?;
    assert_eq!(take!(run, sorted).collect::<Vec<_>>(), [(Some(5), 'b'), (Some(5), 'c')]);
    assert_eq!(run.outputs.sorted.frontier(), Some(Frontier::At(LogicalTime(7))));
    let mut run = run.close_inputs()?;
    assert_eq!(take!(run, sorted).collect::<Vec<_>>(), [(Some(7), 'a')]);
    let metrics = run.drain()?.metrics;
    assert!(metrics.nodes.iter().all(|node| node.late == 0 && node.timers_dropped == 0));
    Ok(())
}
