// errors: 1
use streamweave::{NodeResult, node};

struct Order {
    symbol: u32,
}

#[node(key = u32)]
struct Count {
    #[input(key = |order| order.simbol)]
    orders: Order,
}

impl CountHandlers for Count {
    fn on_orders(&self, order: Order, _: &mut impl CountOut) -> NodeResult {
        let _ = order.symbol;
        Ok(())
    }
}

fn main() {}
