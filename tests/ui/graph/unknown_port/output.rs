// errors: 1
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        feed: Feed {},
        enrich: Enrich {},
        matcher: Matcher {},
        audit: Audit {},
        feed.order => enrich.orders,
        feed.rates => enrich.rates,
        enrich.out => matcher.orders,
        matcher.fills => audit.fills,
    };
    let _ = graph.inline();
}
