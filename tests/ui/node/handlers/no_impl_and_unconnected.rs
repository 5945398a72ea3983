// errors: 2
use streamweave::{graph, node};

#[node]
struct Join {
    #[input]
    left: u64,
    #[input]
    right: u64,
    #[output]
    out: u64,
}

fn main() {
    let graph = graph! {
        join: Join {},
        graph.left => join.left,
        join.out => graph.out,
    };
    let _ = graph.inline();
}
