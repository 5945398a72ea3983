// errors: 2
use streamweave::{NodeResult, node};

#[node]
struct Pass {
    #[input]
    orders: u64,
    #[input]
    orders: u64,
    #[output]
    orders: u64,
}

impl PassHandlers for Pass {
    fn on_orders(&self, _: u64, _: &mut impl PassOut) -> NodeResult {
        Ok(())
    }
}

fn main() {}
