// errors: 2
use streamweave::{NodeResult, node};

#[node(commits)]
struct Store {
    #[input]
    checkpoint: u64,
    #[input]
    complete: u64,
}

impl StoreHandlers for Store {
    fn on_checkpoint(&self, _: u64, _: &mut impl StoreOut) -> NodeResult {
        Ok(())
    }
    fn on_complete(&self, _: u64, _: &mut impl StoreOut) -> NodeResult {
        Ok(())
    }
}

fn main() {}
