// errors: 1
use streamweave::{NodeResult, node};

#[node(key = str)]
struct Count {
    #[input(key = |word| word.as_str())]
    words: String,
}

impl CountHandlers for Count {
    fn on_words(&self, _: String, _: &mut impl CountOut) -> NodeResult {
        Ok(())
    }
}

fn main() {}
