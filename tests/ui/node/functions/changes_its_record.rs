// errors: 1
use streamweave::node;

#[node]
fn trim(line: &mut String) {
    line.truncate(80);
}

fn main() {
    trim(&mut String::new());
}
