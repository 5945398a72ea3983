// errors: 1
use streamweave::state::Keyed;
use streamweave::{NodeResult, node};

#[node]
struct Pass {
    #[input]
    numbers: u64,
    #[state]
    names: Keyed<u64, &'static str>,
}

impl PassHandlers for Pass {
    fn on_numbers(&self, state: &mut PassState, n: u64, _: &mut impl PassOut) -> NodeResult {
        state.names.insert(n, "one");
        Ok(())
    }
}

fn main() {}
