// errors: 1
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        matcher: Matcher {},
        a: Remote {},
        b: Remote {},
        graph.orders => matcher.orders,
        matcher.fills => [a.fills, b.fills],
    };
    let _ = graph.inline();
}
