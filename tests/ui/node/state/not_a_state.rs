// errors: 2
use streamweave::node;

#[node]
struct Counter {
    #[input]
    orders: u64,
    #[state]
    count: u64,
    #[state]
    seen: std::collections::HashSet<u64>,
    #[scratch]
    buffer: Vec<u64>,
}

impl CounterHandlers for Counter {
    fn on_orders(
        &self,
        state: &mut CounterState,
        orders: u64,
        _: &mut impl CounterOut,
    ) -> streamweave::NodeResult {
        state.count += 1;
        state.seen.insert(orders);
        state.buffer.push(orders);
        Ok(())
    }
}

fn main() {}
