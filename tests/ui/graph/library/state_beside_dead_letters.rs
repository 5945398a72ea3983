// errors: 1
use streamweave::graph;
use streamweave::nodes::*;

#[derive(Clone)]
struct Sum(u64);

fn main() {
    let graph = graph! {
        numbers: from_iter(0..3_u64),
        #[on_failure(dead_letter)]
        sums: scan(Sum(0), |sum: &mut Sum, n: u64| { sum.0 += n; n }),
        numbers.out => sums.input,
        sums.out => feedback sums.input,
        sums.out => graph.sums,
        sums.dead_letters => graph.bad,
    };
    let _ = graph.inline();
}
