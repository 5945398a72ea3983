// errors: 1
use streamweave::{graph, node};

#[node(key = f64)]
struct Matcher {
    #[input(key = |order| *order)]
    orders: f64,
    #[output]
    fills: f64,
}

impl MatcherHandlers for Matcher {
    fn on_orders(&self, _: f64, _: &mut impl MatcherOut) -> streamweave::NodeResult {
        Ok(())
    }
}

fn main() {
    let graph = graph! {
        matcher: Matcher {},
        graph.orders => matcher.orders,
        matcher.fills => graph.fills,
    };
    let _ = graph.inline();
}
