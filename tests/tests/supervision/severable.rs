//! A failure at one end of a severable edge leaves what is at the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use streamweave::checkpoint::{CheckpointStorage, FileCheckpointStorage, restart_from_checkpoint};
use streamweave::graph::{CutQuery, ExecutionMode, RunError, Running};
use streamweave::io::PartFiles;
use streamweave::nodes::window::{Tumbling, count, window_all};
use streamweave::nodes::{for_each, from_iter, map, merge};
use streamweave::prelude::*;
use streamweave::supervision::{OnFailure, RestartSpec};
use streamweave::testing::simulate;

use crate::Tested;
use crate::bomb::{Bomb, quiet};

const SECOND: Duration = Duration::from_secs(1);

/// Adds up what it is sent, and fails at what the bomb says.
#[node]
pub(crate) struct Audit {
    #[input]
    numbers: i64,
    #[output(optional)]
    out: i64,
    #[state]
    sum: Value<i64>,
    pub(crate) bomb: Bomb,
}

impl AuditHandlers for Audit {
    fn on_numbers(&self, state: &mut AuditState, n: i64, out: &mut impl AuditOut) -> NodeResult {
        *state.sum.get_mut() += n;
        out.out(n);
        self.bomb.touch()
    }
}

fn audit(fails_at: u64) -> Audit {
    Audit { bomb: Bomb::at(fails_at, true) }
}

/// What a run that went on without something fails with at last.
fn failed_in(ended: Result<impl Sized, RunError>) -> String {
    match ended {
        Err(RunError::Failed { failure, .. }) => failure.node.to_string(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it did not fail"),
    }
}

macro_rules! audited {
    ($audit:expr) => {
        graph! {
            twice: map(|n: i64| n * 2),
            audit: $audit,
            total: Audit { bomb: Bomb::at(u64::MAX, true) },
            graph.numbers => twice.input,
            #[severable]
            twice.out => audit.numbers,
            twice.out => total.numbers,
            total.out => graph.out,
        }
    };
}

/// The audit fails at its third record: everything comes out all the same, under any schedule.
#[test]
pub(crate) fn what_feeds_it_goes_on() -> Tested {
    quiet();
    simulate(200, |sim| {
        let (inputs, outputs, mut run) = sim.start(audited!(audit(2)))?.split();
        let out = run.capture(outputs.out);
        run.feed(inputs.numbers, 0..1_000);
        run.until_idle()?;
        assert_eq!(out.items(), (0..1_000).map(|n| n * 2).collect::<Vec<_>>());
        assert!(out.has_ended());
        let sums = |state: &AuditState| *state.sum;
        let gone = run.query("audit", sums).unwrap_err().to_string();
        assert!(gone.contains("it has ended"), "{gone}");
        let discarded: u64 = run.metrics().edges.iter().map(|edge| edge.discarded).sum();
        assert!(discarded > 0);
        assert_eq!(failed_in(run.drain()), "audit");
        Ok(())
    })?;
    Ok(())
}

/// The same on tokio, with several threads and a node in the failed part that blocks its own.
#[test]
fn on_threads() -> Tested {
    quiet();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_all().build()?;
    let (release, blocked) = std::sync::mpsc::channel::<()>();
    let blocked = std::sync::Mutex::new(blocked);
    runtime.block_on(async {
        let graph = graph! {
            audit: audit(2),
            // It hangs with all its inputs: at a severable edge, within the part, and of the graph.
            all: merge(),
            block: for_each(move |_: i64| {
                let _ = blocked.lock().unwrap().recv();
            }),
            total: map(|n: i64| n),
            #[severable]
            graph_in.out => [audit.numbers, all.left],
            audit.out => all.right,
            graph.more => all.right,
            all.out => block.input,
            graph_in: map(|n: i64| n),
            graph.numbers => graph_in.input,
            graph_in.out => total.input,
            total.out => graph.out,
        };
        let run = graph.start()?;
        let mut failures = run.failures();
        let (inputs, mut outputs, run) = run.split();
        let read = tokio::spawn(async move { outputs.out.collect().await });
        for n in 0..100_000 {
            inputs.numbers.send(n).await?;
        }
        // What leads to the part refuses more than it has room for.
        while inputs.more.send(0).await.is_ok() {}
        drop(inputs);
        assert_eq!(failed_in(run.drain().await), "audit");
        assert_eq!(read.await?.len(), 100_000);
        let report = failures.recv().await.ok_or("none")?;
        assert_eq!((&*report.failure.node, report.on_failure), ("audit", OnFailure::Stop));
        drop(release);
        Ok::<(), Box<dyn std::error::Error>>(())
    })
}

macro_rules! windows {
    ($bomb:expr) => {
        graph! {
            left: Audit { bomb: $bomb },
            right: map(|n: i64| n),
            both: merge(),
            counts: window_all(Tumbling::seconds(1), count()),
            graph.left => left.numbers,
            graph.right => right.input,
            #[severable]
            left.out => both.left,
            right.out => both.right,
            both.out => counts.input,
            counts.out => graph.counts,
        }
    };
}

/// The edge closes at its last frontier: no window fires that may still have had something from it,
/// not even at the end, which is none.
#[test]
pub(crate) fn what_it_fed_takes_it_for_no_end() -> Tested {
    quiet();
    simulate(200, |sim| {
        let mut run = sim.start(windows!(Bomb::at(2, false)))?;
        macro_rules! send {
            ($input:ident, $time:expr) => {{
                while run.inputs.$input.try_send_at(LogicalTime($time), 1).is_err() {
                    run.step()?;
                }
                run.inputs.$input.advance(LogicalTime($time));
            }};
        }
        send!(left, 100);
        send!(left, 1_100);
        for time in (0..5_000).step_by(100) {
            send!(right, time);
        }
        run.step()?;
        assert_eq!(run.outputs.counts.try_recv().map(|count| count.value), Some(11));
        assert!(run.outputs.counts.try_recv().is_none());
        // It fails, and takes its record with it.
        send!(left, 1_200);
        run.inputs.left.advance(LogicalTime(9_000));
        run.step()?;
        run.inputs.right.advance(LogicalTime(9_000));
        let mut run = run.close_inputs()?;
        assert!(run.outputs.counts.try_recv().is_none());
        assert!(run.outputs.counts.has_failed());
        assert_eq!(run.outputs.counts.frontier(), Some(Frontier::At(LogicalTime(1_100))));
        assert_eq!(failed_in(run.drain()), "left");
        Ok(())
    })?;
    Ok(())
}

/// No checkpoint is complete without it: begun again from the last one, all is as if nothing had happened.
/// What waits for a checkpoint to commit does not.
#[test]
pub(crate) fn no_checkpoint_is_without_it() -> Tested {
    quiet();
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path().join("states"))?;
    let parts = folder.path().join("parts");
    macro_rules! kept {
        ($audit:expr) => {
            graph! {
                twice: map(|n: i64| n * 2), audit: $audit, total: Audit { bomb: Bomb::at(u64::MAX, true) },
                parts: PartFiles::<i64>::new(&parts),
                graph.numbers => twice.input,
                #[severable]
                twice.out => audit.numbers,
                twice.out => total.numbers,
                total.out => parts.records,
            }
        };
    }
    let mut run = kept!(audit(20)).inline()?;
    for n in 0..40 {
        run.inputs.numbers.try_send(n)?;
        match (n % 8, run.checkpoint(&storage)) {
            (_, Err(error)) => {
                assert!(n >= 20, "{error}");
                assert!(error.to_string().contains("a part of the graph has failed"), "{error}");
            }
            (_, Ok(_)) => assert!(n < 20),
        }
    }
    // Nodes that go on can be asked.
    let mut query = CutQuery::new();
    let sum = |state: &AuditState| *state.sum;
    let (total, gone) = (query.ask("total", sum), query.ask("audit", sum));
    run.query_cut(query)?;
    assert_eq!(total.answers()?.of_each, [2 * (0..40).sum::<i64>()]);
    assert!(gone.answers().unwrap_err().to_string().contains("it has ended"));
    assert_eq!(failed_in(run.drain()), "audit");
    let mut graph = kept!(audit(u64::MAX));
    graph.restore(storage.latest()?.ok_or("none")?.snapshot())?;
    let mut run = graph.inline()?;
    for n in 20..40 {
        run.inputs.numbers.try_send(n)?;
    }
    assert_eq!(run.query("audit", sum)?.of_each, [2 * (0..40).sum::<i64>()]);
    run.drain()?;
    let mut rows = Vec::new();
    for part in std::fs::read_dir(&parts)? {
        rows.extend(std::fs::read_to_string(part?.path())?.lines().map(str::parse::<i64>));
    }
    let mut rows = rows.into_iter().collect::<Result<Vec<_>, _>>()?;
    rows.sort_unstable();
    assert_eq!(rows, (0..40).map(|n| n * 2).collect::<Vec<_>>());
    Ok(())
}

/// A run that is drained does not wait for what nobody commits, nor for a node that hangs beside the edge;
/// the watchdog does not bark at what has been severed.
#[tokio::test(start_paused = true)]
async fn what_hangs_in_the_failed_part_holds_nothing_up() -> Tested {
    quiet();
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path().join("states"))?;
    let mut graph = graph! {
        twice: map(|n: i64| n * 2), audit: audit(0), hangs: Hangs {},
        parts: PartFiles::<i64>::new(folder.path().join("parts")),
        graph.numbers => twice.input,
        #[severable]
        twice.out => [hangs.numbers, audit.numbers],
        #[boundary]
        audit.out => hangs.others,
        twice.out => parts.records,
    };
    graph.set_watchdog(SECOND);
    let run = graph.start()?;
    run.inputs.numbers.send(0).await?;
    tokio::time::sleep(SECOND / 2).await;
    for n in 1..100_000 {
        run.inputs.numbers.send(n).await?;
    }
    tokio::time::sleep(SECOND * 10).await;
    run.inputs.numbers.send(0).await?;
    let failed = run.drain_into(&storage).await.unwrap_err().to_string();
    assert!(failed.contains("node `audit` failed") || failed.contains("trapped"), "{failed}");
    assert!(storage.latest()?.is_none());
    Ok(())
}

/// Never comes back from its first number.
#[node(async)]
struct Hangs {
    #[input]
    numbers: i64,
    #[input]
    others: i64,
}

impl HangsHandlers for Hangs {
    async fn on_numbers(&self, _: i64, _: &mut impl HangsOut) -> NodeResult {
        std::future::pending().await
    }
    async fn on_others(&self, _: i64, _: &mut impl HangsOut) -> NodeResult {
        Ok(())
    }
}

/// The instances on several workers are one: none goes on without the others.
#[test]
fn workers_fail_together() -> Tested {
    quiet();
    let graph = graph! {
        keys: map(|n: i64| n),
        #[workers(3)]
        audit: KeyedAudit { bomb: Bomb::at(30, true) },
        graph.numbers => keys.input,
        #[severable]
        keys.out => audit.numbers,
        keys.out => graph.out,
    };
    let mut run = graph.inline()?;
    for n in 0..100 {
        run.inputs.numbers.try_send(n)?;
        run.step()?;
    }
    let sums = |state: &KeyedAuditState| state.sums.len();
    assert!(run.query("audit", sums).unwrap_err().to_string().contains("it has ended"));
    assert_eq!(std::iter::from_fn(|| run.outputs.out.try_recv()).count(), 100);
    assert_eq!(failed_in(run.drain()).split('#').next(), Some("audit"));
    Ok(())
}

#[node(key = i64)]
struct KeyedAudit {
    #[input(key = |n| n)]
    numbers: i64,
    #[state]
    sums: Keyed<i64, i64>,
    bomb: Bomb,
}

impl KeyedAuditHandlers for KeyedAudit {
    fn on_numbers(
        &self,
        state: &mut KeyedAuditState,
        n: i64,
        _: &mut impl KeyedAuditOut,
    ) -> NodeResult {
        *state.sums.entry(n) += n;
        self.bomb.touch()
    }
}

/// Answers that are on their way when nothing more comes in are taken.
#[node(async, concurrency = 4, ordered)]
struct Ask {
    #[input]
    numbers: i64,
    #[output]
    out: i64,
}

impl AskHandlers for Ask {
    type Answer = i64;
    async fn call(&self, n: i64) -> NodeResult<i64> {
        tokio::time::sleep(SECOND).await;
        Ok(n)
    }
    fn complete(&self, n: i64, out: &mut impl AskOut) -> NodeResult {
        out.out(n);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn calls_in_flight_are_answered() -> Tested {
    quiet();
    let graph = graph! {
        audit: audit(3), ask: Ask {},
        graph.numbers => audit.numbers,
        #[severable]
        audit.out => ask.numbers,
        ask.out => graph.out,
    };
    let mut run = graph.start()?;
    for n in 0..3 {
        run.inputs.numbers.send(n).await?;
    }
    tokio::time::sleep(SECOND / 2).await;
    run.inputs.numbers.send(3).await?;
    assert_eq!(run.outputs.out.collect().await, [0, 1, 2]);
    assert!(run.outputs.out.has_failed());
    assert_eq!(failed_in(run.drain().await), "audit");
    Ok(())
}

/// When something fails depends on more than the data.
#[test]
fn a_deterministic_run_stops_as_a_whole() -> Tested {
    quiet();
    let mut graph = audited!(audit(2));
    graph.set_mode(ExecutionMode::Deterministic);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let run = graph.start()?;
        for n in 0..3 {
            run.inputs.numbers.send(n).await?;
        }
        while run.inputs.numbers.send(0).await.is_ok() {}
        assert_eq!(failed_in(run.drain().await), "audit");
        Ok(())
    })
}

/// What has failed is made good with all the rest.
#[tokio::test]
async fn a_restart_from_the_checkpoint_is_of_the_whole() -> Tested {
    quiet();
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    let bomb = Bomb::at(500, false);
    let made = Arc::new(AtomicU64::new(0));
    let make = || {
        made.fetch_add(1, Ordering::Relaxed);
        Ok(graph! {
            numbers: from_iter(0..1_000_i64),
            audit: Audit { bomb: bomb.clone() },
            total: Audit { bomb: Bomb::at(u64::MAX, true) },
            #[severable]
            numbers.out => audit.numbers,
            numbers.out => total.numbers,
        })
    };
    let attend = async |run: Running<_, _>| Ok(run.drain_into(&storage).await?);
    let done = restart_from_checkpoint(&storage, &RestartSpec::default(), make, attend).await;
    let state = done.map_err(|error| error.to_string())?.state;
    let mut graph = audited!(audit(u64::MAX));
    graph.carry_unclaimed();
    graph.restore(&state)?;
    let sum = |state: &AuditState| *state.sum;
    assert_eq!(graph.inline()?.query("audit", sum)?.of_each, [(0..1_000).sum::<i64>()]);
    assert_eq!(made.load(Ordering::Relaxed), 2);
    Ok(())
}

/// A loop waits for what comes in: it would never end.
#[test]
fn not_before_a_loop() {
    let graph = graph! {
        enter: map(|n: i64| n), back: merge(), less: map(|n: i64| n - 1), out: map(|n: i64| n),
        graph.numbers => enter.input,
        #[severable]
        enter.out => back.left,
        back.out => less.input,
        less.out => [out.input, feedback back.right],
        out.out => graph.out,
    };
    let told = graph.inline().unwrap_err().to_string();
    assert!(told.contains("a severable edge leads to `back`, which is in a loop"), "{told}");
}
