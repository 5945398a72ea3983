// errors: 2
use streamweave::graph;
use streamweave::nodes::*;

fn main() {
    let graph = graph! {
        double: map(|n: u64| n * 2),
        lonely: map(|n: u64| n),
        double.out => double.input,
        lonely.out => graph.out,
    };
    let _ = graph.inline();
}
