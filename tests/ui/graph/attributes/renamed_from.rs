// errors: 2
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        feed: Feed {},
        #[renamed_from]
        a: Matcher {},
        #[renamed_from(b)]
        c: Matcher {},
        feed.orders => [a.orders, c.orders],
    };
    let _ = graph.inline();
}
