// errors: 1
use streamweave::graph;
use streamweave::nodes::*;

#[derive(Clone)]
struct Sum(u64);

fn main() {
    let graph = graph! {
        numbers: from_iter(0..3_u64),
        sum: fold(Sum(0), |sum: &mut Sum, n: u64| sum.0 += n),
        numbers.out => sum.input,
        sum.out => graph.out,
    };
    let _ = graph.inline();
}
