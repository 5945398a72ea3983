// errors: 2
use streamweave::state::Value;
use streamweave::{NodeResult, node};

#[node]
struct Pass {
    #[input]
    numbers: u64,
    #[state(start = Value::new(1))]
    seen: Value<u64>,
    #[scratch(ttl = "5s")]
    buffer: Vec<u64>,
}

impl PassHandlers for Pass {
    fn on_numbers(&self, state: &mut PassState, _: u64, _: &mut impl PassOut) -> NodeResult {
        let _ = state;
        Ok(())
    }
}

fn main() {}
