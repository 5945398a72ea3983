// errors: 2
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        feed: Feed {},
        enrich: Enrich {},
        feed.orders => enrich.retries,
        enrich.out => graph.out,
    };
    let _ = graph.inline();
}
