// errors: 4
use streamweave::node;

#[node]
enum Choice {
    A,
}

#[node]
union Bits {
    a: u32,
}

#[node]
struct Tuple(u64);

#[node]
struct Unit;

fn main() {
    let _ = (Choice::A, Bits { a: 1 }, Tuple(1).0, Unit);
}
