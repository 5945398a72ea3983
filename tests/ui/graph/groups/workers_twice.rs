// errors: 1
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        #[workers(2)]
        group desk {
            #[workers(3)]
            matcher: Matcher {},
        },
        graph.orders => matcher.orders,
    };
    let _ = graph.inline();
}
