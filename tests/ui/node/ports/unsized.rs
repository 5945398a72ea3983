// errors: 3
use streamweave::{NodeResult, node};

#[node]
struct Words {
    #[input]
    line: str,
    #[output]
    word: [u8],
}

impl WordsHandlers for Words {
    fn on_line(&self, _: str, _: &mut impl WordsOut) -> NodeResult {
        Ok(())
    }
}

fn main() {}
