//! Runs a graph from its first record to its end: under a seed, or on tokio.

use std::collections::BTreeMap;

use streamweave::testing::Simulation;

use crate::nodes::Rec;

/// Feeds the graph's inputs, waits for its end, and gives what came out of its outputs.
#[macro_export]
macro_rules! play {
    ($sim:expr, $graph:expr, in { $($input:ident: $items:expr),* }, out { $($output:ident),+ }) => {{
        let (_inputs, outputs, mut run) = $sim.start($graph)?.split();
        $(let $output = run.capture(outputs.$output);)+
        $(run.feed(_inputs.$input, $items);)*
        run.until_idle()?;
        run.drain()?;
        $(assert!($output.has_ended(), "an output did not end");)+
        ($($output.items()),+)
    }};
}

/// As many records as chance has it, numbered from `first`.
pub(crate) fn records(sim: &mut Simulation, most: u64, first: u64) -> Vec<Rec> {
    let count = [0, 1, 2, most, most, most][sim.below(6) as usize];
    (first..first + sim.below(count + 1)).map(|id| Rec { id, way: 0 }).collect()
}

/// The same records, each as often, in whatever order.
#[track_caller]
pub(crate) fn assert_same<T: Ord + std::fmt::Debug>(mut got: Vec<T>, mut expected: Vec<T>) {
    got.sort();
    expected.sort();
    assert_eq!(got, expected);
}

/// Records that went the same way are in the order in which they were sent: every edge is first
/// in, first out.
#[track_caller]
pub(crate) fn assert_fifo(got: &[Rec]) {
    let mut last = BTreeMap::new();
    for rec in got {
        if let Some(before) = last.insert(rec.way, rec.id) {
            assert!(before < rec.id, "{} came before {} by way {}", before, rec.id, rec.way);
        }
    }
}
