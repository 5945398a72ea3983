// errors: 2
use streamweave::StableKey;

#[derive(Clone, Copy, StableKey)]
union Either {
    small: u32,
    large: u64,
}

impl PartialEq for Either {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Either {}

#[derive(Clone, PartialEq, Eq, StableKey)]
#[stable_key(skip)]
struct Route(u32);

fn main() {}
