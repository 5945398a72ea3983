// errors: 1
use streamweave::graph;
use streamweave::nodes::*;

struct Click;

fn main() {
    let graph = graph! {
        timed: event_time::<Click>(),
        graph.clicks => timed.input,
        timed.out => graph.out,
    };
    let _ = graph.inline();
}
