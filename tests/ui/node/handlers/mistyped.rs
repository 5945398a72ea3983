// errors: 1
use streamweave::{NodeResult, node};

#[node]
struct Counter {
    #[input]
    orders: &u64,
}

impl CounterHandlers for Counter {
    fn on_orders(&self, _: u64, _: &mut impl CounterOut) -> NodeResult {
        Ok(())
    }
}

fn main() {}
