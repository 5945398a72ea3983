// errors: 1
use streamweave::{NodeResult, node};

#[node]
struct Pass {
    #[input]
    lines: &'static str,
}

impl PassHandlers for Pass {
    fn on_lines(&self, _: &str, _: &mut impl PassOut) -> NodeResult {
        Ok(())
    }
}

fn main() {}
