// errors: 2
use streamweave::graph;
use streamweave_ui_tests::nodes::*;

fn main() {
    let graph = graph! {
        #[restart(max = 3)]
        group desk one_for_all {
            audit: Audit {},
            watch: Watch {},
            #[on_failure(dead_letter)]
            other: Audit {},
        },
        graph.fills => audit.fills,
        graph.others => [watch.fills],
        graph.more => other.fills,
        other.dead_letters => graph.poison,
    };
    let _ = graph.inline();
}
