// errors: 2
// Known: one mistake, but rustc tells it again at the attribute as a whole.
use streamweave::node;

#[node(key = f64)]
struct Matcher {
    #[input(key = |order| *order)]
    orders: f64,
    #[output]
    fills: f64,
}

impl MatcherHandlers for Matcher {
    fn on_orders(&self, _: f64, _: &mut impl MatcherOut) -> streamweave::NodeResult {
        Ok(())
    }
}

fn main() {}
