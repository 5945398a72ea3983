// errors: 1
use std::time::Duration;

use streamweave::graph;
use streamweave::nodes::async_map;

fn main() {
    let graph = graph! {
        prices: async_map(|order: u64| async move { Ok::<_, std::io::Error>(order) })
            .timeout(Duration::from_secs(1)),
        prices.out => graph.prices,
    };
    let _ = graph.inline();
}
