// errors: 2
use streamweave::HasEventTime;

#[derive(HasEventTime)]
enum Event {
    Begin { at: i64 },
    End,
}

#[derive(HasEventTime)]
union Bits {
    time: i64,
}

fn main() {}
