// errors: 1
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        feed: Feed {},
        group {
            matcher: Matcher {},
        }
        feed.orders => matcher.orders,
    };
    let _ = graph.inline();
}
