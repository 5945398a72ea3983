// errors: 1
use streamweave::{NodeResult, node};

#[node]
struct Sink<T: Send + 'static> {
    #[input]
    items: T,
}

impl<T: Send + 'static> SinkHandlers<T> for Sink<T> {
    fn on_items(&self, _: T, _: &mut impl SinkOut<T>) -> NodeResult {
        Ok(())
    }
}

fn main() {}
