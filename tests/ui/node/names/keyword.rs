// errors: 2
use streamweave::{NodeResult, node};

#[node]
struct Pass {
    #[input]
    r#in: u64,
    #[output]
    r#type: u64,
}

impl PassHandlers for Pass {
    fn on_in(&self, r#in: u64, out: &mut impl PassOut) -> NodeResult {
        out.r#type(r#in);
        Ok(())
    }
}

fn main() {}
