// errors: 1
use streamweave::node;

struct Order {
    symbol: String,
    price: u32,
}

#[node(key = String)]
struct Matcher {
    #[input(key = |order| order.price)]
    orders: Order,
    #[input(key = |order| &order.symbol)]
    cancels: &Order,
}

impl MatcherHandlers for Matcher {
    fn on_orders(&self, _: Order, _: &mut impl MatcherOut) -> streamweave::NodeResult {
        Ok(())
    }
    fn on_cancels(&self, _: &Order, _: &mut impl MatcherOut) -> streamweave::NodeResult {
        Ok(())
    }
}

fn main() {}
