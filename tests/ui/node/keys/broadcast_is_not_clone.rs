// errors: 1
use streamweave::node;

struct Scale(u64);

#[node(key = u64)]
struct Matcher {
    #[input(key = |order| *order)]
    orders: u64,
    #[input(broadcast)]
    scales: Scale,
}

impl MatcherHandlers for Matcher {
    fn on_orders(&self, _: u64, _: &mut impl MatcherOut) -> streamweave::NodeResult {
        Ok(())
    }
    fn on_scales(&self, scales: Scale, _: &mut impl MatcherOut) -> streamweave::NodeResult {
        let _ = scales.0;
        Ok(())
    }
}

fn main() {}
