// errors: 1
use streamweave::{NodeResult, graph, node};
use std::rc::Rc;

#[node]
struct Pass {
    #[input]
    numbers: u64,
    #[output]
    out: Rc<u64>,
}

impl PassHandlers for Pass {
    fn on_numbers(&self, numbers: u64, out: &mut impl PassOut) -> NodeResult {
        out.out(Rc::new(numbers));
        Ok(())
    }
}

fn main() {
    let graph = graph! {
        pass: Pass {},
        graph.numbers => pass.numbers,
        pass.out => graph.out,
    };
    let _ = graph.inline();
}
