// errors: 1
use streamweave::node;

struct Wrong;

#[node]
fn parse(line: String) -> Result<u64, Wrong> {
    line.parse().map_err(|_| Wrong)
}

fn main() {
    let _ = parse(String::new());
}
