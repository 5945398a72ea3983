// errors: 1
use streamweave::node;
use streamweave::state::Value;

#[node]
struct Counter {
    #[input]
    orders: u64,
    #[input]
    cancels: &String,
    #[output]
    counts: u64,
    #[state]
    count: Value<u64>,
}

fn main() {}
