// errors: 2
// Known: the state is asked for it by its own trait and by the node.
use streamweave::{NodeResult, graph, node};
use std::rc::Rc;

#[node]
struct Pass {
    #[input]
    numbers: u64,
    #[output]
    out: u64,
    #[scratch]
    last: Option<Rc<u64>>,
}

impl PassHandlers for Pass {
    fn on_numbers(&self, _: &mut PassState, numbers: u64, out: &mut impl PassOut) -> NodeResult {
        out.out(numbers);
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
