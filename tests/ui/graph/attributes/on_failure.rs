// errors: 5
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        feed: Feed {},
        #[on_failure(dead_leter)]
        a: Matcher {},
        #[on_failure]
        b: Matcher {},
        #[on_failure(skip, retires = 2)]
        c: Matcher {},
        #[on_failure(retry, backoff = "1s")]
        d: Matcher {},
        #[on_failure(dead_letter, retry)]
        e: Matcher {},
        feed.orders => [a.orders, b.orders, c.orders, d.orders, e.orders],
    };
    let _ = graph.inline();
}
