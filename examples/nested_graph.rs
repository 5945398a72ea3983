//! A graph is a node: declared once, with ports of its own, and used twice in another graph.

use streamweave::{NodeResult, graph, node};

/// Lets through what is at least `least`.
#[node]
struct AtLeast {
    #[input]
    input: i64,
    #[output]
    out: i64,
    #[output]
    rest: i64,
    least: i64,
}

impl AtLeastHandlers for AtLeast {
    fn on_input(&self, input: i64, out: &mut impl AtLeastOut) -> NodeResult {
        if input >= self.least {
            out.out(input)
        } else {
            out.rest(input)
        }
        Ok(())
    }
}

#[node]
fn square(n: i64) -> i64 {
    n * n
}

graph! {
    /// Squares of what is at least `least`; the rest as it came.
    struct SquareLarge(least: i64) {
        #[input] numbers: i64,
        #[output] squares: i64,
        #[output] rest: i64,

        large: AtLeast { least: limit(least) },
        square: Square,
        graph.numbers => large.input,
        large.out     => square.input,
        square.out    => graph.squares,
        large.rest    => graph.rest,
    }
}

/// The arguments of a graph are there for the expressions of its nodes.
fn limit(least: i64) -> i64 {
    least.max(0)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let graph = graph! {
        #![name = "nested"]
        first: SquareLarge::new(3),
        second: SquareLarge::new(50),
        graph.numbers  => first.numbers,
        first.squares  => second.numbers,
        first.rest     => graph.small,
        second.squares => graph.large,
        second.rest    => graph.middle,
    };
    let run = graph.inline()?;
    for n in 0..10 {
        run.inputs.numbers.try_send(n)?;
    }
    let mut run = run.close_inputs()?;
    let all = |name, output: &mut streamweave::graph::Output<i64>| {
        let numbers: Vec<i64> = std::iter::from_fn(|| output.try_recv()).collect();
        println!("{name:>6}: {numbers:?}");
        numbers
    };
    let small = all("small", &mut run.outputs.small);
    let middle = all("middle", &mut run.outputs.middle);
    let large = all("large", &mut run.outputs.large);
    assert_eq!([small, middle, large], [vec![0, 1, 2], vec![9, 16, 25, 36, 49], vec![4096, 6561]]);
    run.drain()?;
    Ok(())
}
