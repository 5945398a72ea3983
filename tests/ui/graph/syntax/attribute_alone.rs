// errors: 1
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        matcher: Matcher {},
        graph.orders => matcher.orders,
        #[buffer(2)]
    };
    let _ = graph.inline();
}
