// errors: 1
use streamweave::{NodeResult, graph, node};

#[node]
struct Pass {
    #[input]
    numbers: u64,
    #[output]
    numbers: u64,
}

impl PassHandlers for Pass {
    fn on_numbers(&self, n: u64, out: &mut impl PassOut) -> NodeResult {
        out.numbers(n);
        Ok(())
    }
}

fn main() {
    let graph = graph! {
        pass: Pass {},
        graph.numbers => pass.numbers,
        pass.numbers => graph.out,
    };
    let _ = graph.inline();
}
