// errors: 4
// Known: the derives are expanded before `#[node]`, of which they see all fields and it sees no derive; each tells each port.
use streamweave::{NodeResult, node};

#[derive(Clone, Debug)]
#[node]
struct Pass {
    #[input]
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
