// errors: 1
use streamweave::graph;
use streamweave::nodes::*;

#[derive(Clone)]
struct Click(u64);

fn main() {
    let graph = graph! {
        clicks: key_by(|click: &Click| click.0),
        views: key_by(|view: &u64| *view),
        both: interval_join(-1000, 1000),
        graph.clicks => clicks.input,
        graph.views => views.input,
        clicks.out => both.left,
        views.out => both.right,
        both.out => graph.out,
    };
    let _ = graph.inline();
}
