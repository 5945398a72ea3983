// errors: 2
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        feed: Feed {},
        #[buffer(2)]
        matcher: Matcher {},
        #[workers(2)]
        feed.orders => matcher.orders,
    };
    let _ = graph.inline();
}
