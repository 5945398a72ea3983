//! Which nodes restart with the one that failed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use streamweave::prelude::*;
use streamweave::testing::simulate;

use crate::Tested;
use crate::bomb::Bomb;
use crate::nodes::*;

/// The restarts of each node once the third record has failed in `b`.
macro_rules! restarts {
    ($($strategy:ident)?) => {{
        let never = || Bomb::at(u64::MAX, false);
        let graph = graph! {
            before: Pass { bomb: never() },
            #[restart(max = 1)]
            group unit $($strategy)? {
                a: Pass { bomb: never() },
                b: Pass { bomb: Bomb::at(2, false) },
                c: Pass { bomb: never() },
                beside: Pass { bomb: never() },
            },
            after: Pass { bomb: never() },
            graph.numbers => before.input,
            before.out => [a.input, beside.input],
            a.out => b.input,
            b.out => c.input,
            c.out => after.input,
            after.out => graph.out,
            beside.out => graph.beside,
        };
        let mut run = graph.inline()?;
        for n in 0..10 {
            run.inputs.numbers.try_send(n)?;
            run.step()?;
        }
        for n in 0..10 {
            assert_eq!(run.outputs.out.try_recv(), Some(n));
            assert_eq!(run.outputs.beside.try_recv(), Some(n));
        }
        let nodes = run.metrics().nodes.into_iter();
        nodes.filter(|node| node.restarts > 0)
            .map(|node| (node.path.to_string(), node.restarts))
            .collect::<BTreeMap<_, _>>()
    }};
}

fn once(paths: &[&str]) -> BTreeMap<String, u64> {
    paths.iter().map(|path| (format!("unit/{path}"), 1)).collect()
}

#[test]
fn by_strategy() -> Tested {
    assert_eq!(restarts!(), once(&["b"]));
    assert_eq!(restarts!(one_for_one), once(&["b"]));
    assert_eq!(restarts!(rest_for_one), once(&["b", "c"]));
    assert_eq!(restarts!(one_for_all), once(&["a", "b", "c", "beside"]));
    Ok(())
}

/// An inner group that has used its restarts up is restarted as a whole by the outer one.
#[test]
fn nested_units() -> Tested {
    let graph = graph! {
        #[restart(max = 1)]
        group outer one_for_one {
            #[restart(max = 0)]
            group inner one_for_one {
                a: Pass { bomb: Bomb::at(2, false) },
                b: Pass { bomb: Bomb::at(u64::MAX, false) },
            },
            c: Pass { bomb: Bomb::at(u64::MAX, false) },
        },
        graph.numbers => a.input,
        a.out => b.input,
        b.out => c.input,
        c.out => graph.out,
    };
    let mut run = graph.inline()?;
    for n in 0..10 {
        run.inputs.numbers.try_send(n)?;
    }
    run.step()?;
    assert_eq!(std::iter::from_fn(|| run.outputs.out.try_recv()).count(), 10);
    let restarts: Vec<_> = run.metrics().nodes.into_iter().map(|node| node.restarts).collect();
    let paths: Vec<_> = run.metrics().nodes.into_iter().map(|node| node.path).collect();
    let of = |path: &str| restarts[paths.iter().position(|other| **other == *path).unwrap()];
    assert_eq!([of("outer/inner/a"), of("outer/inner/b"), of("outer/c")], [1, 1, 0]);
    Ok(())
}

/// Fails so often as is left.
#[node]
struct Failing {
    #[input]
    input: u64,
    #[output]
    out: u64,
    left: Arc<AtomicU64>,
}

impl FailingHandlers for Failing {
    fn on_input(&self, n: u64, out: &mut impl FailingOut) -> NodeResult {
        out.out(n);
        let left = self.left.load(Ordering::Relaxed);
        self.left.store(left.saturating_sub(1), Ordering::Relaxed);
        if left > 0 { Err("trapped".into()) } else { Ok(()) }
    }
}

/// A supervisor that is restarted itself begins with an empty list: one of two restarts within one of
/// two makes eight.
#[test]
pub(crate) fn who_restarts_counts_anew() -> Tested {
    for (failures, stands) in [(8, true), (9, false)] {
        let left = Arc::new(AtomicU64::new(failures));
        let graph = graph! {
            #[restart(max = 2)]
            group outer one_for_one {
                #[restart(max = 2)]
                group inner one_for_one {
                    a: Failing { left },
                },
            },
            graph.numbers => a.input,
            a.out => graph.out,
        };
        let mut run = graph.inline()?;
        run.inputs.numbers.try_send(1)?;
        assert_eq!(run.step().is_ok(), stands, "{failures} failures");
        assert_eq!(run.outputs.out.try_recv(), stands.then_some(1));
    }
    Ok(())
}

/// Passes each number on twice.
#[node]
struct Twice {
    #[input]
    input: u64,
    #[output]
    out: u64,
}

impl TwiceHandlers for Twice {
    fn on_input(&self, n: u64, out: &mut impl TwiceOut) -> NodeResult {
        out.out(n);
        out.out(n);
        Ok(())
    }
}

graph! {
    struct Chain(bomb: Bomb) {
        #[input] numbers: u64,
        #[output] out: u64,

        first: Twice {},
        second: Twice {},
        third: Pass { bomb },
        last: Twice {},

        graph.numbers => first.input,
        first.out => second.input,
        second.out => third.input,
        third.out => last.input,
        last.out => graph.out,
    }
}

/// Nodes of one stage count what stands, wherever in it a unit fails that is tried again.
#[test]
pub(crate) fn what_is_tried_again_counts_once() -> Tested {
    simulate(40, |sim| {
        let at = sim.seed() % 40;
        let graph = graph! {
            #[restart(max = 1)]
            inner: Chain::new(Bomb::at(at, false)),
            graph.numbers => inner.numbers,
            inner.out => graph.out,
        };
        let (inputs, outputs, mut run) = sim.start(graph)?.split();
        let (out, mut failures) = (run.capture(outputs.out), run.failures());
        run.feed(inputs.numbers, 0..10);
        run.until_idle()?;
        assert_eq!(out.items().len(), 80);
        let mut taken: Vec<_> = run.metrics().nodes.iter().map(|node| node.records_in).collect();
        taken.sort_unstable();
        assert_eq!(taken, [10, 20, 40, 40], "the one at {at} failed");
        let failure = failures.try_recv().ok_or("it failed")?.failure;
        assert_eq!((&*failure.node, failure.position), ("inner/third", at));
        Ok(())
    })?;
    Ok(())
}

/// Fails with the connection that it shares with others, when that has been lost for so long.
#[node(async)]
struct Connected {
    #[input]
    input: u64,
    #[output]
    out: u64,
    after: u64,
    lost: Bomb,
}

impl ConnectedHandlers for Connected {
    async fn on_input(&self, n: u64, out: &mut impl ConnectedOut) -> NodeResult {
        out.sleep(Duration::from_millis(self.after)).await;
        out.out(n);
        self.lost.touch()
    }
}

/// What fails while it is to restart anyhow has failed of the same: it counts once.
#[test]
pub(crate) fn one_cause_counts_once() -> Tested {
    let connected = |after| Connected { after, lost: Bomb::at(0, false) };
    simulate(20, |sim| {
        let graph = graph! {
            #[restart(max = 1, backoff = "10ms..10ms")]
            group unit one_for_all {
                a: connected(10),
                b: connected(60),
            },
            graph.numbers => [a.input, b.input],
            a.out => graph.of_a,
            b.out => graph.of_b,
        };
        let (inputs, outputs, mut run) = sim.start(graph)?.split();
        let (of_a, of_b) = (run.capture(outputs.of_a), run.capture(outputs.of_b));
        let mut failures = run.failures();
        run.feed(inputs.numbers, 0..3);
        run.until_idle()?;
        run.drain()?;
        // Nothing is lost, or comes twice.
        assert_eq!((of_a.items(), of_b.items()), (vec![0, 1, 2], vec![0, 1, 2]));
        let reports: Vec<_> = std::iter::from_fn(|| failures.try_recv()).collect();
        let told: Vec<_> = reports.iter().map(|report| &*report.failure.node).collect();
        assert_eq!(told, ["unit/a", "unit/b"]);
        assert!(reports.iter().all(|report| report.decided_by.as_deref() == Some("unit")));
        assert_eq!([reports[0].restarted.len(), reports[1].restarted.len()], [2, 1]);
        Ok(())
    })?;
    Ok(())
}
