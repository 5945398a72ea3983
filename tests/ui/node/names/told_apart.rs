// errors: 2
use streamweave::{NodeResult, node};

#[node]
struct Pass {
    #[input]
    a_b: u64,
    #[input]
    a__b: u64,
    #[input]
    _0: u64,
    #[output(optional)]
    errors: u64,
    #[output(optional)]
    errors_connected: u64,
}

impl PassHandlers for Pass {
    fn on_a_b(&self, _: u64, _: &mut impl PassOut) -> NodeResult {
        Ok(())
    }
    fn on__0(&self, _: u64, _: &mut impl PassOut) -> NodeResult {
        Ok(())
    }
}

fn main() {}
