// errors: 2
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        feed: Feed {},
        #[restart(max = 3, then = "escalte")]
        a: Matcher {},
        #[restart(max = 3, state = "new")]
        b: Matcher {},
        feed.orders => [a.orders, b.orders],
    };
    let _ = graph.inline();
}
