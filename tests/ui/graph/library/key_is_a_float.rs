// errors: 4
// Known: told again by the code that attaches the node, as the types of generic nodes carry bounds.
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
