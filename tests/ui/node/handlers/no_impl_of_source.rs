// errors: 1
use streamweave::node;

#[node(source)]
struct Feed {
    #[output]
    orders: u64,
}

fn main() {}
