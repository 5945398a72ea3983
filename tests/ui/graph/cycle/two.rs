// errors: 1
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        enrich: Enrich {},
        matcher: Matcher {},
        graph.orders => enrich.orders,
        graph.rates => enrich.rates,
        enrich.out => matcher.orders,
        matcher.rejects => enrich.retries,
    };
    let _ = graph.inline();
}
