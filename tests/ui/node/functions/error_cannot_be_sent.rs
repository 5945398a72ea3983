// errors: 1
use std::error::Error;
use streamweave::node;

#[node]
fn parse(line: String) -> Result<u64, Box<dyn Error>> {
    Ok(line.parse()?)
}

fn main() {
    let _ = parse(String::new());
}
