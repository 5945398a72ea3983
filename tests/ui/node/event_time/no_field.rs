// errors: 1
use streamweave::HasEventTime;

#[derive(HasEventTime)]
struct Click {
    at: i64,
}

fn main() {
    // What goes by its time is not told about as well.
    let _ = streamweave::nodes::event_time::<Click>();
}
