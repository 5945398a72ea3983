//! What was on its way when the state was saved comes by the edge that it was on, whatever other edges there are.

use streamweave::graph::{ExecutionMode, RestoreError, Snapshot};
use streamweave::nodes::map;
use streamweave::prelude::*;

use crate::Tested;
use crate::nodes::*;

/// Says by which input each record has come.
#[node]
struct Sides {
    #[input(optional)]
    left: i64,
    #[input(optional)]
    right: i64,
    #[output]
    out: String,
}

impl SidesHandlers for Sides {
    fn on_left(&self, n: i64, out: &mut impl SidesOut) -> NodeResult {
        out.out(format!("left {n}"));
        Ok(())
    }
    fn on_right(&self, n: i64, out: &mut impl SidesOut) -> NodeResult {
        out.out(format!("right {n}"));
        Ok(())
    }
}

/// What the outputs of a graph that begins again at `cut` give first.
macro_rules! goes_on {
    ($graph:expr, $cut:expr) => {{
        let mut graph = $graph;
        graph.restore($cut)?;
        let mut run = graph.inline()?.close_inputs()?;
        let mut all = Vec::new();
        loop {
            let before = all.len();
            run.step()?;
            all.extend(std::iter::from_fn(|| run.outputs.out.try_recv()));
            if all.len() == before {
                break;
            }
        }
        all.sort();
        all
    }};
}

/// A cut that has a record of each of the two edges to one input, and one to the other.
fn on_three_edges() -> Result<Snapshot, Box<dyn std::error::Error>> {
    let mut run = graph! {
        one: map(|n: i64| n),
        sides: Sides {},
        graph.a => one.input,
        #[boundary] one.out => sides.left,
        graph.b => sides.left,
        graph.c => sides.right,
        sides.out => graph.out,
    }
    .inline()?;
    run.inputs.a.try_send(1)?;
    run.inputs.b.try_send(2)?;
    run.inputs.c.try_send(3)?;
    let cut = run.cut_unaligned()?;
    assert!(cut.paths().any(|path| path == "sides~"), "{cut:?}");
    Ok(cut)
}

#[test]
fn there_may_be_more_and_in_another_order() -> Tested {
    let cut = on_three_edges()?;
    let more = graph! {
        #[renamed_from = "one"] first: map(|n: i64| n),
        sides: Sides {},
        graph.more => sides.right,
        graph.b => sides.left,
        graph.d => sides.left,
        #[boundary] first.out => sides.left,
        graph.c => sides.right,
        graph.a => first.input,
        sides.out => graph.out,
    };
    assert_eq!(goes_on!(more, &cut), ["left 1", "left 2", "right 3"]);
    Ok(())
}

/// As many as before, but one leads to another input: what was on its way to the one is not given to the other.
#[test]
pub(crate) fn one_that_is_gone_is_told() -> Tested {
    let cut = on_three_edges()?;
    let mut other = graph! {
        one: map(|n: i64| n),
        sides: Sides {},
        graph.a => one.input,
        #[boundary] one.out => sides.left,
        graph.b => sides.right,
        graph.c => sides.right,
        sides.out => graph.out,
    };
    let refused = other.restore(&cut).unwrap_err();
    assert!(matches!(refused, RestoreError::State { .. }), "{refused}");
    assert!(refused.to_string().contains("its `left` from `graph.b`"), "{refused}");
    Ok(())
}

/// One with nothing on its way may be gone.
#[test]
fn one_that_is_empty_may_be_gone() -> Tested {
    let mut run = graph! {
        sides: Sides {},
        graph.a => sides.left,
        graph.b => sides.right,
        sides.out => graph.out,
    }
    .inline()?;
    run.inputs.b.try_send(2)?;
    let cut = run.cut_unaligned()?;
    let other = graph! {
        sides: Sides {},
        graph.b => sides.right,
        graph.c => sides.right,
        sides.out => graph.out,
    };
    assert_eq!(goes_on!(other, &cut), ["right 2"]);
    Ok(())
}

/// Those who send may be more, or fewer.
#[test]
fn from_other_numbers_of_workers() -> Tested {
    let make = |workers: usize| {
        graph! {
            #[workers(workers)] show: map(|n: i64| n),
            sides: Sides {},
            graph.a => show.input,
            show.out => sides.left,
            #[buffer(2)] sides.out => graph.out,
        }
    };
    let mut run = make(3).inline()?;
    let mut sent: Vec<_> = (0..30).map(|n| format!("left {n}")).collect();
    sent.sort();
    for n in 0..30 {
        run.inputs.a.try_send(n)?;
        run.step()?;
    }
    // There was no room for more of them, as nobody has read.
    let cut = run.cut_unaligned()?;
    let read: Vec<_> = std::iter::from_fn(|| run.outputs.out.try_recv()).collect();
    assert!(read.len() < 30, "{}", read.len());
    for workers in [1, 2, 3, 5] {
        let mut all = goes_on!(make(workers), &cut);
        all.extend(read.iter().cloned());
        all.sort();
        assert_eq!(all, sent, "on {workers}");
    }
    Ok(())
}

/// Where nothing leads to what it was on its way to, or its order was another.
#[test]
fn what_cannot_be_put_back_is_told() -> Tested {
    let again = || {
        graph! {
            #[rounds(limit = 10)] loop again { via: Both {}, even: Even },
            graph.records => via.left,
            via.out => even.input,
            even.out => feedback via.right,
            even.out => graph.out,
        }
    };
    let mut run = again().inline()?;
    run.inputs.records.try_send(Rec { id: 2, way: 0 })?;
    let cut = run.cut()?;
    assert!(cut.paths().any(|path| path == "again/via~"), "{cut:?}");
    let mut none = graph! { even: Even, graph.records => even.input, even.out => graph.out };
    assert!(matches!(none.restore(&cut), Err(RestoreError::InFlight { .. })));

    let mut merged = again();
    merged.set_mode(ExecutionMode::Deterministic);
    let mut run = merged.inline()?;
    let cut = run.cut()?;
    let mut concurrent = again();
    concurrent.restore(&cut)?;
    let refused = concurrent.inline().unwrap_err().to_string();
    assert!(refused.contains("deterministic"), "{refused}");
    Ok(())
}
