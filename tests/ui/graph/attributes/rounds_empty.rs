// errors: 1
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        #[rounds]
        loop ranks { matcher: Matcher {} },
        graph.orders => matcher.orders,
    };
    let _ = graph.inline();
}
