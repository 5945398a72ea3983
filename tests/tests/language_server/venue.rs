//! What a user has on the screen: nodes, and a graph that is being written.
use streamweave::{NodeResult, graph, node};

pub struct Order;
pub struct Fill;

/// Orders from outside.
#[node]
pub struct Feed {
    #[input]
    raw: u64,
    /// New orders.
    #[output]
    orders: Order,
    #[output]
    rates: u64,
}

impl FeedHandlers for Feed {
    fn on_raw(&self, _: u64, _: &mut impl FeedOut) -> NodeResult {
        Ok(())
    }
}

/// Matches orders.
#[node]
pub struct Matcher {
    #[input]
    orders: &Order,
    /// Executed trades.
    #[output]
    fills: Fill,
    depth: usize,
}

/*HANDLERS*/

fn main() {
    let _graph = graph! {
        feed: Feed {},
        matcher: Matcher { depth: 10 },
        graph.raw => feed.raw,
        feed.orders => matcher.orders,
        matcher.fills => graph.fills,
        /*EDGE*/
    };
}
