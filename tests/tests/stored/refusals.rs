//! What is refused, and what is told then; and what fails without harm.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use streamweave::checkpoint::{CheckpointError, CheckpointStorage, FileCheckpointStorage};
use streamweave::graph::{RunError, Snapshot, StartError};
use streamweave::state::{BackendError, FjallBackend, InMemoryBackend, StateError};

use super::backend::Surviving;
use super::*;

/// How often each number has come.
#[node(key = u64)]
pub(crate) struct Count {
    pub(crate) backend: Backend,
    pub(crate) retained: usize,
    #[input(key = |n| n)]
    numbers: u64,
    #[output]
    out: u64,
    #[state(init = Stored::on_shared(self.backend.clone()).cached(4).retain(self.retained))]
    pub(crate) counts: Stored<u64, u64>,
}

impl CountHandlers for Count {
    fn on_numbers(&self, state: &mut CountState, n: u64, out: &mut impl CountOut) -> NodeResult {
        let count = state.counts.entry_ref(&n)?;
        *count += 1;
        out.out(*count);
        Ok(())
    }
}

macro_rules! counting {
    ($backend:expr, $retained:expr) => {
        graph! {
            count: Count { backend: $backend, retained: $retained },
            graph.numbers => count.numbers,
            count.out => graph.counts,
        }
    };
}

pub(crate) fn disk(folder: &Path) -> Result<Backend, BackendError> {
    Ok(Arc::new(FjallBackend::open(folder)?))
}

/// Why a graph does not start.
pub(crate) fn refused<T>(started: Result<T, StartError>) -> (BackendError, String) {
    let Err(error) = started else { panic!("it has started") };
    let message = error.to_string();
    let StartError::State { error: StateError::Field { source, .. }, .. } = error else {
        panic!("{message}")
    };
    let StateError::Backend(error) = *source else { panic!("{message}") };
    (error, message)
}

/// Snapshots at so many checkpoints, behind a number more each time.
fn snapshots(
    backend: &Backend,
    count: u64,
    storage: &FileCheckpointStorage,
) -> Result<Vec<Snapshot>, Box<dyn std::error::Error>> {
    let mut run = counting!(backend.clone(), 2).inline()?;
    let mut taken = Vec::new();
    for n in 0..count {
        run.inputs.numbers.try_send(n)?;
        run.checkpoint(storage)?;
        taken.push(storage.latest()?.ok_or("there is one")?.snapshot().clone());
        run.step()?;
    }
    Ok(taken)
}

#[test]
fn another_folder_or_none() -> Tested {
    let folder = tempfile::tempdir()?;
    let [own, other] = ["own", "other"].map(|name| folder.path().join(name));
    let storage = FileCheckpointStorage::open(folder.path().join("checkpoints"))?;
    let taken = snapshots(&disk(&own)?, 2, &storage)?;
    let start = |folder: &Path| {
        let mut graph = counting!(disk(folder).unwrap(), 2);
        graph.restore(&taken[1]).unwrap();
        graph.inline()
    };
    let (error, message) = refused(start(&other));
    assert!(matches!(error, BackendError::Foreign { is_new: true, .. }), "{message}");
    for told in ["`count`", "`counts`", "other", "only been made now", "name the folder"] {
        assert!(message.contains(told), "{message}");
    }
    // It is there now, and still is another one.
    let (error, message) = refused(start(&other));
    assert!(matches!(error, BackendError::Foreign { is_new: false, .. }), "{message}");
    // Moved, it is the same.
    let moved = folder.path().join("moved");
    std::fs::rename(&own, &moved)?;
    start(&moved)?;
    // Checkpoints of a backend in memory are none of a folder.
    let mut run = counting!(Arc::new(InMemoryBackend::default()), 2).inline()?;
    run.inputs.numbers.try_send(1)?;
    let cut = run.cut()?;
    let mut graph = counting!(disk(&moved)?, 2);
    graph.restore(&cut)?;
    let (error, message) = refused(graph.inline());
    assert!(matches!(error, BackendError::Unreadable { .. }), "{message}");
    Ok(())
}

#[test]
fn a_graph_that_is_not_restored_is_told_of_the_state() -> Tested {
    let folder = tempfile::tempdir()?;
    let (state, checkpoints) = (folder.path().join("state"), folder.path().join("checkpoints"));
    let storage = FileCheckpointStorage::open(checkpoints)?;
    // What no checkpoint has is not there for the next run, and in nobody's way.
    for _ in 0..2 {
        let mut run = counting!(disk(&state)?, 2).inline()?;
        for n in [7, 1, 2, 3, 4, 5, 6] {
            run.inputs.numbers.try_send(n)?;
        }
        run.step()?;
        assert_eq!(run.outputs.counts.try_recv(), Some(1));
        run.cut()?;
    }
    let taken = snapshots(&disk(&state)?, 2, &storage)?;
    let (error, message) = refused(counting!(disk(&state)?, 2).inline());
    assert!(matches!(error, BackendError::NotRestored { .. }), "{message}");
    assert!(message.contains("restore the last checkpoint"), "{message}");
    let mut graph = counting!(disk(&state)?, 2);
    graph.restore(&taken[1])?;
    graph.inline()?;
    Ok(())
}

/// The last checkpoint of a job is none that its nodes are told of: begun without it, the job begins anew, and
/// the checkpoint can be restored as before. Then it is known.
#[tokio::test]
async fn what_nobody_has_told_of_is_kept() -> Tested {
    let folder = tempfile::tempdir()?;
    let (state, checkpoints) = (folder.path().join("state"), folder.path().join("checkpoints"));
    let storage = FileCheckpointStorage::open(checkpoints)?;
    let backend = disk(&state)?;
    let mut run = counting!(backend.clone(), 2).start()?;
    for n in [7, 1, 2, 3, 4, 5, 6, 7, 7] {
        run.inputs.numbers.send(n).await?;
        run.outputs.counts.recv().await;
    }
    run.drain_into(&storage).await?;
    let counts = |restored: Option<&Snapshot>| {
        let mut graph = counting!(backend.clone(), 2);
        restored.map_or(Ok(()), |snapshot| graph.restore(snapshot)).unwrap();
        let mut run = graph.inline().unwrap();
        for n in 1..20 {
            run.inputs.numbers.try_send(n).unwrap();
        }
        run.step().unwrap();
        let counts: Vec<_> = std::iter::from_fn(|| run.outputs.counts.try_recv()).collect();
        (counts, run.cut().unwrap())
    };
    let (begun, cut) = counts(None);
    assert_eq!(begun, [1; 19]);
    // What is put again is put behind both.
    assert_eq!(counts(None).0, [1; 19]);
    assert_eq!(counts(Some(&cut)).0, [2; 19]);
    let latest = storage.latest()?.ok_or("there is one")?;
    let mut expected = vec![1; 19];
    expected[..7].copy_from_slice(&[2, 2, 2, 2, 2, 2, 4]);
    assert_eq!(counts(Some(latest.snapshot())).0, expected);
    let (error, message) = refused(counting!(backend, 2).inline());
    assert!(matches!(error, BackendError::NotRestored { .. }), "{message}");
    Ok(())
}

/// Of a version that is not kept any more, or that another has taken the place of, the restore is refused.
#[test]
fn what_is_gone() -> Tested {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path().join("checkpoints"))?;
    let backend = disk(&folder.path().join("state"))?;
    let taken = snapshots(&backend, 5, &storage)?;
    let start = |number: usize| {
        let mut graph = counting!(backend.clone(), 2);
        graph.restore(&taken[number]).unwrap();
        graph.inline()
    };
    let (error, message) = refused(start(1));
    assert!(matches!(error, BackendError::Gone { version: 2, .. }), "{message}");
    assert!(message.contains("Stored::retain"), "{message}");
    start(4)?;
    // From here on the last one is another's.
    let mut run = start(3)?;
    run.inputs.numbers.try_send(100)?;
    run.cut()?;
    drop(run);
    let (error, message) = refused(start(4));
    assert!(matches!(error, BackendError::Gone { version: 5, .. }), "{message}");
    start(3)?;
    Ok(())
}

/// Of two states, the second is gone: then the first stays as it is, and the newest checkpoint can be restored.
#[test]
fn a_start_that_is_refused_changes_nothing() -> Tested {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path().join("checkpoints"))?;
    let backend = disk(&folder.path().join("state"))?;
    let graph = || {
        graph! {
            long: Count { backend: backend.clone(), retained: 9 },
            short: Count { backend: backend.clone(), retained: 1 },
            graph.numbers => long.numbers,
            graph.others => short.numbers,
            long.out => graph.counts,
            short.out => graph.other_counts,
        }
    };
    let mut taken = Vec::new();
    {
        let mut run = graph().inline()?;
        for _ in 0..3 {
            run.inputs.numbers.try_send(7)?;
            run.inputs.others.try_send(7)?;
            run.checkpoint(&storage)?;
            taken.push(storage.latest()?.ok_or("there is one")?.snapshot().clone());
            run.step()?;
        }
    }
    let mut older = graph();
    older.restore(&taken[0])?;
    let (error, message) = refused(older.inline());
    assert!(
        matches!(&error, BackendError::Gone { field, .. } if field == "short.counts"),
        "{message}"
    );
    let mut newest = graph();
    newest.restore(&taken[2])?;
    let mut run = newest.inline()?;
    run.inputs.numbers.try_send(7)?;
    run.inputs.others.try_send(7)?;
    run.step()?;
    assert_eq!(run.outputs.counts.try_recv(), Some(4));
    assert_eq!(run.outputs.other_counts.try_recv(), Some(4));
    Ok(())
}

#[test]
fn two_at_once() -> Tested {
    let folder = tempfile::tempdir()?;
    let backend = disk(folder.path())?;
    let error = FjallBackend::open(folder.path()).unwrap_err();
    assert!(matches!(error, BackendError::InUse { .. }), "{error}");
    // Nor does another process get in.
    let other = tempfile::tempdir()?;
    let _held = disk(&other.path().join("state"))?;
    let process = Command::new(env!("CARGO_BIN_EXE_hoarder"))
        .args([other.path().to_str().unwrap(), "10", "1"])
        .output()?;
    assert!(!process.status.success());
    assert!(String::from_utf8_lossy(&process.stderr).contains("is in use by another process"));
    // Nor two graphs.
    let first = counting!(backend.clone(), 2).inline()?;
    let (error, message) = refused(counting!(backend.clone(), 2).inline());
    assert!(matches!(error, BackendError::Taken { .. }), "{message}");
    drop(first);
    counting!(backend, 2).inline()?;
    Ok(())
}

#[tokio::test]
async fn savepoints() -> Tested {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path().join("checkpoints"))?;
    let limit = Duration::from_secs(30);
    let run = counting!(disk(&folder.path().join("state"))?, 2).start()?;
    let error = run.savepoint(&storage, "before", limit).await.unwrap_err();
    assert!(matches!(&error, CheckpointError::KeptElsewhere { field } if field == "count.counts"));
    assert!(error.to_string().contains("Take checkpoints"), "{error}");
    run.abort();
    // In memory it holds everything.
    let mut run = counting!(Arc::new(InMemoryBackend::default()), 2).start()?;
    run.inputs.numbers.send(5).await?;
    run.savepoint(&storage, "before", limit).await?;
    assert_eq!(run.outputs.counts.recv().await, Some(1));
    run.abort();
    let mut graph = counting!(Arc::new(InMemoryBackend::default()), 2);
    graph.restore(storage.read_savepoint("before")?.snapshot())?;
    let mut run = graph.start()?;
    run.inputs.numbers.send(5).await?;
    assert_eq!(run.outputs.counts.recv().await, Some(2));
    Ok(())
}

/// A disk that is full for a while: the unit fails, says why, and is tried again; nothing is lost.
#[test]
fn a_disk_that_is_full() -> Tested {
    let backend = Surviving::default();
    let mut run = graph! {
        #[on_failure(retry)]
        #[restart(max = 100_000, backoff = "1ms..1ms")]
        count: Count { backend: Arc::new(backend.clone()), retained: 2 },
        graph.numbers => count.numbers,
        count.out => graph.counts,
    }
    .inline()?;
    let mut failures = run.failures();
    let storage = super::histories::Memory::default();
    let mut model = BTreeMap::<u64, u64>::new();
    let mut got = Vec::new();
    let mut expected = Vec::new();
    for n in 0..600 {
        let key = mixed(3, n) % 40;
        if n % 7 == 0 {
            let mut kept = backend.lock();
            kept.fails_in.get_or_insert(0);
        }
        run.inputs.numbers.try_send(key)?;
        run.until_idle()?;
        got.extend(run.outputs.counts.try_recv());
        let count = model.entry(key).or_default();
        *count += 1;
        expected.push(*count);
        if n % 50 == 49 {
            // A checkpoint may fail, too, and the next one covers it.
            let _ = run.checkpoint(&storage);
        }
    }
    assert_eq!(got, expected);
    assert!(backend.lock().failures > 20, "{}", backend.lock().failures);
    let told = failures.try_recv().ok_or("a failure")?.failure.to_string();
    assert!(
        told.contains("no space left on device") && told.contains("Nothing that stood is lost"),
        "{told}"
    );
    // Where nothing is tried again the run stops.
    let backend = Surviving::default();
    let mut run = counting!(Arc::new(backend.clone()), 2).inline()?;
    backend.lock().fails_in = Some(0);
    for n in 0..8 {
        run.inputs.numbers.try_send(n)?;
    }
    let error = run.step().unwrap_err();
    let RunError::Failed { failure, .. } = &error else { return Err(error.into()) };
    assert_eq!((&*failure.node, failure.position), ("count", 4));
    Ok(())
}

/// A field of a name that another had, which has its state by it.
#[test]
fn a_new_field_by_a_former_name() -> Tested {
    #[node(key = u64)]
    struct Both {
        backend: Backend,
        #[input(key = |n| n)]
        numbers: u64,
        #[state(init = Stored::on_shared(self.backend.clone()))]
        counts: Stored<u64, u64>,
        #[state(init = Stored::on_shared(self.backend.clone()))]
        tally: Stored<u64, u64>,
    }
    impl BothHandlers for Both {
        fn on_numbers(&self, state: &mut BothState, n: u64, _: &mut impl BothOut) -> NodeResult {
            *state.tally.entry_ref(&n)? += 1;
            Ok(())
        }
    }
    #[node(key = u64)]
    struct Renamed {
        backend: Backend,
        #[input(key = |n| n)]
        numbers: u64,
        #[state(init = Stored::on_shared(self.backend.clone()), renamed_from = "counts")]
        tally: Stored<u64, u64>,
    }
    impl RenamedHandlers for Renamed {
        fn on_numbers(
            &self,
            state: &mut RenamedState,
            n: u64,
            _: &mut impl RenamedOut,
        ) -> NodeResult {
            *state.tally.entry_ref(&n)? += 1;
            Ok(())
        }
    }
    let folder = tempfile::tempdir()?;
    let backend = disk(folder.path())?;
    let cut = counting!(backend.clone(), 2).inline()?.cut()?;
    let mut graph = graph! {
        count: Renamed { backend: backend.clone() },
        graph.numbers => count.numbers,
    };
    graph.restore(&cut)?;
    let cut = graph.inline()?.cut()?;
    let mut graph = graph! {
        count: Both { backend },
        graph.numbers => count.numbers,
    };
    graph.restore(&cut)?;
    let (error, message) = refused(graph.inline());
    assert!(matches!(error, BackendError::TwoFields { .. }), "{message}");
    assert!(message.contains("give the field that is new another one"), "{message}");
    Ok(())
}

/// What can be read beside a run, and under another name of the field.
#[test]
fn queries_and_new_names() -> Tested {
    /// As [`Count`], with the field renamed.
    #[node(key = u64)]
    struct Counted {
        backend: Backend,
        #[input(key = |n| n)]
        numbers: u64,
        #[output]
        out: u64,
        #[state(init = Stored::on_shared(self.backend.clone()), renamed_from = "counts")]
        tally: Stored<u64, u64>,
    }
    impl CountedHandlers for Counted {
        fn on_numbers(
            &self,
            state: &mut CountedState,
            n: u64,
            out: &mut impl CountedOut,
        ) -> NodeResult {
            if let Some(count) = state.tally.get_mut(&n)? {
                *count += 1;
                out.out(*count);
            }
            Ok(())
        }
    }
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path().join("checkpoints"))?;
    let backend = disk(&folder.path().join("state"))?;
    {
        let mut run = counting!(backend.clone(), 2).inline()?;
        for n in 0..30 {
            run.inputs.numbers.try_send(n)?;
        }
        run.step()?;
        let read = |state: &CountState| {
            let count = |n: u64| state.counts.peek(&n).unwrap();
            ((0..31).map(count).collect::<Vec<_>>(), state.counts.in_memory())
        };
        let answer = run.query("count", read)?.of_each.remove(0);
        let expected: Vec<_> = (0..31).map(|n| (n < 30).then_some(1)).collect();
        assert_eq!(answer.0, expected);
        assert!(answer.1 <= 8);
        run.checkpoint(&storage)?;
    }
    for life in 2..5 {
        let mut graph = graph! {
            count: Counted { backend: backend.clone() },
            graph.numbers => count.numbers,
            count.out => graph.counts,
        };
        graph.restore(storage.latest()?.ok_or("there is one")?.snapshot())?;
        let mut run = graph.inline()?;
        for n in 20..40 {
            run.inputs.numbers.try_send(n)?;
        }
        run.checkpoint(&storage)?;
        let counts: Vec<_> = std::iter::from_fn(|| run.outputs.counts.try_recv()).collect();
        assert_eq!(counts, [life; 10]);
    }
    Ok(())
}
