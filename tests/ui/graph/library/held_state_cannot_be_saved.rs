// errors: 1
use streamweave::graph;
use streamweave::nodes::*;

#[derive(Clone)]
struct Sum(u64);

fn main() {
    let graph = graph! {
        numbers: from_iter([(1_u64, 2_u64)]),
        sums: scan_by_key(Sum(0), |sum: &mut Sum, n: u64| { sum.0 += n; sum.0 }),
        numbers.out => sums.input,
        sums.out => graph.out,
    };
    let _ = graph.inline();
}
