// errors: 1
use streamweave::node;

#[node(async, concurrency = 4, retry = 3)]
struct Quote {
    #[input]
    orders: &u64,
    #[output]
    counts: u64,
}

fn main() {}
