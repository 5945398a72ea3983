// errors: 10
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

#[node]
fn trimmed(line: &str) -> &str {
    line.trim()
}

#[node]
fn first(words: &Vec<String>) -> Option<&String> {
    words.first()
}

#[node]
fn checked(line: &str) -> Result<u64, &str> {
    line.parse().map_err(|_| line)
}

#[node]
fn _2(item: u64) -> u64 {
    item
}

struct Sums;

impl Sums {
    #[node]
    fn add(&self, item: u64) -> u64 {
        item
    }
}

fn main() {
    let _ = (generic(1), none(), two(1, 2), any(1), shape(1));
    let _ = (trimmed(""), first(&Vec::new()), checked(""), _2(1), Sums.add(1));
}
