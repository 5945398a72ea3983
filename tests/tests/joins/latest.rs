//! `latest_within`.

use std::time::Duration;

use streamweave::nodes::latest_within;
use streamweave::prelude::*;

use super::Tested;
use crate::take;

/// One record of each span, also in a restored graph; the next begins with the next record.
#[test]
fn the_latest_of_each_span() -> Tested {
    let make = || {
        graph! {
            latest: latest_within(Duration::from_millis(10)),
            graph.records => latest.input,
            latest.out => graph.latest,
        }
    };
    let mut run = make().inline()?;
    let mut got = Vec::new();
    // Key, time and number; then how far the frontier is.
    let steps = [
        ((1_u64, 100, 'a'), 100),
        ((2, 103, 'b'), 100),
        // Not the latest, though it came last; and of equal times the last.
        ((1, 107, 'c'), 101),
        ((1, 105, 'd'), 101),
        ((2, 103, 'e'), 105),
        // Its span is over with the frontier at 110, and not before.
        ((3, 109, 'f'), 109),
        ((3, 110, 'g'), 110),
        // The next span; and a time beyond it that came early.
        ((1, 110, 'h'), 113),
        ((1, 140, 'i'), 120),
    ];
    for ((key, time, name), frontier) in steps {
        run.inputs.records.try_send_at(LogicalTime(time), (key, name))?;
        run.inputs.records.advance(LogicalTime(frontier));
        run.step()?;
        got.extend(take!(run, latest).map(|latest| (frontier, latest)));
        let snapshot = run.snapshot()?;
        let mut graph = make();
        graph.restore(&snapshot)?;
        run = graph.inline()?;
    }
    let expected = [
        (110, (Some(109), (1, 'c'))),
        (113, (Some(112), (2, 'e'))),
        (120, (Some(118), (3, 'g'))),
        (120, (Some(140), (1, 'i'))),
    ];
    assert_eq!(got, expected);
    run.inputs.records.try_send_at(LogicalTime(121), (9, 'j'))?;
    let mut run = run.close_inputs()?;
    assert_eq!(take!(run, latest).collect::<Vec<_>>(), [(Some(130), (9, 'j'))]);
    run.drain()?;
    Ok(())
}
