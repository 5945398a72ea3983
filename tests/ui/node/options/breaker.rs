// errors: 3
use streamweave::{NodeResult, node};

#[node(async, concurrency = 4, breaker = 5)]
pub struct Alone {
    #[input]
    orders: u64,
}

impl AloneHandlers for Alone {
    type Answer = u64;
    async fn call(&self, orders: u64) -> NodeResult<u64> {
        Ok(orders)
    }
    fn complete(&self, _: u64, _: &mut impl AloneOut) -> NodeResult {
        Ok(())
    }
}

#[node(async, concurrency = 4, breaker(failures = 5, open = "10s"))]
pub struct Missing {
    #[input]
    orders: u64,
}

impl MissingHandlers for Missing {
    type Answer = u64;
    async fn call(&self, orders: u64) -> NodeResult<u64> {
        Ok(orders)
    }
    fn complete(&self, _: u64, _: &mut impl MissingOut) -> NodeResult {
        Ok(())
    }
}

#[node(async, breaker(failures = 5, within = "1s", open = "10s"))]
pub struct Serial {
    #[input]
    orders: u64,
}

impl SerialHandlers for Serial {
    async fn on_orders(&self, _: u64, _: &mut impl SerialOut) -> NodeResult {
        Ok(())
    }
}

fn main() {}
