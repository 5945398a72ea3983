// errors: 1
use streamweave::nodes::event_time;

struct Click {
    at: i64,
}

fn main() {
    let _ = event_time::<Click>();
}
