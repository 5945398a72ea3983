// errors: 5
// Known: every trait of a node asks for the node itself, which must be `Sync`.
use streamweave::{NodeResult, graph, node};
use std::cell::Cell;

#[node]
struct Pass {
    #[input]
    numbers: u64,
    #[output]
    out: u64,
    count: Cell<u64>,
}

impl PassHandlers for Pass {
    fn on_numbers(&self, numbers: u64, out: &mut impl PassOut) -> NodeResult {
        out.out(numbers);
        Ok(())
    }
}

fn main() {
    let graph = graph! {
        pass: Pass { count: Cell::new(0) },
        graph.numbers => pass.numbers,
        pass.out => graph.out,
    };
    let _ = graph.inline();
}
