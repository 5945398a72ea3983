// errors: 1
use streamweave::graph;
use streamweave::nodes::*;

fn main() {
    let graph = graph! {
        both: merge(),
        twice: map(|n: u64| n * 2),
        graph.numbers => both.left,
        both.out => twice.input,
        feedback twice.out => both.right,
        twice.out => graph.out,
    };
    let _ = graph.inline();
}
