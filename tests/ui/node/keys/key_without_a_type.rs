// errors: 1
use streamweave::{NodeResult, node};

#[node(key)]
struct Count {
    #[input(key = |n| *n)]
    numbers: u64,
}

impl CountHandlers for Count {
    fn on_numbers(&self, _: u64, _: &mut impl CountOut) -> NodeResult {
        Ok(())
    }
}

fn main() {}
