//! The testing kit itself: what it refuses, what it tells, and that its seeds make a difference.

use std::cell::Cell;
use std::time::Duration;

use streamweave::graph::RunError;
use streamweave::nodes::{async_map, interval};
use streamweave::prelude::*;
use streamweave::testing::{Simulation, SimulationError, simulate};

use crate::nodes::*;
use crate::{Tested, play};

fn some(count: u64) -> Vec<Rec> {
    (0..count).map(|id| Rec { id, way: 0 }).collect()
}

#[test]
fn seeds_go_different_ways() -> Tested {
    let explored = simulate(200, |sim| {
        let graph = graph! {
            a: via(1), b: via(2),
            graph.records => a.input,
            #[boundary] a.out => b.input,
            b.out => graph.out,
        };
        play!(sim, graph, in { records: some(50) }, out { out });
        Ok(())
    })?;
    if std::env::var_os("STREAMWEAVE_SEED").is_none() {
        assert_eq!(explored.ways, explored.seeds);
    }
    Ok(())
}

/// Something else than the seed decides how much is sent.
#[test]
fn a_seed_that_goes_two_ways_is_told() {
    let runs = Cell::new(0);
    let error = simulate(5, |sim| {
        runs.set(runs.get() + 1);
        let graph = graph! { a: via(1), graph.records => a.input, a.out => graph.out };
        play!(sim, graph, in { records: some(runs.get()) }, out { out });
        Ok(())
    })
    .unwrap_err();
    assert!(matches!(error, SimulationError::Diverged { .. }), "{error}");
}

#[test]
fn a_failing_seed_tells_how_to_run_it_again() {
    if std::env::var_os("STREAMWEAVE_SEED").is_some() {
        return;
    }
    let error = simulate(50, |sim| match sim.seed() {
        17 => Err("one too many".into()),
        _ => Ok(()),
    })
    .unwrap_err();
    let text = format!("{error:?}");
    assert!(text.starts_with("seed 17: one too many\n"), "{text}");
    let line = "reproduce: STREAMWEAVE_SEED=17 cargo test -p streamweave-tests ";
    assert!(text.contains(line), "{text}");
}

#[test]
fn a_node_that_awaits_something_foreign_is_named() {
    for seed in 0..100 {
        let sim = Simulation::new(seed);
        let graph = graph! {
            a: via(1),
            group desk { stuck: Stuck { waits: 0.into() } },
            ticks: interval(Duration::from_millis(1)),
            graph.records => a.input,
            a.out => stuck.input,
            stuck.out => graph.out,
            ticks.out => graph.ticks,
        };
        let (inputs, outputs, mut run) = sim.start(graph).unwrap().split();
        let out = run.capture(outputs.out);
        let _ticks = run.capture(outputs.ticks);
        run.feed(inputs.records, some(6));
        let error = run.advance(Duration::from_millis(5)).unwrap_err();
        assert!(matches!(&error, RunError::Foreign { node, .. } if &**node == "desk/stuck"));
        assert!(error.to_string().contains("node `desk/stuck` awaits something else"), "{error}");
        assert!(run.step().is_err());
        assert!(by(&some(3), &[1]).starts_with(&out.items()));
    }
}

#[test]
fn a_call_that_awaits_something_foreign_is_named() {
    let never = |_: Rec| std::future::pending::<Result<Rec, std::fmt::Error>>();
    for seed in 0..100 {
        let sim = Simulation::new(seed);
        let graph = graph! {
            ask: async_map(never).concurrency(3),
            graph.records => ask.input,
            ask.out => graph.out,
        };
        let (inputs, outputs, mut run) = sim.start(graph).unwrap().split();
        let _out = run.capture(outputs.out);
        run.feed(inputs.records, some(2));
        let error = run.until_idle().unwrap_err();
        assert!(matches!(&error, RunError::Foreign { node, .. } if &**node == "ask"), "{error}");
    }
}

/// What stands under a time-out of the run's clock is decided by that.
#[test]
fn a_call_under_a_time_out_times_out() -> Tested {
    let never = |_: Rec| std::future::pending::<Result<Rec, std::fmt::Error>>();
    simulate(100, |sim| {
        let graph = graph! {
            ask: async_map(never).concurrency(3).timeout(Duration::from_secs(7)),
            graph.records => ask.input,
            ask.out => graph.out,
            ask.errors => graph.errors,
        };
        let (inputs, outputs, mut run) = sim.start(graph)?.split();
        let (out, errors) = (run.capture(outputs.out), run.capture(outputs.errors));
        run.feed(inputs.records, some(2));
        run.until_idle()?;
        assert!(out.items().is_empty() && out.has_ended());
        let errors = errors.take();
        assert_eq!(errors.len(), 2);
        assert!(errors.iter().all(|error| error.at >= 7000), "{errors:?}");
        Ok(())
    })?;
    Ok(())
}

/// Waiting for room is nothing foreign, even in an asynchronous node.
#[test]
fn an_output_that_nobody_reads_is_no_failure() -> Tested {
    simulate(200, |sim| {
        let graph = graph! {
            nap: nap(1),
            graph.records => nap.input,
            #[buffer(1)] nap.out => graph.out,
        };
        let (inputs, mut outputs, mut run) = sim.start(graph)?.split();
        run.feed(inputs.records, some(20));
        let mut got = Vec::new();
        for _ in 0..40 {
            run.until_idle()?;
            got.extend(outputs.out.try_recv());
        }
        assert_eq!(got, by(&some(20), &[1]));
        Ok(())
    })?;
    Ok(())
}

#[test]
fn a_graph_that_is_never_idle_is_told() -> Tested {
    let graph = graph! {
        ticks: interval(Duration::from_millis(1)),
        ticks.out => graph.out,
    };
    let (_, outputs, mut run) = graph.inline()?.split();
    drop(outputs);
    let error = run.until_idle().unwrap_err();
    assert!(matches!(&error, RunError::NeverIdle { stage, .. } if &**stage == "ticks"), "{error}");
    Ok(())
}
