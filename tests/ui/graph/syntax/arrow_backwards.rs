// errors: 1
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        audit: Audit {},
        audit.fills <= graph.fills,
    };
    let _ = graph.inline();
}
