// errors: 1
use streamweave::graph;
use streamweave::nodes::*;

fn main() {
    let graph = graph! {
        both: merge(),
        less: filter_map(|n: u64| n.checked_sub(1)),
        graph.numbers => both.left,
        both.out => less.input,
        #[severable]
        less.out => feedback both.right,
    };
    let _ = graph.inline();
}
