// errors: 1
use streamweave::node;

#[node]
struct Matcher<'a> {
    #[input]
    orders: u64,
    name: &'a str,
}

fn main() {}
