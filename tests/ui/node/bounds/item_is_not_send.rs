// errors: 1
use std::rc::Rc;
use streamweave::{NodeResult, node};

#[node]
struct Pass {
    #[input]
    orders: Rc<u64>,
}

impl PassHandlers for Pass {
    fn on_orders(&self, _: Rc<u64>, _: &mut impl PassOut) -> NodeResult {
        Ok(())
    }
}

fn main() {}
