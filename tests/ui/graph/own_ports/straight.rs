// errors: 1
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        matcher: Matcher {},
        graph.orders => matcher.orders,
        graph.rates => graph.out,
    };
    let _ = graph.inline();
}
