// errors: 3
use streamweave::{NodeResult, node};

#[node(concurrency = 4)]
struct NotAsync {
    #[input]
    orders: u64,
}

impl NotAsyncHandlers for NotAsync {
    type Answer = u64;
    async fn call(&self, orders: u64) -> NodeResult<u64> {
        Ok(orders)
    }
    fn complete(&self, _: u64, _: &mut impl NotAsyncOut) -> NodeResult {
        Ok(())
    }
}

#[node(async, retry = 3)]
struct Serial {
    #[input]
    orders: u64,
}

impl SerialHandlers for Serial {
    async fn on_orders(&self, _: u64, _: &mut impl SerialOut) -> NodeResult {
        Ok(())
    }
}

#[node(returns = one)]
struct NoFunction {
    #[input]
    orders: u64,
}

impl NoFunctionHandlers for NoFunction {
    fn on_orders(&self, _: u64, _: &mut impl NoFunctionOut) -> NodeResult {
        Ok(())
    }
}

fn main() {}
