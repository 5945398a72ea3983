// errors: 1
use streamweave::graph;
use streamweave::nodes::*;

fn main() {
    let graph = graph! {
        numbers: from_iter(0..3_u64),
        len: map(|text: &String| text.len()),
        numbers.out => len.input,
        len.out => graph.out,
    };
    let _ = graph.inline();
}
