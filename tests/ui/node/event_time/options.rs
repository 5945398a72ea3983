// errors: 1
use streamweave::HasEventTime;

#[derive(HasEventTime)]
struct Click {
    #[event_time(unit = "s")]
    at: i64,
}

fn main() {}
