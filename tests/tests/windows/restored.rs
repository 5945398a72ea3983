//! Broken off anywhere and gone on with from a snapshot: nothing changes.

use std::time::Duration;

use streamweave::nodes::window::{Accumulation, Session, Sliding, Tumbling, WindowResult};
use streamweave::prelude::*;

use super::Tested;
use super::reference::{Kind, Options, Record, Reference, Sent};
use super::steps::{Known, Random, steps};
use crate::{graph_of, take};

fn check<W: Known>(windows: W, kind: Kind) -> Tested {
    for seed in 0..40 {
        let steps = steps(seed);
        let mut random = Random(seed);
        for (accumulation, lateness, early_after) in [
            (Accumulation::Accumulating, 0, None),
            (Accumulation::Retracting, 15, Some(3)),
            (Accumulation::Discarding, 15, None),
        ] {
            let options = Options {
                kind,
                lateness,
                accumulation,
                early_after,
                early_when: None,
                early_time: None,
            };
            let (expected, expected_late) = Reference::run(options, &steps);
            let (mut sent, mut late) = (Vec::<Sent>::new(), Vec::<Record>::new());
            let make = || graph_of!(windows.clone(), options);
            let mut run = make().inline()?;
            for step in &steps {
                run.inputs.steps.try_send(*step)?;
                if random.below(6) == 0 {
                    run.step()?;
                    take!(run, sent, late);
                    let snapshot = run.snapshot()?;
                    let mut graph = make();
                    graph.restore(&snapshot)?;
                    run = graph.inline()?;
                }
            }
            let mut run = run.close_inputs()?;
            take!(run, sent, late);
            run.drain()?;
            assert_eq!(sent, expected, "seed {seed}, {options:?}");
            assert_eq!(late, expected_late, "seed {seed}, {options:?}");
        }
    }
    Ok(())
}

fn millis(count: i64) -> Duration {
    Duration::from_millis(count as u64)
}

#[test]
pub fn tumbling() -> Tested {
    check(Tumbling::of(millis(10)), Kind::Sliding { size: 10, slide: 10, offset: 0 })
}

#[test]
pub fn sliding() -> Tested {
    check(Sliding::of(millis(10), millis(3)), Kind::Sliding { size: 10, slide: 3, offset: 0 })
}

#[test]
pub fn session() -> Tested {
    check(Session::of(millis(5)), Kind::Session { gap: 5, past_end: false })?;
    check(Session::of(millis(5)), Kind::Gaps { past_end: false, apart: false })
}

/// What was kept as slices is no good to windows that send early results.
#[test]
fn with_other_options() -> Tested {
    let kind = Kind::Sliding { size: 10, slide: 10, offset: 0 };
    let accumulation = Accumulation::Accumulating;
    let before = Options {
        kind,
        lateness: 0,
        accumulation,
        early_after: None,
        early_when: None,
        early_time: None,
    };
    let after = Options { early_after: Some(1), ..before };
    let mut run = graph_of!(Tumbling::of(millis(10)), before).inline()?;
    for step in steps(3).iter().take(2) {
        run.inputs.steps.try_send(*step)?;
    }
    run.step()?;
    let snapshot = run.snapshot()?;
    let mut graph = graph_of!(Tumbling::of(millis(10)), after);
    graph.restore(&snapshot)?;
    let error = graph.inline()?.step().unwrap_err().to_string();
    assert!(error.contains("the options they were made with"), "{error}");
    Ok(())
}
