//! Storages that do not answer in time, on a clock that the test owns.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};
use streamweave::checkpoint::{
    Checkpoint, CheckpointError, CheckpointStorage, FileCheckpointStorage, restart_from_checkpoint,
};
use streamweave::graph::{CutId, Running, Snapshot, Summary};
use streamweave::nodes::{for_each, from_iter, scan};
use streamweave::prelude::*;
use streamweave::supervision::RestartSpec;
use streamweave_tests::seen_again;
use tokio::time::{advance, sleep};

use crate::Tested;
use crate::intervals::Gate;

const PERIOD: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_secs(5);

/// Keeps what it is given once it is told to.
#[derive(Clone)]
struct Slow(Gate, FileCheckpointStorage);

impl CheckpointStorage for Slow {
    fn publish(&self, snapshot: &Snapshot) -> Result<u64, CheckpointError> {
        self.0.publish(snapshot)?;
        self.1.publish(snapshot)
    }
    fn savepoint(&self, name: &str, snapshot: &Snapshot) -> Result<u64, CheckpointError> {
        self.0.publish(snapshot)?;
        self.1.savepoint(name, snapshot)
    }
    fn takes_changes_since(&self) -> Option<CutId> {
        self.1.takes_changes_since()
    }
    fn will_commit(&self, id: u64) -> Result<(), CheckpointError> {
        self.1.will_commit(id)
    }
    fn latest(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        self.1.latest()
    }
}

macro_rules! sums {
    () => {
        graph! {
            sums: scan(0_u64, |sum: &mut u64, n: u64| { *sum += n; *sum }),
            graph.numbers => sums.input,
            sums.out => graph.sums,
        }
    };
}

/// What is asked for, once the storage has been given so many and the clock has moved on by what is waited for it:
/// by itself it stands while a storage is at work.
async fn in_time<T>(asked: impl Future<Output = T>, gate: &Gate, given: u64) -> T {
    let limit_passes = async {
        while gate.entered.load(Ordering::SeqCst) < given {
            tokio::task::yield_now().await;
        }
        // Whoever is behind that has begun to wait.
        yield_often().await;
        advance(LIMIT + Duration::from_millis(1)).await;
        yield_often().await;
    };
    match select(pin!(asked), pin!(limit_passes)).await {
        Either::Left((answer, _)) => answer,
        Either::Right(_) => panic!("it still waits"),
    }
}

async fn yield_often() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

fn is_unanswered(error: &CheckpointError) -> bool {
    matches!(error, CheckpointError::StorageTimedOut { limit: LIMIT, .. })
        && error.to_string().contains("the storage has not answered within 5s")
}

/// Nobody waits for a storage for longer than is said. What it keeps late is a checkpoint as any other, and the
/// next one holds what has changed since.
#[tokio::test(start_paused = true)]
async fn it_is_told_and_what_comes_late_counts() -> Tested {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    let (open, gate) = Gate::new();
    let slow = Slow(gate.clone(), storage.clone());
    let mut run = sums!().start()?;
    for (given, meanwhile) in [(1, 0), (3, 5), (5, 100)] {
        run.inputs.numbers.send(1).await?;
        run.outputs.sums.recv().await;
        let covered = run.cut(LIMIT).await?;
        let late = in_time(run.checkpoint(&slow, LIMIT), &gate, given).await.unwrap_err();
        assert!(is_unanswered(&late), "{late}");
        for n in 0..meanwhile {
            run.inputs.numbers.send(n).await?;
            run.outputs.sums.recv().await;
        }
        // No other is begun meanwhile, and who asks for one is told why.
        let next = in_time(run.checkpoint(&slow, LIMIT), &gate, given).await;
        assert!(is_unanswered(&next.unwrap_err()));
        let named = in_time(run.savepoint(&slow, "none", LIMIT), &gate, given).await;
        assert!(is_unanswered(&named.unwrap_err()));
        assert_eq!(gate.entered.load(Ordering::SeqCst), given);

        open.send(())?;
        open.send(())?;
        let next = run.checkpoint(&slow, LIMIT).await?;
        assert_eq!(*storage.read(next - 1)?.snapshot(), covered);
        let last = storage.latest()?.unwrap();
        assert_eq!((last.id(), last.parent()), (next, Some(next - 1)));
        assert_eq!(*last.snapshot(), run.cut(LIMIT).await?);
    }
    Ok(())
}

/// A savepoint at which the run was to stop, and which comes late, does not stop it.
#[tokio::test(start_paused = true)]
async fn a_late_savepoint_does_not_stop_the_run() -> Tested {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    let (open, gate) = Gate::new();
    let slow = Slow(gate.clone(), storage.clone());
    let (inputs, mut outputs, run) = sums!().start()?.split();
    inputs.numbers.send(1).await?;
    let late = in_time(run.stop_at_savepoint(&slow, "end", LIMIT), &gate, 1).await;
    assert!(is_unanswered(&late.unwrap_err()));
    inputs.numbers.send(2).await?;
    assert_eq!(outputs.sums.recv().await, Some(1));
    assert_eq!(outputs.sums.recv().await, Some(3));
    open.send(())?;
    open.send(())?;
    assert_eq!(run.checkpoint(&slow, LIMIT).await?, 2);
    assert_eq!(storage.savepoints()?, ["end"]);
    inputs.numbers.send(3).await?;
    assert_eq!(outputs.sums.recv().await, Some(6));
    Ok(())
}

/// Those that a run takes by itself fail, again and again, until the storage has answered; what it answers late counts.
#[tokio::test(start_paused = true)]
async fn each_one_fails_until_it_answers() -> Tested {
    let (open, gate) = Gate::new();
    let run = sums!().start()?;
    let mut checkpoints = run.checkpoint_every(gate.clone(), PERIOD, LIMIT)?;
    sleep(PERIOD).await;
    for failed in 1..4 {
        let report = in_time(checkpoints.changed(), &gate, 1).await.unwrap();
        assert_eq!((report.complete, report.failed), (0, failed));
        assert!(is_unanswered(&report.last_error.unwrap()));
    }
    open.send(())?;
    open.send(())?;
    let report = checkpoints.changed().await.unwrap();
    let last = report.last.unwrap();
    assert_eq!((report.complete, report.failed, last.id), (1, 3, 1));
    assert!(last.took > LIMIT, "{:?}", last.took);
    let report = checkpoints.changed().await.unwrap();
    assert_eq!((report.complete, report.failed, report.last.unwrap().id), (2, 3, 2));
    run.abort();
    Ok(())
}

/// Another run has taken over its storage, which says so late, and only once.
#[derive(Clone)]
struct TakenOver(Gate);

impl CheckpointStorage for TakenOver {
    fn publish(&self, snapshot: &Snapshot) -> Result<u64, CheckpointError> {
        if self.0.entered.load(Ordering::SeqCst) > 0 {
            return Ok(2);
        }
        self.0.publish(snapshot)?;
        Err(CheckpointError::Fenced { place: "shelf".into() })
    }
    fn savepoint(&self, _: &str, snapshot: &Snapshot) -> Result<u64, CheckpointError> {
        self.publish(snapshot)
    }
    fn takes_changes_since(&self) -> Option<CutId> {
        None
    }
    fn will_commit(&self, _: u64) -> Result<(), CheckpointError> {
        Ok(())
    }
    fn latest(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        Ok(None)
    }
}

/// However late a run hears that another has taken over, it ends.
#[tokio::test(start_paused = true)]
async fn who_is_told_late_that_it_is_fenced_off_ends() -> Tested {
    let (open, gate) = Gate::new();
    let run = sums!().start()?;
    let mut checkpoints = run.checkpoint_every(TakenOver(gate.clone()), PERIOD, LIMIT)?;
    sleep(PERIOD).await;
    let report = in_time(checkpoints.changed(), &gate, 1).await.unwrap();
    assert!(is_unanswered(&report.last_error.unwrap()));
    open.send(())?;
    let told = checkpoints.changed().await.unwrap().last_error.unwrap();
    assert!(matches!(*told, CheckpointError::Fenced { .. }), "{told}");
    let ended = run.drain().await.unwrap_err().to_string();
    assert!(ended.contains("checkpoint_every"), "{ended}");
    Ok(())
}

/// Runs a graph that fails while its first checkpoint, which was given so long, is on its way, and has the storage
/// answer so many seconds later; how often it was begun, and what came of it.
async fn fails_meanwhile(limit: Duration, answers: u64) -> (u64, String) {
    let (open, gate) = Gate::new();
    let (fails, made) = (Arc::new(AtomicBool::new(false)), AtomicU64::new(0));
    let make = || {
        made.fetch_add(1, Ordering::Relaxed);
        let fails = Arc::clone(&fails);
        Ok(seen_again(
            graph! {
                numbers: from_iter(0_u64..),
                trap: for_each(move |_: u64| assert!(!fails.load(Ordering::Relaxed), "as asked")),
                numbers.out => trap.input,
            },
            ["trap"],
        ))
    };
    let attend =
        async |run: Running<_, _>| -> Result<Summary, Box<dyn std::error::Error + Send + Sync>> {
            if made.load(Ordering::Relaxed) > 1 {
                return Err("it has begun again".into());
            }
            let given = async {
                while gate.entered.load(Ordering::SeqCst) == 0 {
                    tokio::task::yield_now().await;
                }
            };
            select(pin!(run.checkpoint(&gate, limit)), pin!(given)).await;
            fails.store(true, Ordering::Relaxed);
            Ok(run.drain().await?)
        };
    let restart = RestartSpec::default();
    let ran = restart_from_checkpoint(&gate, &restart, make, attend);
    let time = async {
        while !fails.load(Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
        for _ in 0..answers {
            yield_often().await;
            advance(Duration::from_secs(1)).await;
        }
        fails.store(false, Ordering::Relaxed);
        let _ = open.send(());
        pending::<()>().await;
    };
    let error = match select(pin!(ran), pin!(time)).await {
        Either::Left((ran, _)) => ran.unwrap_err().to_string(),
        Either::Right(_) => "it still waits".to_owned(),
    };
    let _ = open.send(());
    (made.into_inner(), error)
}

/// A run that fails while a storage hangs is not begun again: what it would go on from may still come.
#[tokio::test(start_paused = true)]
async fn nothing_begins_again_while_it_hangs() {
    let (made, error) = fails_meanwhile(LIMIT, 100).await;
    assert!(error.contains("a checkpoint of the graph is still on its way"), "{error}");
    assert_eq!(made, 1);
}

/// One that is only slow is waited for as long as was said.
#[tokio::test(start_paused = true)]
async fn it_begins_again_behind_a_slow_one() {
    let (made, error) = fails_meanwhile(Duration::from_secs(600), 120).await;
    assert_eq!((made, &*error), (2, "it has begun again"));
}
