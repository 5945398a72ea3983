// errors: 1
use streamweave::node;

#[node(async)]
struct Counter {
    #[input]
    orders: u64,
    #[output]
    counts: u64,
}

fn main() {}
