// errors: 1
use streamweave::{NodeResult, node};

#[node(sink, commits)]
pub struct Pass {
    #[input]
    input: u64,
    #[output]
    out: u64,
}

impl PassHandlers for Pass {
    fn on_input(&self, _: u64, _: &mut impl PassOut) -> NodeResult {
        Ok(())
    }
}

fn main() {}
