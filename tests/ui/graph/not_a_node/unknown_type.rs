// errors: 1
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        feed: Feed {},
        matcher: Mather {},
        audit: Audit {},
        feed.orders => matcher.orders,
        matcher.fills => audit.fills,
    };
    let _ = graph.inline();
}
