// errors: 2
// Known: where no edge mentions the node, what attaches it is not tied to a mistake that was told.
use streamweave::graph;
use streamweave_tests::nodes::*;

struct Spare;

fn main() {
    let graph = graph! {
        feed: Feed {},
        spare: Spare,
        feed.orders => graph.orders,
    };
    let _ = graph.inline();
}
