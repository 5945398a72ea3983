// errors: 1
use streamweave::node;

#[node(key = u64)]
struct Matcher {
    #[input(key = |order| *order)]
    orders: u64,
    #[input]
    cancels: u32,
}

impl MatcherHandlers for Matcher {
    fn on_orders(&self, _: u64, _: &mut impl MatcherOut) -> streamweave::NodeResult {
        Ok(())
    }
    fn on_cancels(&self, _: u32, _: &mut impl MatcherOut) -> streamweave::NodeResult {
        Ok(())
    }
}

fn main() {}
