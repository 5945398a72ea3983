// errors: 1
use std::marker::PhantomData;
use streamweave::node;

#[node]
struct Sink<T: Send + 'static> {
    #[input]
    items: T,
    #[output]
    out: T,
    marker: PhantomData<fn() -> T>,
}

fn main() {}
