//! Checkpoints in an object store: as in a folder, through calls that fail, and fenced off.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result,
};
use streamweave::checkpoint::{
    Checkpoint, CheckpointError, CheckpointStorage, FileCheckpointStorage, ObjectCheckpointStorage,
    restart_from_checkpoint,
};
use streamweave::graph::{CutId, Snapshot};
use streamweave::nodes::{map, retained, scan};
use streamweave::prelude::*;
use streamweave::supervision::RestartSpec;
use streamweave_tests::seen_again;

use crate::{Tested, last, restored};

const FIRST: u64 = 1_000_000_000;

fn open(
    store: &Arc<impl ObjectStore>,
    retained: usize,
) -> std::result::Result<ObjectCheckpointStorage, CheckpointError> {
    ObjectCheckpointStorage::open_with(Arc::clone(store) as _, "jobs/one", retained)
}

/// The same into a folder and an object store.
struct Both(FileCheckpointStorage, ObjectCheckpointStorage);

impl CheckpointStorage for Both {
    fn publish(&self, snapshot: &Snapshot) -> std::result::Result<u64, CheckpointError> {
        let id = self.0.publish(snapshot)?;
        assert_eq!(self.1.publish(snapshot)?, FIRST + id);
        Ok(id)
    }
    fn takes_changes_since(&self) -> Option<CutId> {
        let since = self.0.takes_changes_since();
        assert_eq!(since, self.1.takes_changes_since());
        since
    }
    fn will_commit(&self, id: u64) -> std::result::Result<(), CheckpointError> {
        self.0.will_commit(id)?;
        self.1.will_commit(FIRST + id)
    }
    fn latest(&self) -> std::result::Result<Option<Checkpoint>, CheckpointError> {
        self.0.latest()
    }
}

fn as_in_a_folder(store: &Arc<impl ObjectStore>) -> Tested {
    let folder = tempfile::tempdir()?;
    let files = FileCheckpointStorage::open_with(folder.path(), 3)?;
    let both = Both(files, open(store, 3)?);
    assert!(both.1.latest()?.is_none());
    let mut expected = Vec::new();
    for round in 0..4 {
        let mut run = last!().inline()?;
        for n in 0..40 + round {
            run.inputs.numbers.try_send((n, 1))?;
        }
        for n in 0..5 {
            run.inputs.numbers.try_send((n, round))?;
            run.checkpoint(&both)?;
            let ids = both.0.ids()?;
            let others = both.1.ids()?;
            assert_eq!(others.iter().map(|id| id - FIRST).collect::<Vec<_>>(), ids);
            expected = others;
            for id in ids {
                let (one, other) = (both.0.read(id)?, both.1.read(FIRST + id)?);
                assert_eq!(one.snapshot(), other.snapshot());
                let on = both.1.inspect(FIRST + id)?.on;
                assert_eq!(
                    on.iter().map(|id| id - FIRST).collect::<Vec<_>>(),
                    both.0.inspect(id)?.on
                );
            }
        }
    }
    both.1.savepoint("one", both.1.latest()?.unwrap().snapshot())?;
    assert_eq!(both.1.savepoints()?, ["one"]);
    // Another opening finds all, and goes on with ids of its own.
    let last = both.1.latest()?;
    let storage = open(store, 3)?;
    assert_eq!(storage.latest()?, last);
    assert!(storage.ids()?.ends_with(&expected[expected.len() - 3..]) || storage.ids()?.len() > 3);
    assert_eq!(last!().inline()?.checkpoint(&storage)?, 2 * FIRST + 1);
    assert_eq!(storage.read_savepoint("one")?.snapshot(), last.unwrap().snapshot());
    assert!(storage.inspect(2 * FIRST + 1)?.taken.is_some());
    storage.remove_savepoint("one")?;
    assert!(storage.savepoints()?.is_empty());
    Ok(())
}

#[test]
fn in_memory_as_in_a_folder() -> Tested {
    as_in_a_folder(&Arc::new(InMemory::new()))
}

#[test]
fn on_disk_as_in_a_folder() -> Tested {
    let folder = tempfile::tempdir()?;
    as_in_a_folder(&Arc::new(LocalFileSystem::new_with_prefix(folder.path())?))
}

/// What lies deeper is another's.
#[test]
fn one_job_below_another() -> Tested {
    let store = Arc::new(InMemory::new());
    let inner = open(&store, 3)?;
    last!().inline()?.checkpoint(&inner)?;
    let outer = ObjectCheckpointStorage::open(Arc::clone(&store) as _, "jobs")?;
    assert!(outer.ids()?.is_empty());
    last!().inline()?.checkpoint(&outer)?;
    assert_eq!(inner.ids()?.len(), 1);
    last!().inline()?.checkpoint(&inner)?;
    Ok(())
}

#[test]
fn damage_is_noticed() -> Tested {
    let store = Arc::new(InMemory::new());
    let storage = open(&store, 3)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    for _ in 0..2 {
        last!().inline()?.checkpoint(&storage)?;
    }
    let path = Path::from(format!("jobs/one/checkpoint-{}/manifest", FIRST + 2));
    runtime.block_on(store.put(&path, PutPayload::from_static(b"damaged")))?;
    let error = storage.latest().unwrap_err();
    assert!(matches!(&error, CheckpointError::Damaged { file, .. } if file.ends_with("manifest")));
    assert_eq!(storage.latest_intact()?.unwrap().id(), FIRST + 1);
    Ok(())
}

/// From a run, on one thread and on several: whoever waits does not wait for itself.
#[tokio::test]
async fn within_one_thread() -> Tested {
    from_a_run().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn within_a_runtime() -> Tested {
    from_a_run().await
}

async fn from_a_run() -> Tested {
    let store = Arc::new(InMemory::new());
    let (storage, limit) = (open(&store, 3)?, Duration::from_secs(60));
    let sums = || {
        graph! {
            sums: scan(0_u64, |sum: &mut u64, n: u64| { *sum += n; *sum }),
            graph.numbers => sums.input,
            sums.out => graph.sums,
        }
    };
    let mut run = sums().start()?;
    let mut taken = run.checkpoint_every(storage.clone(), Duration::from_millis(1), limit)?;
    run.inputs.numbers.send(7).await?;
    assert_eq!(run.outputs.sums.recv().await, Some(7));
    for _ in 0..3 {
        assert_eq!(taken.changed().await.unwrap().failed, 0);
    }
    run.stop_at_savepoint(&storage, "end", limit).await?;
    drop(storage);
    let mut graph = sums();
    graph.restore(open(&store, 3)?.read_savepoint("end")?.snapshot())?;
    let mut run = graph.start()?;
    run.inputs.numbers.send(1).await?;
    assert_eq!(run.outputs.sums.recv().await, Some(8));
    Ok(())
}

/// A store of which a call fails, before or after it is done, or is preceded by something else.
#[derive(Clone)]
struct Faulty {
    store: Arc<InMemory>,
    plan: Arc<Mutex<Option<(u64, Plan)>>>,
    /// The next object that is put if there is none is put twice.
    twice: Arc<AtomicBool>,
}

enum Plan {
    Before,
    After,
    Else(Box<dyn FnOnce() + Send>),
}

impl Faulty {
    fn new() -> Arc<Self> {
        Arc::new(Faulty { store: Arc::default(), plan: Arc::default(), twice: Arc::default() })
    }

    fn set(&self, calls: u64, plan: Plan) {
        *self.plan.lock().unwrap() = Some((calls, plan));
    }

    /// The calls that were left.
    fn heals(&self) -> Option<(u64, Plan)> {
        self.plan.lock().unwrap().take()
    }

    /// A call begins; whether it fails though it is done.
    fn call(&self) -> Result<bool> {
        let mut plan = self.plan.lock().unwrap();
        match plan.take() {
            Some((0, Plan::Before)) => Err(broken()),
            Some((0, Plan::After)) => Ok(true),
            Some((0, Plan::Else(does))) => {
                drop(plan);
                does();
                Ok(false)
            }
            other => {
                *plan = other.map(|(calls, plan)| (calls - 1, plan));
                Ok(false)
            }
        }
    }
}

fn broken() -> Error {
    Error::Generic { store: "faulty", source: "it is broken".into() }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, at: &Path, what: PutPayload, how: PutOptions) -> Result<PutResult> {
        let fails = self.call()?;
        if how.mode == PutMode::Create && self.twice.swap(false, Ordering::Relaxed) {
            self.store.put_opts(at, what.clone(), how.clone()).await?;
        }
        let put = self.store.put_opts(at, what, how).await?;
        if fails { Err(broken()) } else { Ok(put) }
    }
    async fn put_multipart_opts(
        &self,
        at: &Path,
        how: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.store.put_multipart_opts(at, how).await
    }
    async fn get_opts(&self, at: &Path, how: GetOptions) -> Result<GetResult> {
        if self.call()? { Err(broken()) } else { self.store.get_opts(at, how).await }
    }
    async fn get_ranges(&self, at: &Path, ranges: &[Range<u64>]) -> Result<Vec<bytes::Bytes>> {
        self.store.get_ranges(at, ranges).await
    }
    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        match self.call() {
            Err(error) => stream::once(async { Err(error) }).boxed(),
            Ok(false) => self.store.delete_stream(paths),
            Ok(true) => self.store.delete_stream(paths).map(|_| Err(broken())).boxed(),
        }
    }
    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.call() {
            Ok(false) => self.store.list(prefix),
            _ => stream::once(async { Err(broken()) }).boxed(),
        }
    }
    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.store.list_with_delimiter(prefix).await
    }
    async fn copy_opts(&self, from: &Path, to: &Path, how: CopyOptions) -> Result<()> {
        self.store.copy_opts(from, to, how).await
    }
}

/// Eight checkpoints, of which the fault comes behind so many calls; `false` where there were fewer.
fn eight(calls: u64, after: bool) -> std::result::Result<bool, Box<dyn std::error::Error>> {
    let store = Faulty::new();
    let storage = open(&store, 2)?;
    let plan = if after { Plan::After } else { Plan::Before };
    let (mut left, mut wholes, mut sure) = (Some((calls, plan)), BTreeMap::new(), 0);
    let mut run = last!().inline()?;
    for round in 0..8_u64 {
        for key in 0..if round % 4 == 0 { 12 } else { 3 } {
            run.inputs.numbers.try_send((key + round % 5, round % 3))?;
        }
        if let Some((calls, plan)) = left {
            store.set(calls, plan);
        }
        let published = run.checkpoint(&storage);
        left = store.heals();
        let id = FIRST + round + 1;
        wholes.insert(id, run.cut()?);
        match published {
            Ok(got) => {
                assert_eq!(got, id, "no other gets the id of one that failed");
                sure = id;
            }
            Err(error) => {
                let told = error.to_string();
                assert!(
                    told.contains("`jobs/one/") && told.contains("Where this happens"),
                    "{told}"
                );
            }
        }
        // One that was told as failed may be there.
        let last = storage.latest()?.map_or(0, |last| last.id());
        assert!(last == sure || last == id, "{last} {sure}");
        let ids = storage.ids()?;
        assert!(sure == 0 || ids.contains(&sure));
        for id in ids {
            assert_eq!(restored(&storage.read(id)?)?, wholes[&id], "{id}");
        }
    }
    let last = storage.latest()?;
    assert_eq!(open(&store, 2)?.latest()?, last);
    Ok(left.is_none())
}

#[test]
fn each_call_of_eight_publishes_fails_once() -> Tested {
    for after in [false, true] {
        let mut calls = 0;
        while eight(calls, after)? {
            calls += 1;
        }
        println!("{calls} calls");
        assert!(calls > 80, "{calls}");
    }
    Ok(())
}

/// A client that got no answer puts again what is there already: that is what was put.
#[test]
fn a_manifest_that_was_put_twice() -> Tested {
    let store = Faulty::new();
    let storage = open(&store, 2)?;
    for _ in 0..3 {
        store.twice.store(true, Ordering::Relaxed);
        let id = last!().inline()?.checkpoint(&storage)?;
        assert!(!store.twice.load(Ordering::Relaxed));
        assert_eq!(storage.latest()?.unwrap().id(), id);
    }
    Ok(())
}

/// States whose manifest never came go when the next to open has checkpoints of its own.
#[test]
fn what_was_begun_is_removed_in_time() -> Tested {
    let store = Faulty::new();
    let storage = open(&store, 2)?;
    last!().inline()?.checkpoint(&storage)?;
    // The claims, the states, the claims, then the manifest.
    store.set(3, Plan::Before);
    assert!(last!().inline()?.checkpoint(&storage).is_err());
    drop(storage);
    let storage = open(&store, 2)?;
    for _ in 0..4 {
        last!().inline()?.checkpoint(&storage)?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let left: Vec<_> = runtime.block_on(store.store.list(None).collect());
    // Of two checkpoints both parts, a claim and the log.
    assert_eq!((storage.ids()?.len(), left.len()), (2, 6), "{left:?}");
    Ok(())
}

/// Another takes over at each call: either it sees what is published, or that is not told as complete.
#[test]
pub(super) fn who_is_fenced_off_publishes_nothing() -> Tested {
    let mut fenced = 0;
    for calls in 0.. {
        let store = Faulty::new();
        let storage = open(&store, 2)?;
        let mut run = last!().inline()?;
        for _ in 0..3 {
            run.checkpoint(&storage)?;
        }
        let (tell, told) = std::sync::mpsc::channel();
        let bare = Arc::clone(&store.store);
        store.set(
            calls,
            Plan::Else(Box::new(move || {
                let other = open(&bare, 2).unwrap();
                let seen = other.latest().unwrap().unwrap();
                tell.send((other, seen)).unwrap();
            })),
        );
        // Without its commit, which would ask once more.
        let published = storage.publish(&run.cut()?);
        if store.heals().is_some() {
            assert!(calls > 8 && fenced > 2, "{calls} {fenced}");
            return Ok(());
        }
        let (other, seen) = told.recv()?;
        match published {
            Ok(id) => assert_eq!(seen.id(), id),
            Err(error) => {
                assert!(matches!(error, CheckpointError::Fenced { .. }), "{error}");
                fenced += 1;
            }
        }
        let error = run.checkpoint(&storage).unwrap_err();
        assert!(error.to_string().contains("taken over"), "{error}");
        // What it had begun with is still there, and what it publishes is the last.
        assert_eq!(other.read(seen.id())?, seen);
        let mut run = last!().inline()?;
        for _ in 0..3 {
            let id = run.checkpoint(&other)?;
            assert_eq!(other.latest()?.unwrap().id(), id);
        }
    }
    Ok(())
}

/// Another takes over at each call: either it knows that something was committed, or nothing is.
#[test]
fn who_is_fenced_off_commits_nothing() -> Tested {
    let mut fenced = 0;
    for calls in 0.. {
        let store = Faulty::new();
        let storage = open(&store, 2)?;
        let mut run = last!().inline()?;
        run.checkpoint(&storage)?;
        let last = storage.publish(&run.cut()?)?;
        let (tell, told) = std::sync::mpsc::channel();
        let bare = Arc::clone(&store.store);
        store.set(calls, Plan::Else(Box::new(move || tell.send(open(&bare, 2).unwrap()).unwrap())));
        let committed = storage.will_commit(last);
        if store.heals().is_some() {
            committed?;
            assert!(calls > 3 && (1..calls).contains(&fenced), "{calls} {fenced}");
            return Ok(());
        }
        let other = told.recv()?;
        let path = Path::from(format!("jobs/one/checkpoint-{last}/states"));
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        runtime.block_on(store.store.put(&path, PutPayload::from_static(b"damaged")))?;
        match committed {
            Ok(()) => {
                let error = other.latest().unwrap_err().to_string();
                assert!(error.contains(path.as_ref()), "{error}");
            }
            Err(error) => {
                assert!(matches!(error, CheckpointError::Fenced { .. }), "{error}");
                fenced += 1;
            }
        }
    }
    Ok(())
}

/// A run that was fenced off ends, and does not begin again with what another has published.
#[tokio::test]
pub(super) async fn who_is_fenced_off_ends() -> Tested {
    let store = Arc::new(InMemory::new());
    let (storage, limit) = (open(&store, 3)?, Duration::from_secs(60));
    let (sender, numbers) = retained(10);
    let (mut attempts, mut other) = (0, None);
    let make = || {
        attempts += 1;
        Ok(seen_again(
            graph! {
                numbers: numbers.source(),
                last: map(|n: u64| n),
                numbers.out => last.input,
                last.out => graph.last,
            },
            ["graph.last"],
        ))
    };
    let restart = RestartSpec { max: 3, ..RestartSpec::default() };
    let ended = restart_from_checkpoint(&storage, &restart, make, async |mut run| {
        let mut taken = run.checkpoint_every(storage.clone(), Duration::from_millis(1), limit)?;
        sender.try_send(7).map_err(|_| "no room")?;
        assert_eq!(run.outputs.last.recv().await, Some(7));
        assert_eq!(taken.changed().await.map(|report| report.failed), Some(0));
        let taken_over = open(&store, 3)?;
        last!().inline()?.checkpoint(&taken_over)?;
        other = Some(taken_over);
        while let Some(report) = taken.changed().await {
            assert!(report.failed <= 1, "it goes on");
        }
        assert_eq!(run.outputs.last.recv().await, None);
        Ok(run.drain().await?)
    });
    let error = ended.await.unwrap_err().to_string();
    let expected = "node `checkpoint_every` failed in a checkpoint: another run has taken over";
    assert!(error.contains(expected), "{error}");
    assert_eq!(attempts, 1);
    // It begins with nothing of the other, puts nothing beside it, and may look.
    let error = storage.latest().unwrap_err();
    assert!(matches!(error, CheckpointError::Fenced { .. }), "{error}");
    assert!(matches!(storage.latest_intact(), Err(CheckpointError::Fenced { .. })));
    assert_eq!(storage.ids()?, other.unwrap().ids()?);
    Ok(())
}

/// Who is fenced off uploads nothing.
#[test]
fn nothing_is_uploaded_in_vain() -> Tested {
    let store = Faulty::new();
    let storage = open(&store, 3)?;
    open(&store, 3)?;
    // The first call of a publish asks for the claims, the second would put the states.
    store.set(1, Plan::Before);
    let error = last!().inline()?.checkpoint(&storage).unwrap_err();
    assert!(matches!(error, CheckpointError::Fenced { .. }), "{error}");
    assert!(store.heals().is_some(), "there was another call");
    Ok(())
}

#[test]
fn who_only_reads_takes_nothing_over() -> Tested {
    let store = Arc::new(InMemory::new());
    let storage = open(&store, 3)?;
    let mut run = last!().inline()?;
    run.inputs.numbers.try_send((1, 2))?;
    storage.savepoint("one", &run.snapshot()?)?;
    let reader = ObjectCheckpointStorage::open_read_only(Arc::clone(&store) as _, "jobs/one")?;
    assert_eq!(reader.savepoints()?, ["one"]);
    assert_eq!(reader.latest()?, storage.latest()?);
    assert_eq!(reader.read_savepoint("one")?, storage.read_savepoint("one")?);
    let refused = [
        reader.publish(&run.snapshot()?).map(drop),
        reader.savepoint("two", &run.snapshot()?).map(drop),
        reader.remove_savepoint("one"),
    ];
    for refused in refused {
        let error = refused.unwrap_err();
        assert!(matches!(error, CheckpointError::ReadOnly { .. }), "{error}");
    }
    // The run goes on, and is seen.
    let id = run.checkpoint(&storage)?;
    assert_eq!(reader.latest()?.unwrap().id(), id);
    assert_eq!(reader.savepoints()?, ["one"]);
    Ok(())
}
