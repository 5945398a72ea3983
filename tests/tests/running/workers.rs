//! State that belongs to no key, where a node runs on several workers.

use std::time::Duration;

use streamweave::Alignment;
use streamweave::graph::{RestoreError, Snapshot, StartError};
use streamweave::nodes::window::{Tumbling, count, window_all};
use streamweave::nodes::{delay, event_time_by, fold, map, rate_limit, sorted, zip};
use streamweave::prelude::*;
use streamweave::state::StateError;

use crate::Tested;

/// Counts by key, and all.
#[node(key = u64)]
struct Counts {
    #[input(key = |n| n % 3)]
    input: u64,
    #[state]
    counts: Keyed<u64, u64>,
    #[state]
    seen: Value<u64>,
}

impl CountsHandlers for Counts {
    fn on_input(&self, state: &mut CountsState, n: u64, _: &mut impl CountsOut) -> NodeResult {
        *state.counts.entry(n % 3) += 1;
        *state.seen.get_mut() += 1;
        Ok(())
    }
}

#[test]
fn one_value_for_all_records_is_refused() -> Tested {
    macro_rules! counts {
        ($workers:expr) => {
            graph! {
                #![name = "shop"]
                same: map(|n: u64| n),
                #[workers($workers)]
                group region { counts: Counts {} },
                graph.numbers => same.input,
                same.out => counts.input,
            }
        };
    }
    assert!(counts!(1).inline().is_ok());
    match counts!(2).inline().unwrap_err() {
        StartError::SingleOnWorkers { graph, node, field } => {
            assert_eq!((&*graph, &*node, &*field), ("shop", "region/counts", "seen"));
        }
        other => panic!("{other}"),
    }
    let graph = graph! {
        same: map(|n: u64| n),
        #[workers(3)]
        sum: fold(0, |sum: &mut u64, n: u64| *sum += n),
        graph.numbers => same.input,
        same.out => sum.input,
        sum.out => graph.sums,
    };
    let refused = graph.inline().unwrap_err().to_string();
    for part in ["`sum`", "`latest`", "Keyed<K, V>", "take the node out of `#[workers(..)]`"] {
        assert!(refused.contains(part), "{refused}");
    }
    Ok(())
}

/// What several workers would each say of a share of the records, by the node and what refuses it.
#[test]
pub(crate) fn what_is_of_all_records_is_refused() -> Tested {
    macro_rules! refused {
        ($workers:expr, $node:expr) => {
            graph! {
                #![name = "shop"]
                same: map(|n: u64| n),
                #[workers($workers)]
                all: $node,
                graph.numbers => same.input,
                same.out => all.input,
                all.out => graph.out,
            }
            .inline()
            .err()
        };
    }
    let told = |error: Option<StartError>| match error {
        Some(StartError::WholeOnWorkers { graph, node }) => format!("{graph}/{node}"),
        other => format!("{other:?}"),
    };
    let counted = || window_all(Tumbling::seconds(1), count::<u64>());
    assert!(refused!(1, counted()).is_none());
    let error = refused!(2, counted());
    let plain = error.as_ref().map(ToString::to_string).unwrap_or_default();
    for part in ["`all`", "`window`", "take the node out of `#[workers(..)]`"] {
        assert!(plain.contains(part), "{plain}");
    }
    assert_eq!(told(error), "shop/all");
    assert_eq!(told(refused!(3, sorted::<u64>())), "shop/all");
    assert_eq!(told(refused!(2, rate_limit::<u64>(1, Duration::from_secs(1)))), "shop/all");
    let pairs = graph! {
        #![name = "shop"]
        left: map(|n: u64| n),
        right: map(|n: u64| n),
        #[workers(2)]
        all: zip(),
        graph.left => left.input,
        graph.right => right.input,
        left.out => all.left,
        right.out => all.right,
        all.out => graph.out,
    };
    assert_eq!(told(pairs.inline().err()), "shop/all");
    Ok(())
}

/// What one worker would hear, and the others would wait for.
#[test]
fn times_of_all_records_are_refused() -> Tested {
    macro_rules! refused {
        ($workers:expr, $times:expr) => {{
            let graph = graph! {
                same: map(|n: i64| n),
                #[workers($workers)]
                times: $times,
                graph.numbers => same.input,
                same.out => times.input,
                times.out => graph.out,
            };
            let mut run = graph.inline()?;
            run.step().err().map(|error| error.to_string()).unwrap_or_default()
        }};
    }
    let times = || event_time_by(|n: &i64| LogicalTime(*n));
    let together = Alignment::within(Duration::from_secs(1));
    let ends = || times().per_split(|_| 0).split_ended(|_| true);
    let splits = || times().per_split(|_| 0);
    for (refused, option) in
        [(refused!(2, times().align(&together)), "`align`"), (refused!(3, ends()), "`split_ended`")]
    {
        for part in ["times#1", option, "take the node out of `#[workers(..)]`"] {
            assert!(refused.contains(part), "{refused}");
        }
    }
    let waits = refused!(2, splits());
    assert!(waits.contains("say `split_idle_after` or `abandon`"), "{waits}");
    assert_eq!(refused!(2, splits().split_idle_after(Duration::from_secs(1))), "");
    assert_eq!(refused!(1, times().align(&together)), "");
    assert_eq!(refused!(1, ends()), "");
    assert_eq!(refused!(2, times()), "");
    Ok(())
}

macro_rules! delayed {
    ($workers:expr, $saved:expr) => {{
        let mut graph = graph! {
            same: map(|n: u64| n),
            #[workers($workers)]
            later: delay(Duration::from_secs(1)),
            graph.numbers => same.input,
            // Dealt out one by one.
            #[buffer(2)] same.out => later.input,
            later.out => graph.numbers,
        };
        let saved: Option<&Snapshot> = $saved;
        saved.map_or(Ok(()), |saved| graph.restore(saved)).map(|()| graph)
    }};
}

/// What a run on so many workers has, after so many records that came one by one.
macro_rules! saved {
    ($workers:expr, $records:expr) => {{
        let mut run = delayed!($workers, None)?.inline()?;
        for n in 0..$records {
            run.inputs.numbers.try_send(n)?;
            run.step()?;
        }
        run.snapshot()?
    }};
}

/// What comes out of a run on so many workers that goes on from there.
macro_rules! rest {
    ($workers:expr, $saved:expr) => {{
        let mut run = delayed!($workers, Some($saved))?.inline()?;
        run.until_idle()?;
        let mut rest: Vec<u64> = std::iter::from_fn(|| run.outputs.numbers.try_recv()).collect();
        rest.sort_unstable();
        rest
    }};
}

#[test]
pub(crate) fn without_a_key_two_workers_are_not_put_together() -> Tested {
    let two = saved!(2, 4);
    assert_eq!(rest!(2, &two), [0, 1, 2, 3]);
    for workers in [1, 3] {
        match delayed!(workers, Some(&two)).unwrap_err() {
            RestoreError::State { error: StateError::Field { node, field, source }, .. } => {
                assert!(node.starts_with("later") && field == "waiting", "{node} {field}");
                assert!(matches!(*source, StateError::OfEachWorker { workers: 2 }), "{source}");
            }
            other => panic!("{other}"),
        }
    }
    // What one has alone goes to one, whoever that is.
    assert_eq!(rest!(3, &saved!(1, 4)), [0, 1, 2, 3]);
    assert_eq!(rest!(1, &saved!(3, 1)), [0]);
    Ok(())
}
