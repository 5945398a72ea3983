// errors: 2
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        matcher: Matcher {},
        graph.inputs.orders => matcher.orders,
        matcher.fills => graph.outputs.fills,
    };
    let _ = graph.inline();
}
