// errors: 1
use streamweave::{NodeResult, node};

#[node(splits = vec!["a".to_owned()])]
pub struct Pass {
    #[input]
    input: u64,
    #[output]
    out: u64,
}

impl PassHandlers for Pass {
    fn on_input(&self, input: u64, out: &mut impl PassOut) -> NodeResult {
        out.out(input);
        Ok(())
    }
}

fn main() {}
