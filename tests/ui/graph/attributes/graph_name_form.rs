// errors: 1
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        #![name(venue)]
        matcher: Matcher {},
        graph.orders => matcher.orders,
    };
    let _ = graph.inline();
}
