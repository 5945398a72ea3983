// errors: 2
// Known: told where the node is declared and where a graph takes it; what is attached needs `Sync` in a body of its own.
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
