// errors: 1
use streamweave::{NodeResult, node};

#[node(asnyc)]
struct Pass {
    #[input]
    numbers: u64,
    #[output]
    out: u64,
}

impl PassHandlers for Pass {
    async fn on_numbers(&self, numbers: u64, out: &mut impl PassOut) -> NodeResult {
        out.out(numbers);
        Ok(())
    }
}

fn main() {
    let _ = Pass {};
}
