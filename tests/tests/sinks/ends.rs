//! Runs that are told to end while they take checkpoints: what they commit is in one of them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use streamweave::checkpoint::{CheckpointStorage, FileCheckpointStorage};
use streamweave::graph::Graph;
use streamweave::io::{PartFiles, SqliteSink};
use streamweave::prelude::*;

use crate::Tested;
use crate::crashes::{Memory, Upto, parts};

const END: u64 = 60;
const LIMIT: Duration = Duration::from_secs(10);

fn numbers(folder: &Path) -> Graph<impl Sized + use<>, impl Sized + use<>> {
    graph! {
        numbers: Upto { end: END },
        parts: PartFiles::<u64>::new(folder),
        numbers.out => parts.records,
    }
}

/// Stopped in order again and again: each goes on where the one before has ended.
#[tokio::test(start_paused = true)]
pub(crate) async fn who_stops_can_be_gone_on_from() -> Tested {
    let folder = tempfile::tempdir()?;
    let storage = Arc::new(Memory::default());
    for (life, at) in [7, 13, 4, 20, 1000].into_iter().enumerate() {
        let mut graph = numbers(folder.path());
        if let Some(last) = storage.latest()? {
            graph.restore(last.snapshot())?;
        }
        let run = graph.start()?;
        tokio::time::sleep(Duration::from_millis(at / 2)).await;
        run.checkpoint(&storage, LIMIT).await?;
        tokio::time::sleep(Duration::from_millis(at / 2)).await;
        if life % 2 == 0 {
            assert!(run.stop(LIMIT).await?.complete);
        } else {
            let (_, _, run) = run.split();
            assert!(run.stop(LIMIT).await?.complete);
        }
        let seen = parts(folder.path())?;
        assert!(seen.iter().copied().eq(0..seen.len() as u64), "{life}: {seen:?}");
    }
    assert_eq!(parts(folder.path())?, (0..END).collect::<Vec<_>>());
    Ok(())
}

/// Who hears that a run has stopped can begin the next one at once: it has let go of the folder.
#[tokio::test]
async fn who_stops_at_a_savepoint_lets_go() -> Tested {
    let folder = tempfile::tempdir()?;
    let (parts_in, states) = (folder.path().join("parts"), folder.path().join("states"));
    let storage = FileCheckpointStorage::open(states)?;
    for name in ["one", "two", "three"] {
        let mut graph = numbers(&parts_in);
        if let Some(last) = storage.latest()? {
            graph.restore(last.snapshot())?;
        }
        graph.start()?.stop_at_savepoint(&storage, name, LIMIT).await?;
    }
    let mut graph = numbers(&parts_in);
    graph.restore(storage.read_savepoint("three")?.snapshot())?;
    graph.start()?.drain_into(&storage).await?;
    assert_eq!(parts(&parts_in)?, (0..END).collect::<Vec<_>>());
    Ok(())
}

/// A run whose sources have ended commits all with the next checkpoint, and has ended then: nobody has to drain it.
#[tokio::test(start_paused = true)]
async fn a_checkpoint_behind_the_end_is_the_last() -> Tested {
    let folder = tempfile::tempdir()?;
    let storage = Arc::new(Memory::default());
    let run = numbers(folder.path()).start()?;
    let mut taken = 0;
    while !run.has_ended() {
        run.checkpoint(&storage, LIMIT).await?;
        tokio::time::sleep(Duration::from_millis(1)).await;
        taken += 1;
        assert!(taken < 1_000, "it has not ended");
    }
    assert_eq!(parts(folder.path())?, (0..END).collect::<Vec<_>>());
    assert!(run.drain().await.is_ok());

    // The same, step by step.
    let folder = tempfile::tempdir()?;
    let mut run = numbers(folder.path()).inline()?.close_inputs()?;
    run.until_idle()?;
    run.checkpoint(&*storage)?;
    assert_eq!(parts(folder.path())?, (0..END).collect::<Vec<_>>());
    run.drain()?;
    Ok(())
}

/// Without a place for it nothing is committed, and that is told.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_kept_is_not_committed() -> Tested {
    let folder = tempfile::tempdir()?;
    let storage = Arc::new(Memory::default());
    let run = numbers(folder.path()).start()?;
    run.checkpoint(&storage, LIMIT).await?;
    let before = parts(folder.path())?;
    storage.fails_before();
    let told = run.drain().await.unwrap_err().to_string();
    assert!(told.contains("cannot flush `memory`") && told.contains("Nothing behind"), "{told}");
    assert_eq!(parts(folder.path())?, before);
    let mut graph = numbers(folder.path());
    graph.restore(storage.latest()?.unwrap().snapshot())?;
    graph.start()?.drain().await?;
    assert_eq!(parts(folder.path())?, (0..END).collect::<Vec<_>>());
    Ok(())
}

/// Two sinks of one name: the second does not take for its own what the first has committed.
#[test]
pub(crate) fn a_name_of_two_sinks_is_told() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("numbers.db");
    let sink = || {
        SqliteSink::new(&path, "numbers", |db, n: &i64| {
            db.execute("INSERT INTO numbers VALUES (?1)", [n]).map(drop)
        })
        .schema("CREATE TABLE IF NOT EXISTS numbers (n INTEGER)")
    };
    let storage = Memory::default();
    let mut run = graph! {
        left: sink(),
        right: sink(),
        graph.left => left.records,
        graph.right => right.records,
    }
    .inline()?;
    run.inputs.left.try_send(1)?;
    run.inputs.right.try_send(2)?;
    let checkpoint = run.checkpoint(&storage).map(drop).map_err(|error| error.to_string());
    let told = checkpoint.and_then(|()| run.step().map(drop).map_err(|error| error.to_string()));
    let told = told.unwrap_err();
    assert!(told.contains("as the sink `numbers`") && told.contains("name of its own"), "{told}");
    Ok(())
}
