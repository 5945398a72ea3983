// errors: 1
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        #![name = "venue"]
        #![name = "market"]
        matcher: Matcher {},
        graph.orders => matcher.orders,
    };
    let _ = graph.inline();
}
