// errors: 1
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        matcher: Matcher {},
        audit: Audit {},
        graph.all => [matcher.orders, audit.fills],
    };
    let _ = graph.inline();
}
