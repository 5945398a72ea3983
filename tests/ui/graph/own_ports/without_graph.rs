// errors: 2
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        audit: Audit {},
        matcher: Matcher {},
        orders => matcher.orders,
        matcher.fills => audit.fills,
        matcher.rejects => odd,
    };
    let _ = graph.inline();
}
