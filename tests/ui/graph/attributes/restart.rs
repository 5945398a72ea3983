// errors: 5
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        #[restart(max = 3, within = "10 parsecs")]
        feed: Feed {},
        #[restart(within = "1s")]
        a: Matcher {},
        #[restart(max = 3, backoff = "5s..1s")]
        b: Matcher {},
        #[restart(max = 3, withing = "5s")]
        c: Matcher {},
        #[restart]
        d: Matcher {},
        feed.orders => [a.orders, b.orders, c.orders, d.orders],
    };
    let _ = graph.inline();
}
