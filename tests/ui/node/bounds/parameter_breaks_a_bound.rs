// errors: 1
use std::fmt::Display;
use std::marker::PhantomData;
use streamweave::{NodeResult, graph, node};

struct Plain;

#[node]
struct Show<T: Display> {
    #[input]
    items: T,
    #[output]
    out: String,
    marker: PhantomData<fn() -> T>,
}

impl<T: Display> ShowHandlers<T> for Show<T> {
    fn on_items(&self, items: T, out: &mut impl ShowOut<T>) -> NodeResult {
        out.out(items.to_string());
        Ok(())
    }
}

fn main() {
    let graph = graph! {
        show: Show::<Plain> { marker: PhantomData },
        graph.items => show.items,
        show.out => graph.out,
    };
    let _ = graph.inline();
}
