// errors: 3
use streamweave::{NodeResult, node};

#[node]
struct Clock {
    #[input]
    time: u64,
    #[input]
    timer: u64,
    #[output]
    key: u64,
    #[output]
    dead_letters: u64,
}

impl ClockHandlers for Clock {
    fn on_time(&self, time: u64, out: &mut impl ClockOut) -> NodeResult {
        out.key(time);
        Ok(())
    }
    fn on_timer(&self, _: u64, _: &mut impl ClockOut) -> NodeResult {
        Ok(())
    }
}

fn main() {}
