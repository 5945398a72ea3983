// errors: 1
use streamweave::graph;
use streamweave::nodes::*;

fn main() {
    let graph = graph! {
        double: map(|n: u64| n * 2),
        next: map(|n: u64| n + 1),
        double.out => next.input,
        next.out => double.input,
    };
    let _ = graph.inline();
}
