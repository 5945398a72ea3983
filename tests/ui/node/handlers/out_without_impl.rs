// errors: 2
// Known: rustc tells the trait in the place of a type (E0782) and the parameter that `impl` would be (E0049) apart.
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
    fn on_numbers(&self, state: &mut PassState, numbers: u64, out: &mut PassOut) -> NodeResult {
        *state.count.get_mut() += 1;
        out.out(numbers);
        Ok(())
    }
}

fn main() {
    let _ = Pass {};
}
