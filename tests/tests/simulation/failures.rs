//! A failing record, wherever the others are just then: nothing of it shows, nothing before it is
//! lost, and it is never the end of input.

use streamweave::graph::RunError;
use streamweave::prelude::*;
use streamweave::testing::simulate;

use crate::nodes::*;
use crate::{SEEDS, Tested};

#[test]
pub(crate) fn a_trapped_record() -> Tested {
    quiet();
    simulate(SEEDS, |sim| {
        let (at, panics) = (sim.below(60), sim.below(2) == 0);
        let mut graph = graph! {
            a: via(1), trap: trap(at, panics), b: via(2), c: via(3), d: via(4),
            graph.records => a.input,
            #[boundary] a.out => trap.input,
            trap.out => [b.input, d.input],
            #[boundary] b.out => c.input,
            c.out => graph.out,
            d.out => graph.beside,
        };
        graph.set_undo(true);
        let (inputs, outputs, mut run) = sim.start(graph)?.split();
        let (out, beside) = (run.capture(outputs.out), run.capture(outputs.beside));
        run.feed(inputs.records, (0..60).map(|id| Rec { id, way: 0 }));
        let error = run.until_idle().unwrap_err();
        let RunError::Failed { failure, .. } = &error else { return Err(error.into()) };
        assert_eq!((&*failure.node, failure.position), ("trap", at));
        let before: Vec<Rec> = (0..at).map(|id| Rec { id, way: 0 }).collect();
        // The arm in the failing stage has all that stands; the other stopped where it was.
        assert_eq!(beside.items(), by(&before, &[1, 4]));
        let (got, all) = (out.items(), by(&before, &[1, 2, 3]));
        assert!(all.starts_with(&got), "{got:?}");
        assert!(!out.has_ended() && !beside.has_ended(), "a failure looked like an end");
        let mut expected = graph! {
            trap: trap(60, false),
            graph.records => trap.input,
            trap.out => graph.out,
        }
        .inline()?;
        for rec in before {
            expected.inputs.records.try_send(rec)?;
        }
        expected.step()?;
        assert_eq!(run.snapshot()?.get("trap"), expected.snapshot()?.get("trap"));
        Ok(())
    })?;
    Ok(())
}

/// Panics that a test asks for need no backtrace.
fn quiet() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref::<&str>() != Some(&"trapped") {
            hook(panic);
        }
    }));
}
