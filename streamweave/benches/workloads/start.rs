//! How long a graph of 1,000 nodes takes to build, to start, and to hand its first record through.

use streamweave::engine::Tray;
use streamweave::graph::check::handle;
use streamweave::graph::{Graph, GraphBuilder, Input, Output};
use streamweave::node::Via;
use tokio::runtime::Runtime;

use crate::harness::{median, one_thread, rounds, timed, two_threads};
use crate::nodes::Affine;

const NODES: usize = 1000;

pub fn run() {
    println!("start of a graph of {NODES} nodes, in milliseconds: built and started, first record");
    let (one, two) = (one_thread(), two_threads());
    row("one stage, 1 thread", &one, one_stage);
    row("1,000 stages, 1 thread", &one, many_stages);
    row("1,000 stages, 2 threads", &two, many_stages);
}

type Chain = Graph<Input<u64>, Output<u64>>;

fn row(name: &str, runtime: &Runtime, build: fn() -> Chain) {
    let (mut starts, mut firsts) = (Vec::new(), Vec::new());
    for _ in 0..rounds() {
        let millis = |took: std::time::Duration| took.as_secs_f64() * 1e3;
        runtime.block_on(async {
            let (start, mut run) = timed(|| build().start().unwrap());
            let began = std::time::Instant::now();
            run.inputs.send(1).await.unwrap();
            assert!(run.outputs.recv().await.is_some());
            starts.push(millis(start));
            firsts.push(millis(start + began.elapsed()));
            run.drain().await.unwrap();
        });
    }
    println!("  {name:<42} {:>10.2} {:>10.2}", median(&mut starts), median(&mut firsts));
}

fn one_stage() -> Chain {
    let mut builder = GraphBuilder::new("one stage");
    let ports = handle(&Affine);
    let (edge, output) = builder.output("out", ports.outputs.out, None);
    let mut next: Tray<u64> = builder.cut(ports.inputs.input.edge(), Via::<u64, _>::new(edge));
    for number in 0..NODES {
        let ports = handle(&Affine);
        let open = ports.open.out(Via::<u64, _>::new(next));
        let node = builder.attach(Affine, &format!("n{number}"), ports.inputs.input.edge(), open);
        next = builder.cut(ports.inputs.input.edge(), node);
    }
    let input = builder.input("in", ports.inputs.input.edge(), next);
    builder.finish(input, output)
}

fn many_stages() -> Chain {
    let mut builder = GraphBuilder::new("many stages");
    let ports = handle(&Affine);
    let (mut next, output) = builder.output("out", ports.outputs.out, None);
    for number in 0..NODES {
        let ports = handle(&Affine);
        let open = ports.open.out(Via::<u64, _>::new(next));
        let edges = (ports.inputs.input.edge(), ());
        (next, ()) = builder.attach_many(Affine, &format!("n{number}"), edges, open);
    }
    let input = builder.input_edge("in", next);
    builder.finish(input, output)
}
