// errors: 2
// Known: rustc tells the method that the trait does not have (E0407) and the one that is missing (E0046) apart.
use streamweave::state::Value;
use streamweave::{NodeResult, node};

#[node]
struct Pass {
    #[input]
    numbers: u64,
    #[output]
    out: u64,
    #[state]
    count: Value<u64>,
}

impl PassHandlers for Pass {
    fn on_number(&self, state: &mut PassState, numbers: u64, out: &mut impl PassOut) -> NodeResult {
        *state.count.get_mut() += 1;
        out.out(numbers);
        Ok(())
    }
}

fn main() {
    let _ = Pass {};
}
