// errors: 4
use streamweave::{NodeResult, node};

#[node]
struct Pass {
    #[input]
    changed: &mut u64,
    #[input]
    lent: &'static u64,
    #[output]
    borrowed: &u64,
    #[input]
    #[output]
    both: u64,
}

impl PassHandlers for Pass {
    fn on_changed(&self, _: &mut u64, _: &mut impl PassOut) -> NodeResult {
        Ok(())
    }
    fn on_lent(&self, _: &u64, out: &mut impl PassOut) -> NodeResult {
        out.borrowed(1);
        Ok(())
    }
    fn on_both(&self, _: u64, _: &mut impl PassOut) -> NodeResult {
        Ok(())
    }
}

fn main() {}
