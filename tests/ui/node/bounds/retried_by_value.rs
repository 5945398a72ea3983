// errors: 1
use streamweave::{NodeResult, node};

struct Order;

#[node(async, concurrency = 4, retry = 3)]
struct Pass {
    #[input]
    orders: Order,
}

impl PassHandlers for Pass {
    type Answer = ();
    async fn call(&self, _: Order) -> NodeResult {
        Ok(())
    }
    fn complete(&self, _: (), _: &mut impl PassOut) -> NodeResult {
        Ok(())
    }
}

fn main() {}
