// errors: 1
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

graph! {
    pub struct Risk() {
        #[input] orders: Order,
        #[output] fills: Fill,
        matcher: Matcher {},
        graph.orders => matcher.orders,
        matcher.fills => graph.fills,
    }
}

fn main() {
    let graph = graph! {
        risk: Risk::new(),
        audit: Audit {},
        risk.fills => audit.fills,
    };
    let _ = graph.inline();
}
