// errors: 1
use streamweave::graph;
use streamweave::nodes::window::{Tumbling, sum, window};
use streamweave::nodes::*;
use streamweave::prelude::*;

fn main() {
    let graph = graph! {
        numbers: from_iter([(0, 1), (1, 2)]),
        times: event_time_by(|record: &(i64, u64)| LogicalTime(record.0)),
        sums: window(Tumbling::minutes(1), sum(|record: &(i64, u64)| record.1)),
        numbers.out => times.input,
        times.out => sums.input,
        sums.out => graph.sums,
    };
    let _ = graph.inline();
}
