// errors: 1
use streamweave::state::Value;
use streamweave::{NodeResult, node};

#[node]
struct Pass {
    #[input]
    numbers: u64,
    #[output]
    out: u64,
    #[stats]
    count: Value<u64>,
}

impl PassHandlers for Pass {
    fn on_numbers(&self, state: &mut PassState, numbers: u64, out: &mut impl PassOut) -> NodeResult {
        *state.count.get_mut() += 1;
        out.out(numbers);
        Ok(())
    }
}

fn main() {
    let _ = Pass {};
}
