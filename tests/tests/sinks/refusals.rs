//! What a sink refuses, as records would come twice or be lost; and that it says what to do.

use streamweave::graph::RunError;
use streamweave::io::{CsvSink, FileLinesSink, JsonLinesSink, ParquetSink, PartFiles, SqliteSink};
use streamweave::prelude::*;

use crate::Tested;
use crate::crashes::Memory;

fn why(error: RunError) -> String {
    error.to_string()
}

macro_rules! parts {
    ($folder:expr) => {
        graph! {
            parts: PartFiles::<u64>::new($folder),
            graph.numbers => parts.records,
        }
    };
}

#[test]
fn parts_beyond_the_checkpoint() -> Tested {
    let folder = tempfile::tempdir()?;
    let storage = Memory::default();
    let mut run = parts!(folder.path()).inline()?;
    run.inputs.numbers.try_send(1)?;
    run.checkpoint(&storage)?;
    drop(run);
    // Without the checkpoint the same records would come again.
    let told = why(parts!(folder.path()).inline()?.step().unwrap_err());
    assert!(told.contains("part-00000000") && told.contains("empty the folder"), "{told}");
    Ok(())
}

/// What two would write to one place is refused, until the first of them is gone.
#[test]
pub(crate) fn two_at_once() -> Tested {
    let folder = tempfile::tempdir()?;
    macro_rules! refuses {
        ($node:expr) => {{
            let graph = || graph! { sink: $node, graph.numbers => sink.records };
            let mut first = graph().inline()?;
            first.step()?;
            let mut second = graph().inline()?;
            let told = why(second.step().err().ok_or("both write")?);
            assert!(told.contains("another sink"), "{told}");
            first.close_inputs()?.drain()?;
            let mut third = graph().inline()?;
            third.step()?;
        }};
    }
    refuses!(PartFiles::<Row>::by(folder.path(), |row| row.number.to_string()));
    refuses!(FileLinesSink::<Row>::append_by(folder.path().join("lines"), |row| row
        .number
        .to_string()));
    refuses!(CsvSink::<Row>::append(folder.path().join("csv")));
    refuses!(JsonLinesSink::<Row>::append(folder.path().join("json")));
    refuses!(ParquetSink::<Row>::create(folder.path().join("parquet")));
    Ok(())
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Row {
    number: u64,
}

#[test]
fn a_part_that_is_gone() -> Tested {
    use streamweave::checkpoint::CheckpointStorage;
    let folder = tempfile::tempdir()?;
    let storage = Memory::default();
    let mut run = parts!(folder.path()).inline()?;
    run.inputs.numbers.try_send(1)?;
    storage.publish(&run.cut()?)?;
    drop(run);
    std::fs::remove_file(folder.path().join(".part-00000000.open"))?;
    let mut graph = parts!(folder.path());
    graph.restore(storage.latest()?.unwrap().snapshot())?;
    let told = why(graph.inline()?.step().unwrap_err());
    assert!(told.contains("/part-00000000` is gone") && told.contains("2 bytes"), "{told}");
    Ok(())
}

/// The process ended between the checkpoint and the commit.
#[test]
pub(crate) fn what_is_restored_is_committed() -> Tested {
    use streamweave::checkpoint::CheckpointStorage;
    let folder = tempfile::tempdir()?;
    let storage = Memory::default();
    let mut run = parts!(folder.path()).inline()?;
    run.inputs.numbers.try_send(1)?;
    storage.publish(&run.cut()?)?;
    drop(run);
    let visible = folder.path().join("part-00000000");
    assert!(!visible.exists());
    let mut graph = parts!(folder.path());
    graph.restore(storage.latest()?.unwrap().snapshot())?;
    graph.inline()?.step()?;
    assert_eq!(std::fs::read_to_string(visible)?, "1\n");
    Ok(())
}

#[test]
fn without_checkpoints_everything_comes_at_the_end() -> Tested {
    let folder = tempfile::tempdir()?;
    let run = parts!(folder.path()).inline()?;
    run.inputs.numbers.try_send(1)?;
    run.inputs.numbers.try_send(2)?;
    run.drain()?;
    assert_eq!(std::fs::read_to_string(folder.path().join("part-00000000"))?, "1\n2\n");
    Ok(())
}

#[test]
fn rows_beyond_the_checkpoint() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("numbers.db");
    let graph = || {
        graph! {
            rows: SqliteSink::new(&path, "numbers", |db, n: &i64| {
                db.execute("INSERT INTO numbers VALUES (?1)", [n]).map(drop)
            })
            .schema("CREATE TABLE IF NOT EXISTS numbers (n INTEGER)"),
            graph.numbers => rows.records,
        }
    };
    let run = graph().inline()?;
    run.inputs.numbers.try_send(1)?;
    run.drain()?;
    let told = why(graph().inline()?.step().unwrap_err());
    assert!(told.contains("streamweave_commits") && told.contains("`numbers`"), "{told}");
    Ok(())
}

/// A statement that fails stops the graph, and nothing of its batch is there.
#[test]
fn a_row_that_cannot_be_written() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("numbers.db");
    let graph = graph! {
        rows: SqliteSink::new(&path, "numbers", |db, n: &i64| {
            db.execute("INSERT INTO numbers VALUES (?1)", [n]).map(drop)
        })
        .schema("CREATE TABLE IF NOT EXISTS numbers (n INTEGER UNIQUE)"),
        graph.numbers => rows.records,
    };
    let run = graph.inline()?;
    for n in [1, 2, 1] {
        run.inputs.numbers.try_send(n)?;
    }
    let told = why(run.drain().unwrap_err());
    assert!(told.contains("numbers.db") && told.contains("UNIQUE"), "{told}");
    let database = rusqlite::Connection::open(&path)?;
    let count: i64 = database.query_row("SELECT count(*) FROM numbers", [], |row| row.get(0))?;
    assert_eq!(count, 0);
    Ok(())
}

/// On tokio: committed with the checkpoint, and the rest with the last one.
#[tokio::test]
async fn committed_by_a_running_graph() -> Tested {
    use std::time::Duration;
    use streamweave::checkpoint::{CheckpointStorage, FileCheckpointStorage};
    let folder = tempfile::tempdir()?;
    let (parts, states) = (folder.path().join("parts"), folder.path().join("states"));
    let storage = FileCheckpointStorage::open(&states)?;
    let run = parts!(&parts).start()?;
    run.inputs.numbers.send(1).await?;
    run.checkpoint(&storage, Duration::from_secs(60)).await?;
    run.inputs.numbers.send(2).await?;
    let summary = run.drain_into(&storage).await?;
    assert_eq!(std::fs::read_to_string(parts.join("part-00000000"))?, "1\n");
    assert_eq!(std::fs::read_to_string(parts.join("part-00000001"))?, "2\n");
    assert!(summary.state.get("parts").is_some());
    // A run that goes on from there has nothing to do, and says so by not doing it.
    let mut graph = parts!(&parts);
    graph.restore(storage.latest()?.unwrap().snapshot())?;
    graph.start()?.drain_into(&storage).await?;
    let names = std::fs::read_dir(&parts)?.map(|entry| Ok(entry?.file_name()));
    let names: std::io::Result<std::collections::BTreeSet<_>> = names.collect();
    assert!(names?.iter().eq([".lock", "part-00000000", "part-00000001"]));
    Ok(())
}

/// Fails at one record, or when there are no more: once others wait to commit.
#[node(sink, async)]
struct Fails {
    #[input]
    numbers: u64,
    at: Option<u64>,
}

impl FailsHandlers for Fails {
    async fn on_numbers(&self, number: u64, _: &mut impl FailsOut) -> NodeResult {
        if self.at == Some(number) { Err("here".into()) } else { Ok(()) }
    }
    async fn on_stop(&self, out: &mut impl FailsOut) -> NodeResult {
        // The clock moves when nobody has anything to do.
        out.sleep(std::time::Duration::from_secs(1)).await;
        if self.at.is_none() { Err("at the end".into()) } else { Ok(()) }
    }
}

/// A stage that fails is part of no checkpoint: what it has not handled would be lost.
#[tokio::test(start_paused = true)]
pub(crate) async fn nothing_is_committed_of_a_run_that_fails() -> Tested {
    use streamweave::checkpoint::{CheckpointError, CheckpointStorage, FileCheckpointStorage};
    use streamweave::nodes::from_iter;
    for at in [Some(7), None] {
        let folder = tempfile::tempdir()?;
        let storage = FileCheckpointStorage::open(folder.path().join("states"))?;
        let parts = folder.path().join("parts");
        let graph = graph! {
            numbers: from_iter(0..10_u64),
            fails: Fails { at },
            parts: PartFiles::<u64>::new(&parts),
            #[boundary] numbers.out => fails.numbers,
            #[boundary] numbers.out => parts.records,
        };
        let failed = graph.start()?.drain_into(&storage).await.unwrap_err();
        assert!(matches!(failed, CheckpointError::Run(RunError::Failed { .. })), "{failed}");
        assert!(storage.latest()?.is_none(), "a run that failed is in a checkpoint");
        assert!(!parts.join("part-00000000").exists(), "what was committed is in none");
    }
    Ok(())
}
