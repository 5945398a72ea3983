// errors: 1
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        matcher: Matcher {},
        a: Watch {},
        b: Watch {},
        graph.orders => matcher.orders,
        matcher.fills => a.fills,
        #[boundary]
        matcher.fills => b.fills,
        matcher.fills => graph.fills,
    };
    let _ = graph.inline();
}
