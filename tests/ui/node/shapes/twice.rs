// errors: 1
use streamweave::{NodeResult, node};

#[node]
#[node(key = u64)]
struct Pass {
    #[input]
    numbers: u64,
}

impl PassHandlers for Pass {
    fn on_numbers(&self, _: u64, _: &mut impl PassOut) -> NodeResult {
        Ok(())
    }
}

fn main() {}
