// errors: 1
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        #![nam = "venue"]
        feed: Feed {},
        matcher: Matcher {},
        feed.orders => matcher.orders,
    };
    let _ = graph.inline();
}
