// errors: 1
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        feed: Feed {},
        a: Matcher {},
        b: Matcher {},
        feed.orders => [a.orders b.orders],
    };
    let _ = graph.inline();
}
