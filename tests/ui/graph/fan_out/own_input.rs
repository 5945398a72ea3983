// errors: 1
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        a: Audit {},
        b: Audit {},
        graph.fills => [a.fills, b.fills],
    };
    let _ = graph.inline();
}
