// errors: 1
use streamweave::HasEventTime;

#[derive(HasEventTime)]
struct Trip {
    #[event_time]
    begin: i64,
    #[event_time]
    end: i64,
}

fn main() {}
