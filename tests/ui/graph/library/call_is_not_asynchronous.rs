// errors: 1
use streamweave::graph;
use streamweave::nodes::*;

fn main() {
    let graph = graph! {
        numbers: from_iter(0..3_u64),
        twice: async_map(|n: u64| n * 2),
        numbers.out => twice.input,
        twice.out => graph.out,
    };
    let _ = graph.inline();
}
