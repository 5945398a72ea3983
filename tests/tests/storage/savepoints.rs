//! Savepoints: they have a name and stay, and a run can stop at one as if it had never been stopped.

use std::fs;
use std::path::Path;
use std::time::Duration;

use streamweave::LogicalTime;
use streamweave::checkpoint::{
    Checkpoint, CheckpointError, CheckpointStorage, FileCheckpointStorage, Inspection,
};
use streamweave::graph::{RunError, Snapshot};
use streamweave::io::PartFiles;
use streamweave::nodes::window::{Tumbling, WindowResult, count};
use streamweave::nodes::{event_time_by, fold, from_iter, map, scan, window};
use streamweave::prelude::*;

use crate::{Tested, last, restored};

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn they_stay_until_they_are_removed() -> Tested {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open_with(folder.path(), 2)?;
    let mut run = last!().inline()?;
    for key in 0..100 {
        run.inputs.numbers.try_send((key, 1))?;
    }
    run.checkpoint(&storage)?;
    run.inputs.numbers.try_send((1, 7))?;
    // What holds changes only is put together.
    let whole = run.cut()?;
    let named = Named(&storage, "v1.2_before-2");
    assert_eq!(run.checkpoint(&named)?, 2);
    assert_eq!(Inspection::open(folder.path().join("checkpoint-2"))?.on, [1]);
    let inspected = Inspection::open(folder.path().join("savepoint-v1.2_before-2"))?;
    assert_eq!((inspected.id, inspected.on.len()), (2, 0));
    // The next one lies on the checkpoint, as after any other.
    run.inputs.numbers.try_send((1, 8))?;
    assert_eq!(run.checkpoint(&storage)?, 3);
    assert_eq!(storage.inspect(3)?.on, [1, 2]);
    for n in 0..6 {
        run.inputs.numbers.try_send((2, n))?;
        last!().inline()?.checkpoint(&storage)?;
    }
    assert_eq!(storage.ids()?, [8, 9]);
    drop(storage);
    let storage = FileCheckpointStorage::open(folder.path())?;
    assert_eq!(storage.savepoints()?, ["v1.2_before-2"]);
    let read = storage.read_savepoint("v1.2_before-2")?;
    assert_eq!((read.id(), read.parent(), restored(&read)?), (2, Some(1), whole));
    // Damage is told with the file.
    let file = folder.path().join("savepoint-v1.2_before-2").join("states");
    let sound = fs::read(&file)?;
    fs::write(&file, &sound[1..])?;
    let error = storage.read_savepoint("v1.2_before-2").unwrap_err();
    assert!(
        matches!(&error, CheckpointError::DamagedSavepoint { file: named, .. } if *named == file)
    );
    fs::write(&file, sound)?;
    // There is one of a name, and it is not touched by who tries another.
    let named = Named(&storage, "v1.2_before-2");
    let error = last!().inline()?.checkpoint(&named).unwrap_err();
    assert!(matches!(error, CheckpointError::SavepointExists { .. }), "{error}");
    assert_eq!(storage.read_savepoint("v1.2_before-2")?, read);
    storage.remove_savepoint("v1.2_before-2")?;
    assert!(storage.savepoints()?.is_empty());
    let error = storage.remove_savepoint("v1.2_before-2").unwrap_err();
    assert!(matches!(error, CheckpointError::None { .. }), "{error}");
    assert!(matches!(storage.read_savepoint("v9"), Err(CheckpointError::None { .. })));
    Ok(())
}

/// Publishes as a savepoint.
struct Named<'a>(&'a FileCheckpointStorage, &'static str);

impl CheckpointStorage for Named<'_> {
    fn publish(&self, snapshot: &Snapshot) -> Result<u64, CheckpointError> {
        self.0.savepoint(self.1, snapshot)
    }
    fn takes_changes_since(&self) -> Option<streamweave::graph::CutId> {
        self.0.takes_changes_since()
    }
    fn will_commit(&self, id: u64) -> Result<(), CheckpointError> {
        self.0.will_commit(id)
    }
    fn latest(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        self.0.latest()
    }
}

/// With draining, what is open is due and committed, and is in the savepoint as done. A name that is taken ends the
/// run with nothing committed.
#[tokio::test(start_paused = true)]
async fn a_run_is_drained_at_a_savepoint() -> Tested {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path().join("kept"))?;
    let shown = |by: &str| -> Result<Vec<String>, Box<dyn std::error::Error>> {
        let mut lines = Vec::new();
        for part in fs::read_dir(folder.path().join(by))? {
            let path = part?.path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("part-")) {
                lines.extend(fs::read_to_string(path)?.lines().map(str::to_owned));
            }
        }
        lines.sort();
        Ok(lines)
    };
    let make = |by: &str| {
        graph! {
            times: event_time_by(|at: &i64| LogicalTime(*at)),
            keys: map(|at: i64| ((), at)),
            counts: window(Tumbling::seconds(1), count()),
            text: map(|result: WindowResult<(), u64>| {
                format!("{} {}", result.window.start.0, result.value)
            }),
            shown: PartFiles::new(folder.path().join(by)),
            graph.times => times.input,
            times.out => keys.input,
            keys.out => counts.input,
            counts.out => text.input,
            text.out => shown.records,
        }
    };
    let run = make("one").start()?;
    for at in [100, 200, 1_300] {
        run.inputs.times.send(at).await?;
    }
    run.checkpoint(&storage, LIMIT).await?;
    run.drain_at_savepoint(&storage, "end").await?;
    assert_eq!(shown("one")?, ["0 2", "1000 1"]);
    assert_eq!(storage.savepoints()?, ["end"]);
    // Nothing of it is open any more.
    let mut graph = make("one");
    graph.restore(storage.read_savepoint("end")?.snapshot())?;
    graph.start()?.drain().await?;
    assert_eq!(shown("one")?.len(), 2);

    let run = make("two").start()?;
    run.inputs.times.send(100).await?;
    let error = run.drain_at_savepoint(&storage, "end").await.unwrap_err();
    assert!(matches!(error, CheckpointError::SavepointExists { .. }), "{error}");
    assert_eq!(shown("two")?, [""; 0]);
    Ok(())
}

#[test]
fn names_that_are_none() -> Tested {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    let long = "x".repeat(101);
    for name in ["", "a/b", "..", "a b", "ä", "end.", "a\\b", "a\0", &*long] {
        for error in [
            storage.savepoint(name, &Snapshot::default()).unwrap_err(),
            storage.read_savepoint(name).unwrap_err(),
            storage.remove_savepoint(name).unwrap_err(),
        ] {
            assert!(matches!(error, CheckpointError::SavepointName { .. }), "{error}");
            assert!(error.to_string().contains("letters"), "{error}");
        }
    }
    assert!(storage.ids()?.is_empty() && storage.savepoints()?.is_empty());
    storage.savepoint(&long[1..], &Snapshot::default())?;
    Ok(())
}

const RECORDS: u64 = 300_000;

macro_rules! job {
    ($parts:expr) => {
        graph! {
            numbers: from_iter(0..RECORDS),
            sums: scan(0_u64, |sum: &mut u64, n: u64| { *sum += n; *sum }),
            parts: PartFiles::<u64>::new($parts),
            all: fold(0_u64, |sum: &mut u64, n: u64| *sum += n),
            timed: event_time_by(|n: &u64| LogicalTime(*n as i64)),
            keyed: map(|n: u64| ((), n)),
            windows: window(Tumbling::of(Duration::from_secs(1)), count()),
            numbers.out => [sums.input, parts.records, all.input, timed.input],
            timed.out => keyed.input,
            keyed.out => windows.input,
            #[buffer(100)] sums.out => graph.sums,
            all.out => graph.all,
            windows.out => graph.windows,
        }
    };
}

/// The lines of the parts that can be seen.
fn lines(folder: &Path) -> Vec<u64> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut parts: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    parts.sort();
    let seen =
        parts.iter().filter(|part| !part.file_name().unwrap().to_str().unwrap().starts_with('.'));
    seen.flat_map(|part| {
        let text = fs::read_to_string(part).unwrap();
        text.lines().map(|line| line.parse().unwrap()).collect::<Vec<_>>()
    })
    .collect()
}

/// Stopped again and again: what has left the graph is what an undisturbed run gives, each record once,
/// by the outputs too; and no window, and nothing else that waits for the end, fires early.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_stops_at_a_savepoint_and_goes_on() -> Tested {
    let folder = tempfile::tempdir()?;
    let (parts, checkpoints) = (folder.path().join("parts"), folder.path().join("checkpoints"));
    let (mut sums, mut alls, mut windows) = (Vec::new(), Vec::new(), Vec::new());
    for stop in 0..4 {
        let storage = FileCheckpointStorage::open(&checkpoints)?;
        let mut graph = job!(&parts);
        if stop > 0 {
            let name = format!("stop-{}", stop - 1);
            graph.restore(storage.read_savepoint(&name)?.snapshot())?;
        }
        let (_, mut outputs, run) = graph.start()?.split();
        let (tell, mut told) = tokio::sync::mpsc::channel(1);
        let reading = tokio::spawn(async move {
            let mut sums = Vec::new();
            while let Some(sum) = outputs.sums.recv().await {
                sums.push(sum);
                if sums.len() == 20_000 {
                    tell.send(()).await.unwrap();
                }
            }
            (sums, outputs.all, outputs.windows)
        });
        let others = told.recv().await;
        assert!(others.is_some());
        if stop < 3 {
            let name = format!("stop-{stop}");
            run.stop_at_savepoint(&storage, &name, LIMIT).await?;
            assert!(run.has_ended());
        } else {
            run.drain().await?;
        }
        let (seen, mut all, mut counts) = reading.await?;
        sums.extend(seen);
        while let Some(sum) = all.recv().await {
            alls.push(sum);
        }
        while let Some(count) = counts.recv().await {
            windows.push(count.value);
        }
        // What it covers is committed, and nothing else.
        assert_eq!(lines(&parts).len(), sums.len());
        assert_eq!(alls.len(), usize::from(stop == 3));
    }
    let expected: Vec<u64> = (0..RECORDS).collect();
    assert_eq!(lines(&parts), expected);
    let sum = |n: u64| n * (n + 1) / 2;
    assert_eq!(sums, expected.iter().map(|n| sum(*n)).collect::<Vec<_>>());
    assert_eq!(alls, [sum(RECORDS - 1)]);
    assert_eq!(windows, vec![1000; 300]);
    Ok(())
}

/// One that fails does not keep the run, nor does one that nobody waits for any more.
#[tokio::test]
async fn a_run_that_could_not_stop_goes_on() -> Tested {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    let mut run = graph! {
        sums: scan(0_u64, |sum: &mut u64, n: u64| { *sum += n; *sum }),
        graph.numbers => sums.input,
        sums.out => graph.sums,
    }
    .start()?;
    assert_eq!(run.savepoint(&storage, "one", LIMIT).await?, 1);
    let error = run.stop_at_savepoint(&storage, "one", LIMIT).await.unwrap_err();
    assert!(matches!(error, CheckpointError::SavepointExists { .. }), "{error}");
    for n in 1..=3 {
        run.inputs.numbers.send(1).await?;
        assert_eq!(run.outputs.sums.recv().await, Some(n));
        let given_up = run.stop_at_savepoint(&storage, "two", LIMIT);
        assert!(futures_util::FutureExt::now_or_never(given_up).is_none());
    }
    run.inputs.numbers.send(1).await?;
    assert_eq!(run.outputs.sums.recv().await, Some(4));
    run.stop_at_savepoint(&storage, "three", LIMIT).await?;
    assert_eq!(run.outputs.sums.recv().await, None);
    let aborted = run.drain().await.unwrap_err();
    assert!(matches!(aborted, RunError::Aborted { .. }), "{aborted}");
    let said = aborted.to_string();
    assert!(said.contains("Restore") && said.contains("savepoint"), "{said}");
    Ok(())
}

/// Never comes back from a commit.
#[node(async, sink, commits)]
struct Late {
    #[input]
    numbers: u64,
}

impl LateHandlers for Late {
    async fn on_numbers(&self, _: u64, _: &mut impl LateOut) -> NodeResult {
        Ok(())
    }
    async fn on_complete(&self, _: u64, _: &mut impl LateOut) -> NodeResult {
        std::future::pending().await
    }
}

/// Where not all is committed in time, who has not done it is named.
#[tokio::test(start_paused = true)]
async fn what_does_not_commit_is_told() -> Tested {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    let run = graph! {
        sums: scan(0_u64, |sum: &mut u64, n: u64| { *sum += n; *sum }),
        late: Late {},
        graph.numbers => sums.input,
        sums.out => late.numbers,
    }
    .start()?;
    run.inputs.numbers.send(1).await?;
    let error = run.stop_at_savepoint(&storage, "end", LIMIT).await.unwrap_err();
    let CheckpointError::Run(RunError::TimedOut { stage, .. }) = &error else { panic!("{error}") };
    assert_eq!(&**stage, "late", "{error}");
    Ok(())
}
