// errors: 4
use streamweave::{NodeResult, node};

#[node(keyed = u64, register = false)]
struct Pass {
    #[input(kee = |o| o, optional)]
    orders: u64,
    #[output(required)]
    fills: u64,
    #[scratch(initial = 1)]
    buffer: u64,
}

impl PassHandlers for Pass {
    fn on_orders(&self, state: &mut PassState, orders: u64, out: &mut impl PassOut) -> NodeResult {
        state.buffer = orders;
        out.fills(orders);
        Ok(())
    }
}

fn main() {}
