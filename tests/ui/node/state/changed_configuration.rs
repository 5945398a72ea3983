// errors: 1
use streamweave::node;

#[node]
struct Counter {
    #[input]
    orders: u64,
    count: u64,
}

impl CounterHandlers for Counter {
    fn on_orders(&self, _: u64, _: &mut impl CounterOut) -> streamweave::NodeResult {
        self.count += 1;
        Ok(())
    }
}

fn main() {}
