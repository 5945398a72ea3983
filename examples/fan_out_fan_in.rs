//! One output to several inputs, several outputs to one input, and errors as a stream.

use streamweave::{graph, node};

#[node]
fn parse(text: String) -> Result<i64, std::num::ParseIntError> {
    text.trim().parse()
}

#[node]
fn double(n: i64) -> i64 {
    n * 2
}

#[node]
fn negative(n: i64) -> Option<i64> {
    (n < 0).then_some(n)
}

#[node]
fn complain(error: std::num::ParseIntError) -> String {
    format!("skipped: {error}")
}

#[node]
fn tell(n: i64) -> String {
    format!("got {n}")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let graph = graph! {
        #![name = "fan_out_fan_in"]
        parse: Parse,
        double: Double,
        negative: Negative,
        tell: Tell,
        complain: Complain,

        graph.texts  => parse.input,
        parse.out    => [double.input, negative.input],     // fan-out
        double.out   => tell.input,                         // fan-in: two edges to one input
        negative.out => tell.input,
        parse.errors => complain.input,
        tell.out     => graph.lines,
        complain.out => graph.lines,
    };
    let run = graph.start()?;
    for text in ["7", "-3", "seven", " 12 "] {
        run.inputs.texts.send(text.to_owned()).await?;
    }
    let mut run = run.close_inputs();
    let mut lines = run.outputs.lines.collect().await;
    // What comes by different ways comes in any order.
    lines.sort();
    assert_eq!(lines.len(), 5);
    lines.iter().for_each(|line| println!("{line}"));
    run.drain().await?;
    Ok(())
}
