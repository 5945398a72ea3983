// errors: 1
use std::marker::PhantomData;
use streamweave::{NodeResult, node};

#[node]
struct Pass<T> {
    #[input]
    orders: T,
    marker: PhantomData<fn() -> T>,
}

impl<T> PassHandlers<T> for Pass<T> {
    fn on_orders(&self, _: T, _: &mut impl PassOut<T>) -> NodeResult {
        Ok(())
    }
}

fn main() {}
