// errors: 2
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        feed: Feed {},
        in: Matcher {},
        feed.type => graph.type_,
    };
    let _ = graph.inline();
}
