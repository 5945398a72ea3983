// errors: 2
use streamweave::graph;
use streamweave_tests::nodes::*;

fn main() {
    let graph = graph! {
        feed: Feed {},
        #[on_failure(dead_leter)]
        a: Matcher {},
        #[on_failure]
        b: Matcher {},
        feed.orders => [a.orders, b.orders],
    };
    let _ = graph.inline();
}
