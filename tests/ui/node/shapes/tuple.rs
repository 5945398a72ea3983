// errors: 1
use streamweave::node;

#[node]
struct Pass(#[input] u64, #[output] u64);

fn main() {
    let _ = Pass(1, 2);
}
