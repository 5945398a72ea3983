// errors: 1
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        group desk: { audit: Audit {} },
        graph.fills => audit.fills,
    };
    let _ = graph.inline();
}
