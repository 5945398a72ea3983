// errors: 1
use streamweave::node;

struct Buffer;

#[node]
struct Counter {
    #[input]
    orders: u64,
    #[scratch]
    buffer: Buffer,
}

impl CounterHandlers for Counter {
    fn on_orders(
        &self,
        state: &mut CounterState,
        _: u64,
        _: &mut impl CounterOut,
    ) -> streamweave::NodeResult {
        let _ = &state.buffer;
        Ok(())
    }
}

fn main() {}
