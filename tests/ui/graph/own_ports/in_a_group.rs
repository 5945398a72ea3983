// errors: 1
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

graph! {
    pub struct Risk {
        #[input] orders: Order,
        group desk {
            #[output] rejects: Order,
            matcher: Matcher {},
        },
        graph.orders => matcher.orders,
    }
}

fn main() {}
