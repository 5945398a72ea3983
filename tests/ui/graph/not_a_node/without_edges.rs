// errors: 1
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

struct Spare;

fn main() {
    let graph = graph! {
        feed: Feed {},
        spare: Spare,
        feed.orders => graph.orders,
    };
    let _ = graph.inline();
}
