//! Graphs written with `graph!`, run inline and on tokio.
#![allow(missing_docs, missing_debug_implementations, reason = "tests")]

use streamweave::graph;
use streamweave_tests::node;

node! {
    mod add; Add { by: u64 }
    key () = Some(&()), state ();
    in { 0 input: u64, ByValue, Deal, |_| 0, |node, _, item, out| out.to.out.emit(out.cx, item + node.by); }
    out { out: u64; }
    wiring { NeedsInput = 0 "input `input` of node `Add` is not connected"; }
}

#[test]
fn chain() {
    let graph = graph! {
        #![name = "chain"]
        one: Add { by: 1 },
        two: Add { by: 2 },
        graph.numbers => one.input,
        one.out => two.input,
        two.out => graph.sums,
    };
    assert_eq!(graph.name(), "chain");
    assert_eq!(graph.stages(), 1);
    let mut run = graph.inline().unwrap();
    run.inputs.numbers.try_send(4).unwrap();
    run.step().unwrap();
    assert_eq!(run.outputs.sums.try_recv(), Some(7));
    run.drain().unwrap();
}
