// errors: 1
use std::rc::Rc;
use streamweave::graph;
use streamweave::nodes::*;

fn main() {
    let graph = graph! {
        numbers: from_iter([Rc::new(1_u64)]),
        numbers.out => graph.out,
    };
    let _ = graph.inline();
}
