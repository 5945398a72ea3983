// errors: 1
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

graph! {
    struct Watching {
        #[input] fills: &Fill,

        watch: Watch {},
        graph.fills => watch.fills,
    }
}

fn main() {}
