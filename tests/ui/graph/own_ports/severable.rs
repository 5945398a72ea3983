// errors: 1
use streamweave::graph;
use streamweave::nodes::*;

fn main() {
    let graph = graph! {
        twice: map(|n: u64| n * 2),
        graph.numbers => twice.input,
        #[severable]
        twice.out => [graph.some, graph.others],
    };
    let _ = graph.inline();
}
