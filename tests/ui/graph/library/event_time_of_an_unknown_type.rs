// errors: 1
use streamweave::nodes::*;
use streamweave::{HasEventTime, graph};

#[derive(HasEventTime)]
struct Click {
    #[event_time]
    at: i64,
}

fn main() {
    let graph = graph! {
        timed: event_time(),
        graph.clicks => timed.input,
        timed.out => graph.out,
    };
    let mut run = graph.inline().unwrap();
    let _ = run.inputs.clicks.try_send(Click { at: 3 });
}
