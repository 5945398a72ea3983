// errors: 2
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        group desk { matcher: Matcher {} },
        graph.orders => desk.matcher.orders,
        desk.matcher.fills => graph.fills,
    };
    let _ = graph.inline();
}
