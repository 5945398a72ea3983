// errors: 2
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

graph! {
    pub struct Risk {
        #[input] orders: Rate,
        #[output] rejects: Rate,

        matcher: Matcher {},

        graph.orders => matcher.orders,
        matcher.rejects => graph.rejects,
    }
}

fn main() {}
