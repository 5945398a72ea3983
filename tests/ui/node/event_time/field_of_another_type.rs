// errors: 2
use streamweave::HasEventTime;

#[derive(HasEventTime)]
struct Click {
    #[event_time]
    at: String,
}

#[derive(HasEventTime)]
struct Tick(u32, #[event_time] f64);

fn main() {}
