// errors: 2
// Known: `Send` and `Sync` are two auto traits, which one `Rc` lacks both; rustc names the `Rc` for each of them.
use streamweave::graph;
use streamweave::nodes::*;
use std::rc::Rc;

fn main() {
    let by = Rc::new(2);
    let graph = graph! {
        numbers: from_iter(0..3_u64),
        times: map(move |n: u64| n * *by),
        numbers.out => times.input,
        times.out => graph.out,
    };
    let _ = graph.inline();
}
