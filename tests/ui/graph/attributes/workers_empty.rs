// errors: 2
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        feed: Feed {},
        #[workers]
        matcher: Matcher {},
        #[buffer()]
        feed.orders => matcher.orders,
    };
    let _ = graph.inline();
}
