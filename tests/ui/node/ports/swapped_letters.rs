// errors: 1
use streamweave::{NodeResult, node};

#[node]
struct Pass {
    #[inptu]
    numbers: u64,
    #[output]
    out: u64,
}

impl PassHandlers for Pass {
    fn on_numbers(&self, numbers: u64, out: &mut impl PassOut) -> NodeResult {
        out.out(numbers);
        Ok(())
    }
}

fn main() {
    let _ = Pass {};
}
