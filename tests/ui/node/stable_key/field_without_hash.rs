// errors: 2
use streamweave::StableKey;

#[derive(Clone, PartialEq, Eq)]
struct Inner;

#[derive(Clone, PartialEq, Eq, StableKey)]
struct Route {
    from: Inner,
    to: u32,
}

#[derive(Clone, PartialEq, Eq, StableKey)]
enum Side {
    Bid,
    Ask(u8, Inner),
}

fn main() {}
