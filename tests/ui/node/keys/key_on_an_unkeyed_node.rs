// errors: 1
use streamweave::node;

#[node]
struct Matcher {
    #[input(key = |order| *order)]
    orders: u64,
}

impl MatcherHandlers for Matcher {
    fn on_orders(&self, _: u64, _: &mut impl MatcherOut) -> streamweave::NodeResult {
        Ok(())
    }
}

fn main() {}
