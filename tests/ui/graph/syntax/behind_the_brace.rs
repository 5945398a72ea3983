// errors: 1
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

graph! {
    pub struct Risk {
        #[input] orders: Order,
        matcher: Matcher {},
        graph.orders => matcher.orders,
    }
    struct More;
}

fn main() {}
