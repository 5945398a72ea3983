//! Runs that fail and begin again from the last checkpoint.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use futures_util::FutureExt;
use streamweave::checkpoint::{
    Checkpoint, CheckpointError, CheckpointStorage, FileCheckpointStorage, restart_from_checkpoint,
};
use streamweave::graph::{Graph, Snapshot, StartError, Summary};
use streamweave::io::PartFiles;
use streamweave::nodes::source::Retained;
use streamweave::nodes::{
    count, for_each, from_iter, from_stream, inspect, key_by, map, merge, retained,
};
use streamweave::prelude::*;
use streamweave::supervision::{FailureAction, RestartSpec};
use streamweave_tests::seen_again;
use tokio::time::Instant;

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

const LIMIT: Duration = Duration::from_secs(60);

fn often(max: u32) -> RestartSpec {
    RestartSpec { max, within: None, ..RestartSpec::default() }
}

/// The lines that are visible, with how often each is there.
fn lines(folder: &Path) -> Fallible<BTreeMap<String, u64>> {
    let mut lines = BTreeMap::new();
    for part in fs::read_dir(folder)? {
        let part = part?;
        if part.file_name().to_string_lossy().starts_with("part-") {
            for line in fs::read_to_string(part.path())?.lines() {
                *lines.entry(line.to_owned()).or_default() += 1;
            }
        }
    }
    Ok(lines)
}

/// What counts each of ten keys among what is sent and what is there, and writes the counts, with a
/// node that panics when `fails` is there to be taken.
fn counting(numbers: &Retained<u64>, folder: &Path, fails: &Arc<AtomicU64>) -> Graph<(), ()> {
    let fails = Arc::clone(fails);
    graph! {
        numbers: numbers.source(),
        others: from_iter(1000..1100_u64),
        both: merge(),
        trap: inspect(move |n: &u64| {
            let fails = fails.compare_exchange(*n, 0, Ordering::AcqRel, Ordering::Acquire);
            assert!(fails.is_err(), "{n} is a trap");
        }),
        keys: key_by(|n: &u64| n % 10),
        #[workers(2)]
        counts: count(),
        text: map(|count: (u64, u64)| format!("{} {}", count.0, count.1)),
        written: PartFiles::new(folder),
        numbers.out => both.left,
        others.out => both.right,
        both.out => trap.input,
        trap.out => keys.input,
        keys.out => counts.input,
        counts.out => text.input,
        text.out => written.records,
    }
}

/// Whatever fails when: all that was sent counts once, and is visible once.
#[tokio::test]
async fn nothing_is_lost_and_nothing_counted_twice() -> Fallible<()> {
    let folder = tempfile::tempdir()?;
    let (kept, shown) = (folder.path().join("kept"), folder.path().join("shown"));
    let storage = FileCheckpointStorage::open(&kept)?;
    let (sender, numbers) = retained(64);
    let fails = Arc::new(AtomicU64::new(0));
    let attempts = AtomicU64::new(0);
    let feed = async {
        for n in 1..=300 {
            // Some traps are sprung before the first checkpoint, some between two.
            if n % 37 == 0 {
                fails.store(n, Ordering::Release);
            }
            sender.send(n).await;
        }
        drop(sender);
        Ok(())
    };
    let restart = often(20);
    let run = restart_from_checkpoint(
        &storage,
        &restart,
        || {
            attempts.fetch_add(1, Ordering::Relaxed);
            Ok(counting(&numbers, &shown, &fails))
        },
        async |run| -> Fallible<Summary> {
            run.checkpoint_every(storage.clone(), Duration::from_millis(1), LIMIT)?;
            Ok(run.drain_into(&storage).await?)
        },
    );
    futures_util::future::try_join(run, feed).await?;
    assert!(attempts.into_inner() > 3, "some of the eight traps were sprung");
    let expected = (0..10).flat_map(|key| (1..=40).map(move |n| (format!("{key} {n}"), 1)));
    assert_eq!(lines(&shown)?, expected.collect());
    Ok(())
}

/// What is asked for again and cannot be had, and what would be seen again, is refused before anything runs.
#[tokio::test]
async fn what_a_restart_would_lose_or_double_is_refused() -> Fallible<()> {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    let make = |losses: &[&str], duplicates: &[&str]| {
        let mut graph = graph! {
            once: from_stream(futures_util::stream::iter([1_u64])),
            end: for_each(drop::<u64>),
            once.out => end.input,
        };
        losses.iter().for_each(|from| graph.allow_loss(*from));
        duplicates.iter().for_each(|to| graph.allow_duplicates(*to));
        graph
    };
    let attend = async |run: streamweave::graph::Running<_, _>| -> Fallible<Summary> {
        Ok(run.drain_into(&storage).await?)
    };
    let restart = often(1);
    for (losses, duplicates, told) in [
        (&[][..], &["end"][..], "allow_loss(\"once\")"),
        (&["once"], &[], "allow_duplicates(\"end\")"),
        (&["once"], &["once"], "allow_duplicates(\"end\")"),
    ] {
        let make = || Ok(make(losses, duplicates));
        let refused = restart_from_checkpoint(&storage, &restart, make, attend).await.unwrap_err();
        assert!(matches!(refused.downcast_ref(), Some(StartError::NotGuaranteed { .. })));
        assert!(refused.to_string().contains(told), "{refused}");
    }
    let make = || Ok(make(&["once"], &["end"]));
    restart_from_checkpoint(&storage, &restart, make, attend).await?;
    Ok(())
}

/// Runs a graph that fails each time, but no longer than this: how often it ran, and for how long.
async fn always_failing(
    restart: RestartSpec,
    limit: Duration,
) -> Fallible<(u64, Duration, String)> {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    let (begun, attempts) = (Instant::now(), AtomicU64::new(0));
    let make = || {
        attempts.fetch_add(1, Ordering::Relaxed);
        Ok(seen_again(
            graph! {
                ones: from_iter([1_u64]),
                trap: for_each(|_: u64| panic!("as ever")),
                ones.out => trap.input,
            },
            ["trap"],
        ))
    };
    let attend = async |run: streamweave::graph::Running<_, _>| -> Fallible<Summary> {
        Ok(run.drain_into(&storage).await?)
    };
    let run = restart_from_checkpoint(&storage, &restart, make, attend);
    let error = match tokio::time::timeout(limit, run).await {
        Ok(ended) => ended.unwrap_err().to_string(),
        Err(_) => "it goes on".to_owned(),
    };
    Ok((attempts.into_inner(), begun.elapsed(), error))
}

#[tokio::test(start_paused = true)]
async fn as_often_and_as_late_as_the_policy_says() -> Fallible<()> {
    let (attempts, _, error) = always_failing(often(3), LIMIT).await?;
    assert_eq!(attempts, 4);
    assert!(error.contains("as ever"), "{error}");

    let second = Duration::from_secs(1);
    let backoff = Some((second, 4 * second));
    let (attempts, took, _) = always_failing(RestartSpec { backoff, ..often(4) }, LIMIT).await?;
    // 1, 2, 4 and 4 seconds, of each up to a half taken off.
    assert_eq!(attempts, 5);
    assert!(took >= 5 * second && took <= 11 * second + second / 10, "{took:?}");

    let ever = RestartSpec { then: FailureAction::Restart, ..often(2) };
    let (attempts, _, error) = always_failing(ever, LIMIT).await?;
    assert_eq!(error, "it goes on");
    // Also where no wait is said there is one.
    assert!((20..80).contains(&attempts), "{attempts} attempts in {LIMIT:?}");
    Ok(())
}

/// A storage that cannot be read for so often as is left, once it has been.
#[derive(Clone)]
struct Away(FileCheckpointStorage, Arc<AtomicU64>);

impl CheckpointStorage for Away {
    fn publish(&self, snapshot: &Snapshot) -> Result<u64, CheckpointError> {
        self.0.publish(snapshot)
    }
    fn will_commit(&self, id: u64) -> Result<(), CheckpointError> {
        self.0.will_commit(id)
    }
    fn latest(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        match self.1.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1)) {
            Err(_) => self.0.latest(),
            Ok(_) => Err(CheckpointError::None { place: "away".into() }),
        }
    }
}

/// A storage that is out of reach when the graph is to begin again, and a graph that cannot be made then,
/// are failed restarts: tried again, as often as may be. What never ran is not.
#[tokio::test(start_paused = true)]
pub(crate) async fn a_failed_restart_counts_again() -> Fallible<()> {
    // In how many attempts it comes through, of what fails so often at the restart.
    let attempts = async |max, away: u64, unmade: u64| -> Fallible<u64> {
        let folder = tempfile::tempdir()?;
        let left = Arc::new(AtomicU64::new(0));
        let storage = Away(FileCheckpointStorage::open(folder.path())?, Arc::clone(&left));
        let (made, fails) = (AtomicU64::new(0), AtomicBool::new(true));
        let make = || {
            let made = made.fetch_add(1, Ordering::Relaxed);
            if (1..=unmade).contains(&made) {
                return Err("no connection".into());
            }
            let fails = fails.swap(false, Ordering::Relaxed);
            Ok(seen_again(
                graph! {
                    numbers: from_iter(0..10_u64),
                    check: for_each(move |n: u64| assert!(!fails || n < 5, "{n}")),
                    numbers.out => check.input,
                },
                ["check"],
            ))
        };
        let attend = async |run: streamweave::graph::Running<_, _>| -> Fallible<Summary> {
            let ended = run.drain_into(&storage).await;
            left.store(away, Ordering::Release);
            Ok(ended?)
        };
        restart_from_checkpoint(&storage, &often(max), make, attend).await?;
        Ok(made.into_inner())
    };
    assert_eq!(attempts(3, 0, 0).await?, 2);
    assert_eq!(attempts(3, 2, 0).await?, 4);
    assert_eq!(attempts(3, 0, 2).await?, 4);
    let told = attempts(3, 3, 0).await.unwrap_err().to_string();
    assert!(told.contains("away"), "{told}");
    assert_eq!(attempts(3, 0, 3).await.unwrap_err().to_string(), "no connection");

    let folder = tempfile::tempdir()?;
    let left = Arc::new(AtomicU64::new(2));
    let storage = Away(FileCheckpointStorage::open(folder.path())?, left);
    let make = || {
        Ok(seen_again(
            graph! { one: from_iter([1_u64]), end: for_each(drop::<u64>), one.out => end.input },
            ["end"],
        ))
    };
    let attend = async |_| -> Fallible<()> { Ok(()) };
    let told = restart_from_checkpoint(&storage, &often(3), make, attend).await.unwrap_err();
    assert!(told.to_string().contains("away"), "{told}");
    Ok(())
}

/// Never comes back.
#[node(async)]
struct Hangs {
    #[input]
    input: u64,
}

impl HangsHandlers for Hangs {
    async fn on_input(&self, _: u64, _: &mut impl HangsOut) -> NodeResult {
        std::future::pending().await
    }
}

/// Whoever reads of a run that hangs is told that, though what was read looks like a result.
#[tokio::test(start_paused = true)]
async fn a_run_that_hangs_is_told() -> Fallible<()> {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    let make = || {
        let mut graph = graph! {
            numbers: from_iter(0..10_u64),
            hangs: Hangs {},
            same: map(|n: u64| n),
            numbers.out => [hangs.input, same.input],
            same.out => graph.out,
        };
        graph.set_watchdog(Duration::from_secs(5));
        ["hangs", "graph.out"].into_iter().for_each(|to| graph.allow_duplicates(to));
        Ok(graph)
    };
    let told = restart_from_checkpoint(&storage, &often(3), make, async |mut run| {
        while run.outputs.out.recv().await.is_some() {}
        // It may have ended before.
        tokio::time::sleep(LIMIT).await;
        Ok(())
    })
    .await;
    let told = told.unwrap_err().to_string();
    assert!(told.contains("has not ended for"), "{told}");
    Ok(())
}

/// Says in which attempts it was.
#[node(sink, idempotent)]
struct Counted {
    #[input]
    numbers: u64,
    seen: Arc<std::sync::Mutex<Vec<u64>>>,
}

impl CountedHandlers for Counted {
    fn on_numbers(&self, n: u64, out: &mut impl CountedOut) -> NodeResult {
        self.seen.lock().map_err(|_| "poisoned")?.push(out.attempt());
        if n == 3 { Err("it fails each time".into()) } else { Ok(()) }
    }
}

/// Each attempt has a number that no other has, whether there was a checkpoint before it or not.
#[tokio::test(start_paused = true)]
async fn nodes_know_in_which_they_are() -> Fallible<()> {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    let seen = Arc::default();
    let make = || {
        Ok(graph! {
            one: from_iter(1..=3_u64),
            counted: Counted { seen: Arc::clone(&seen) },
            one.out => counted.numbers,
        })
    };
    let attend = async |run: streamweave::graph::Running<_, _>| -> Fallible<Summary> {
        let _ = run.checkpoint(&storage, LIMIT).await;
        Ok(run.drain().await?)
    };
    let error = restart_from_checkpoint(&storage, &often(2), make, attend).await.unwrap_err();
    assert!(error.to_string().contains("it fails each time"), "{error}");
    let mut attempts = seen.lock().unwrap().clone();
    attempts.dedup();
    assert_eq!(attempts, [1, 2, 3]);
    Ok(())
}

/// An error of who attends to the run is no failure of the graph.
#[tokio::test]
async fn what_has_not_failed_is_not_tried_again() -> Fallible<()> {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    let attempts = AtomicU64::new(0);
    let make = || {
        attempts.fetch_add(1, Ordering::Relaxed);
        Ok(seen_again(
            graph! { numbers: from_iter(0..), end: for_each(drop::<u64>), numbers.out => end.input },
            ["end"],
        ))
    };
    let attend = async |_| -> Fallible<()> { Err("no interest".into()) };
    let error = restart_from_checkpoint(&storage, &often(5), make, attend).await.unwrap_err();
    assert_eq!((error.to_string().as_str(), attempts.into_inner()), ("no interest", 1));
    Ok(())
}

/// A handler that blocks its thread while another fails may still do something: it is waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
pub(crate) async fn nothing_of_the_last_attempt_is_left() -> Fallible<()> {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    let (enters, entered) = mpsc::channel::<()>();
    let (lets, let_go) = mpsc::channel::<()>();
    let gate = Arc::new(std::sync::Mutex::new(Some((entered, let_go))));
    let is_inside = Arc::new(AtomicBool::new(false));
    let (first, inside) = (AtomicBool::new(true), Arc::clone(&is_inside));
    let make = || {
        assert!(!is_inside.load(Ordering::Acquire), "the last attempt has not ended");
        if !first.swap(false, Ordering::Relaxed) {
            return Err("the next attempt".into());
        }
        let (entered, let_go) = gate.lock().unwrap().take().ok_or("once")?;
        let (enters, inside) = (enters.clone(), Arc::clone(&inside));
        let (entered, let_go) = (std::sync::Mutex::new(entered), std::sync::Mutex::new(let_go));
        Ok(seen_again(
            graph! {
                slow: from_iter([1_u64]),
                fast: from_iter([1_u64]),
                blocks: for_each(move |_: u64| {
                    inside.store(true, Ordering::Release);
                    enters.send(()).unwrap();
                    let_go.lock().unwrap().recv().unwrap();
                    inside.store(false, Ordering::Release);
                }),
                fails: for_each(move |_: u64| {
                    entered.lock().unwrap().recv().unwrap();
                    panic!("while the other is busy");
                }),
                #[boundary]
                slow.out => blocks.input,
                #[boundary]
                fast.out => fails.input,
            },
            ["blocks", "fails"],
        ))
    };
    let has_failed = AtomicBool::new(false);
    let attend = async |run: streamweave::graph::Running<_, _>| -> Fallible<()> {
        let failed = run.drain().await.map(drop).map_err(Box::from);
        has_failed.store(true, Ordering::Release);
        failed
    };
    let restart = often(1);
    let mut runs = pin!(restart_from_checkpoint(&storage, &restart, make, attend));
    let mut chances = 100;
    while chances > 0 {
        assert!(runs.as_mut().now_or_never().is_none(), "the last attempt has not ended");
        chances -= u32::from(has_failed.load(Ordering::Acquire));
        tokio::task::yield_now().await;
    }
    // Only now may it go on.
    lets.send(())?;
    assert_eq!(runs.await.unwrap_err().to_string(), "the next attempt");
    Ok(())
}

/// The sender waits where the limit is kept, and what a complete checkpoint holds makes room.
#[tokio::test]
async fn what_is_sent_is_kept_until_a_checkpoint_holds_it() -> Fallible<()> {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    let (sender, numbers) = retained(3);
    let mut run = graph! {
        numbers: numbers.source(),
        same: map(|n: u64| n),
        numbers.out => same.input,
        same.out => graph.numbers,
    }
    .start()?;
    for n in 0..3 {
        sender.send(n).await;
        assert_eq!(run.outputs.numbers.recv().await, Some(n));
    }
    assert_eq!((sender.try_send(3), sender.kept()), (Err(3), 3));
    let ((), id) =
        futures_util::future::join(sender.send(3), run.checkpoint(&storage, LIMIT)).await;
    assert_eq!((id?, run.outputs.numbers.recv().await), (1, Some(3)));
    run.checkpoint(&storage, LIMIT).await?;
    // What is complete is told to the source, which has its turn for it.
    while sender.kept() > 0 {
        tokio::task::yield_now().await;
    }
    drop(sender);
    assert_eq!(run.outputs.numbers.recv().await, None);
    Ok(())
}

/// Outputs end when the run fails, too: what was read until then is no result.
#[tokio::test]
pub(crate) async fn what_is_read_of_a_failed_run_is_dropped() -> Fallible<()> {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    let mut fails = true;
    let make = || {
        let fails = std::mem::take(&mut fails);
        Ok(seen_again(
            graph! {
                numbers: from_iter(0..1000_u64),
                check: inspect(move |n: &u64| assert!(!fails || *n < 500, "{n}")),
                numbers.out => check.input,
                check.out => graph.out,
            },
            ["graph.out"],
        ))
    };
    let read = restart_from_checkpoint(&storage, &often(1), make, async |mut run| {
        let mut read = Vec::new();
        while let Some(n) = run.outputs.out.recv().await {
            read.push(n);
        }
        Ok(read)
    })
    .await?;
    assert_eq!(read, (0..1000).collect::<Vec<_>>());
    // Beyond its restarts it is an error, whatever was made of it.
    let make = || {
        Ok(seen_again(
            graph! {
                numbers: from_iter(0..1000_u64),
                check: inspect(|n: &u64| assert!(*n < 500, "{n}")),
                numbers.out => check.input,
                check.out => graph.out,
            },
            ["graph.out"],
        ))
    };
    let told = restart_from_checkpoint(&storage, &often(1), make, async |mut run| {
        while run.outputs.out.recv().await.is_some() {}
        Ok(())
    })
    .await;
    let told = told.unwrap_err().to_string();
    assert!(told.contains("`check`"), "{told}");
    Ok(())
}
