// errors: 2
// Known: the node has no `PassState` (E0425), and its handlers have no such parameter (E0050).
use streamweave::{NodeResult, node};

#[node]
struct Pass {
    #[input]
    numbers: u64,
    #[output]
    out: u64,
}

impl PassHandlers for Pass {
    fn on_numbers(&self, state: &mut PassState, numbers: u64, out: &mut impl PassOut) -> NodeResult {
        out.out(numbers);
        Ok(())
    }
}

fn main() {
    let _ = Pass {};
}
