// errors: 1
use streamweave::graph;
use streamweave::nodes::*;

fn main() {
    let graph = graph! {
        numbers: from_iter([1.0, 2.0]),
        keyed: key_by(|n: &f64| *n),
        count: count(),
        numbers.out => keyed.input,
        keyed.out => count.input,
        count.out => graph.out,
    };
    let _ = graph.inline();
}
