// errors: 1
// Not in the node but in its use: what every node needs of its parameters is understood.
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

fn is_node<N: streamweave::Node>(_: &N) {}

fn main() {
    is_node(&Pass::<u64> { marker: PhantomData });
    is_node(&Pass::<std::rc::Rc<u64>> { marker: PhantomData });
}
