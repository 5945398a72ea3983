// errors: 1
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        #[rounds(max = 4294967296)]
        loop ranks { matcher: Matcher {} },
        graph.orders => matcher.orders,
    };
    let _ = graph.inline();
}
