// errors: 1
use streamweave::state::Keyed;
use streamweave::{NodeResult, node};

#[node(key = u64)]
struct Pass {
    #[input(key = |n| *n, broadcast)]
    numbers: u64,
    #[output]
    out: u64,
    #[state]
    seen: Keyed<u64, u64>,
}

impl PassHandlers for Pass {
    fn on_numbers(&self, state: &mut PassState, numbers: u64, out: &mut impl PassOut) -> NodeResult {
        let _ = state;
        out.out(numbers);
        Ok(())
    }
}

fn main() {}
