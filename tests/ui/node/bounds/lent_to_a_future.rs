// errors: 1
use std::cell::Cell;
use streamweave::{NodeResult, node};

#[node(async)]
struct Pass {
    #[input]
    orders: &Cell<u64>,
}

impl PassHandlers for Pass {
    fn on_orders(
        &self,
        _: &Cell<u64>,
        _: &mut impl PassOut,
    ) -> impl Future<Output = NodeResult> + Send {
        async { Ok(()) }
    }
}

fn main() {}
