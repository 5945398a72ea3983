// errors: 1
use streamweave::graph;
use streamweave::nodes::*;
use std::rc::Rc;

fn main() {
    let graph = graph! {
        numbers: from_iter(0..3_u64),
        shared: map(|n: u64| Rc::new(n)),
        numbers.out => shared.input,
        shared.out => graph.out,
    };
    let _ = graph.inline();
}
