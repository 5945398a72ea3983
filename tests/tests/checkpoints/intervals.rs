//! Checkpoints that a run takes by itself, on a clock that the test owns.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use futures_util::FutureExt;
use streamweave::checkpoint::{Checkpoint, CheckpointError, CheckpointStorage};
use streamweave::graph::{RunError, Snapshot};
use streamweave::nodes::{from_iter, map, merge, scan};
use streamweave::prelude::*;
use tokio::time::{Instant, sleep, sleep_until};

use crate::Tested;

const PERIOD: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_secs(5);

/// Keeps how large the snapshots were, and refuses those whose turn it is.
#[derive(Clone, Default)]
struct Memory {
    kept: Arc<Mutex<Vec<Result<u64, ()>>>>,
    refuse: Vec<usize>,
}

impl Memory {
    fn kept(&self) -> Vec<Result<u64, ()>> {
        self.kept.lock().unwrap().clone()
    }
}

impl CheckpointStorage for Memory {
    fn publish(&self, snapshot: &Snapshot) -> Result<u64, CheckpointError> {
        let mut kept = self.kept.lock().unwrap();
        let id = kept.len() as u64 + 1;
        if self.refuse.contains(&kept.len()) {
            kept.push(Err(()));
            let error = std::io::ErrorKind::StorageFull.into();
            return Err(CheckpointError::Io { action: "write", path: "here".into(), error });
        }
        kept.push(Ok(snapshot.bytes()));
        Ok(id)
    }
    fn will_commit(&self, _: u64) -> Result<(), CheckpointError> {
        Ok(())
    }
    fn latest(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        Ok(None)
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

#[tokio::test(start_paused = true)]
async fn one_in_each_period_until_the_run_ends() -> Tested {
    let storage = Memory::default();
    let mut run = sums!().start()?;
    let checkpoints = run.checkpoint_every(storage.clone(), PERIOD, LIMIT)?;
    run.inputs.numbers.send(7).await?;
    assert_eq!(run.outputs.sums.recv().await, Some(7));
    sleep(Duration::from_secs(9)).await;
    assert_eq!(checkpoints.report().complete, 0);
    sleep(Duration::from_secs(86)).await;
    let report = checkpoints.report();
    assert_eq!((report.complete, report.failed), (9, 0), "in 95 s");
    let last = report.last.unwrap();
    assert_eq!((last.id, Ok(last.bytes), last.took), (9, storage.kept()[8], Duration::ZERO));
    assert!(last.bytes > 0);
    let summary = run.drain().await?;
    assert_eq!(summary.state.bytes(), last.bytes);
    // The clock goes on, and nothing is taken any more.
    let at = Instant::now();
    assert_eq!(checkpoints.clone().ended().await.complete, 9);
    assert_eq!(at.elapsed(), Duration::ZERO);
    sleep(PERIOD * 5).await;
    assert_eq!(storage.kept().len(), 9);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_refuses_does_not_stop_the_run() -> Tested {
    let storage = Memory { refuse: vec![0, 1, 3], ..Memory::default() };
    let mut run = sums!().start()?;
    let mut checkpoints = run.checkpoint_every(storage.clone(), PERIOD, LIMIT)?;
    for (n, told) in
        [(1, (0, 1, None)), (2, (0, 2, None)), (3, (1, 2, Some(3))), (4, (1, 3, Some(3)))]
    {
        run.inputs.numbers.send(1).await?;
        assert_eq!(run.outputs.sums.recv().await, Some(n));
        let report = checkpoints.changed().await.unwrap();
        assert_eq!((report.complete, report.failed, report.last.map(|last| last.id)), told);
        let error = report.last_error.unwrap().to_string();
        assert!(error.starts_with("cannot write `here`"), "{error}");
    }
    run.drain().await?;
    assert!(checkpoints.changed().await.is_none());
    assert_eq!(
        storage.kept().iter().map(Result::is_ok).collect::<Vec<_>>(),
        [false, false, true, false]
    );
    Ok(())
}

/// Does not serialize: no barrier overtakes it.
struct Plain(u64);

/// A cut that does not get through in time is given up; the next one begins a period after that,
/// and gets through once somebody reads.
#[tokio::test(start_paused = true)]
async fn the_period_is_counted_from_the_end_of_the_last() -> Tested {
    let graph = graph! {
        same: map(|n: Plain| n.0),
        #[buffer(1)] graph.numbers => same.input,
        #[buffer(1)] same.out => graph.unread,
    };
    let (inputs, mut outputs, run) = graph.start()?.split();
    let begun = Instant::now();
    let checkpoints = run.checkpoint_every(Memory::default(), PERIOD, LIMIT)?;
    let sending = tokio::spawn(async move {
        for n in 0..50_000 {
            inputs.numbers.send(Plain(n)).await.unwrap();
        }
        inputs
    });
    for (end, failed) in [(14, 0), (16, 1), (29, 1), (31, 2), (44, 2), (46, 3)] {
        sleep_until(begun + Duration::from_secs(end)).await;
        let report = checkpoints.report();
        assert_eq!((report.complete, report.failed), (0, failed), "after {end} s");
    }
    let error = checkpoints.report().last_error.unwrap();
    assert!(matches!(*error, CheckpointError::Run(RunError::TimedOut { limit: LIMIT, .. })));
    let reading = tokio::spawn(async move { while outputs.unread.recv().await.is_some() {} });
    let mut told = checkpoints.clone();
    assert_eq!(told.changed().await.unwrap().failed, 3);
    let report = told.changed().await.unwrap();
    assert_eq!((report.complete, report.failed), (1, 3));
    run.abort();
    sending.await?;
    reading.await?;
    assert!(told.changed().await.is_none());
    Ok(())
}

/// Never comes back.
#[node(async)]
struct Hangs {
    #[input]
    numbers: u64,
    #[output]
    out: u64,
}

impl HangsHandlers for Hangs {
    async fn on_numbers(&self, _: u64, _: &mut impl HangsOut) -> NodeResult {
        std::future::pending().await
    }
}

/// The stage that holds the barrier up is told, not one that waits for it to let go.
#[tokio::test(start_paused = true)]
async fn who_holds_a_barrier_up_is_told() -> Tested {
    let graph = graph! {
        before: map(|n: u64| n), hangs: Hangs {}, behind: map(|n: u64| n),
        graph.numbers => before.input,
        #[boundary]
        before.out => hangs.numbers,
        #[boundary]
        hangs.out => behind.input,
        behind.out => graph.out,
    };
    let run = graph.start()?;
    run.inputs.numbers.send(1).await?;
    tokio::time::sleep(LIMIT).await;
    let error = run.cut(LIMIT).await.unwrap_err();
    assert!(matches!(&error, RunError::TimedOut { stage, .. } if &**stage == "hangs"), "{error}");
    run.abort();
    Ok(())
}

/// Of a run that failed no barrier comes back: nobody waits for it, nor is it told as another failure.
#[tokio::test(start_paused = true)]
async fn a_run_that_fails_ends_what_waits_for_a_cut() -> Tested {
    let graph = graph! {
        numbers: from_iter(0_u64..),
        odd: map(|n: u64| { assert!(n % 2 == 1, "even"); n }),
        numbers.out => graph.unread,
        graph.odd => odd.input,
        odd.out => graph.odd,
    };
    let run = graph.start()?;
    let checkpoints = run.checkpoint_every(Memory::default(), PERIOD, PERIOD * 100)?;
    sleep(PERIOD * 2).await;
    let at = Instant::now();
    let (cut, sent) = tokio::join!(run.cut(PERIOD * 1000), run.inputs.odd.send(2));
    sent?;
    let error = cut.unwrap_err();
    assert!(matches!(error, RunError::Failed { .. }), "{error}");
    let report = checkpoints.ended().await;
    assert_eq!((report.complete, report.failed), (0, 0));
    assert_eq!(at.elapsed(), Duration::ZERO);
    Ok(())
}

/// Lets a snapshot in when it is told to.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) entered: Arc<AtomicU64>,
    open: Arc<Mutex<mpsc::Receiver<()>>>,
}

impl Gate {
    pub(crate) fn new() -> (mpsc::Sender<()>, Self) {
        let (open, opened) = mpsc::channel();
        (open, Gate { entered: Arc::default(), open: Arc::new(Mutex::new(opened)) })
    }
}

impl CheckpointStorage for Gate {
    fn publish(&self, _: &Snapshot) -> Result<u64, CheckpointError> {
        let id = self.entered.fetch_add(1, Ordering::SeqCst) + 1;
        self.open.lock().unwrap().recv().unwrap();
        Ok(id)
    }
    fn will_commit(&self, _: u64) -> Result<(), CheckpointError> {
        Ok(())
    }
    fn latest(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        Ok(None)
    }
}

/// A later cut never gets an earlier id: it waits, even if nobody waits for the one before any more.
#[tokio::test]
async fn one_is_kept_before_the_next_is_begun() -> Tested {
    let run = sums!().start()?;
    let (open, gate) = Gate::new();
    let entered = Arc::clone(&gate.entered);
    {
        let mut first = pin!(run.checkpoint(&gate, LIMIT));
        while entered.load(Ordering::SeqCst) == 0 {
            assert!(first.as_mut().now_or_never().is_none());
            tokio::task::yield_now().await;
        }
    }
    let mut second = pin!(run.checkpoint(&gate, LIMIT));
    for _ in 0..10_000 {
        assert!(second.as_mut().now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    assert_eq!(entered.load(Ordering::SeqCst), 1);
    open.send(())?;
    open.send(())?;
    assert_eq!(second.await?, 2);
    Ok(())
}

/// A number of a type that does not serialize.
#[derive(Clone, Copy)]
struct Bare(u64);

#[tokio::test]
async fn a_graph_that_lets_no_barrier_through_is_refused_at_once() -> Tested {
    let graph = graph! {
        #[rounds(limit = 3)] loop again { enter: merge(), next: map(|Bare(n)| Bare(n + 1)) },
        graph.numbers => enter.left,
        enter.out => next.input,
        next.out => feedback enter.right,
    };
    let run = graph.start()?;
    let refused = run.checkpoint_every(Memory::default(), PERIOD, LIMIT).unwrap_err();
    assert!(matches!(refused, RunError::NoCheckpoint { .. }), "{refused}");
    Ok(())
}
