// errors: 2
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        matcher: Matcher {},
        graph.orders => matcher.orders,
        #[boundary(4)] matcher.rejects => graph.rejects,
        #[in_turn = 1] matcher.fills => graph.fills,
    };
    let _ = graph.inline();
}
