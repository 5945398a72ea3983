// errors: 5
use streamweave::node;

#[node]
fn generic<T: Send + 'static>(item: T) -> T {
    item
}

#[node]
fn none() -> u64 {
    1
}

#[node]
fn two(a: u64, b: u64) -> u64 {
    a + b
}

#[node]
fn any(item: impl Send) {
    let _ = item;
}

#[node(returns = several)]
fn shape(item: u64) -> u64 {
    item
}

fn main() {
    let _ = (generic(1), none(), two(1, 2), any(1), shape(1));
}
