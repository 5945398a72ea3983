// errors: 1
use streamweave::graph;
use streamweave::nodes::window::{Tumbling, count, window};
use streamweave::nodes::*;

fn main() {
    let graph = graph! {
        numbers: from_iter([1.0, 2.0]),
        keyed: key_by(|n: &f64| *n),
        hours: window(Tumbling::hours(1), count()),
        numbers.out => keyed.input,
        keyed.out => hours.input,
        hours.out => graph.out,
    };
    let _ = graph.inline();
}
