// errors: 1
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        #[rounds(max = 3)]
        loop one {
            #[rounds(max = 3)]
            loop two {
                #[rounds(max = 3)]
                loop three { matcher: Matcher {} },
            },
        },
        graph.orders => matcher.orders,
    };
    let _ = graph.inline();
}
