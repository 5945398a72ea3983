// errors: 2
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

graph! {
    pub struct Risk {
        #[input] orders: Order,
        #[output] rejects: Order,

        matcher: Matcher {},

        graph.order => matcher.orders,
        matcher.rejects => graph.reject,
    }
}

fn main() {}
