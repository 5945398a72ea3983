// errors: 2
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        feed: Feed {},
        enrich: Enrich {},
        matcher: Matcher {},
        audit: Audit {},
        feed.orders => enrich.rates,
        feed.rates => enrich.orders,
        enrich.out => matcher.orders,
        matcher.fills => audit.fills,
    };
    let _ = graph.inline();
}
