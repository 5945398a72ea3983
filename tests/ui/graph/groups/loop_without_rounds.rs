// errors: 1
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        loop ranks { enrich: Enrich {} },
        graph.orders => enrich.orders,
        graph.rates => enrich.rates,
    };
    let _ = graph.inline();
}
