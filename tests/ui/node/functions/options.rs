// errors: 5
use streamweave::node;

#[node(key = u64)]
fn keyed(item: u64) -> u64 {
    item
}

#[node(async)]
async fn later(item: u64) -> u64 {
    item
}

#[node(source)]
fn first(item: u64) -> u64 {
    item
}

#[node(concurrency = 4)]
async fn many(item: u64) -> u64 {
    item
}

#[node]
unsafe fn trusting(item: u64) -> u64 {
    item
}

fn main() {}
