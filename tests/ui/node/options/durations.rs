// errors: 3
use streamweave::{NodeResult, node};

#[node(async, concurrency = 0, timeout = "2 days", backoff = "5s..100ms")]
struct Pass {
    #[input]
    orders: u64,
}

impl PassHandlers for Pass {
    type Answer = u64;
    async fn call(&self, orders: u64) -> NodeResult<u64> {
        Ok(orders)
    }
    fn complete(&self, _: u64, _: &mut impl PassOut) -> NodeResult {
        Ok(())
    }
}

fn main() {}
