// errors: 1
use streamweave::graph;
use streamweave::nodes::*;

fn main() {
    let graph = graph! {
        bids: from_iter([(1_u64, 2_u64)]),
        best: top_n(3, |bid: &u64| *bid as f64),
        bids.out => best.input,
        best.out => graph.out,
    };
    let _ = graph.inline();
}
