// errors: 2
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        matcher: Matcher {},
        audit: Audit {},
        enrich: Enrich {},
        graph.orders => matcher.orders,
        graph.rates => enrich.rates,
        matcher.fills => [audit.fills, enrich.orders],
        enrich.out => graph.out,
    };
    let _ = graph.inline();
}
