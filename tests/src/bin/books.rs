//! A job that writes into databases and goes on from its last checkpoint, for tests that kill it:
//! `books FOLDER RECORDS POSTGRES`. Numbers go into the table `numbers`, each once, and the newest of
//! each key into the tables `newest` of PostgreSQL and of `newest.db` in FOLDER. Prints a line for each
//! checkpoint.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use streamweave::checkpoint::{CheckpointStorage, FileCheckpointStorage};
use streamweave::graph::Guarantee;
use streamweave::io::{Postgres, PostgresSink, PostgresUpsert, SqliteUpsert, Table};
use streamweave::nodes::map;
use streamweave::prelude::*;

/// Numbers up to an end.
#[node(source, rewindable)]
struct Numbers {
    #[output]
    out: i64,
    #[state]
    next: Value<i64>,
    end: i64,
}

impl NumbersHandlers for Numbers {
    async fn next(&self, state: &mut NumbersState, out: &mut impl NumbersOut) -> NodeResult<More> {
        let first = *state.next;
        let last = self.end.min(first + 100);
        (first..last).for_each(|n| out.out(n));
        state.next.set(last);
        Ok(if last == self.end { More::End } else { More::Now })
    }
}

fn newest() -> Table<i64, i64> {
    let table = Table::new("newest").key("key", |key: &i64| *key).version("version", |n: &i64| *n);
    table.column("double", |n| n * 2)
}

const NEWEST: &str = "CREATE TABLE IF NOT EXISTS newest (
    key BIGINT PRIMARY KEY, version BIGINT NOT NULL, double BIGINT NOT NULL);";

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("which folder?")?);
    let end = arguments.next().ok_or("how many records?")?.parse()?;
    let server = arguments.next().ok_or("which server?")?;
    let numbers = "CREATE TABLE IF NOT EXISTS numbers (id BIGSERIAL, n BIGINT NOT NULL)";
    let mut graph = graph! {
        numbers: Numbers { end },
        // Out of order by as much as 1,023.
        keyed: map(|n: i64| ((n ^ 1023) % 500, n ^ 1023)),
        #[workers(2)]
        newest: PostgresUpsert::new(Postgres::at(&server).schema(NEWEST), newest()),
        here: SqliteUpsert::new(folder.join("newest.db"), newest())
            .schema([NEWEST, "PRAGMA synchronous = OFF"].concat()),
        rows: PostgresSink::new(Postgres::at(&server).schema(numbers), "numbers")
            .statement("INSERT INTO numbers (n) VALUES ($1)", |n: &i64| [(*n).into()]),
        numbers.out => [keyed.input, rows.records],
        keyed.out => [newest.records, here.records],
    };
    graph.require(Guarantee::ExactlyOnce);
    let storage = FileCheckpointStorage::open(folder.join("checkpoints"))?;
    if let Some(checkpoint) = storage.latest()? {
        graph.restore(checkpoint.snapshot())?;
    }
    let run = graph.start()?;
    let (period, limit) = (Duration::from_millis(1), Duration::from_secs(60));
    let mut checkpoints = run.checkpoint_every(storage.clone(), period, limit)?;
    let told = tokio::spawn(async move {
        let mut out = std::io::stdout();
        while let Some(report) = checkpoints.changed().await {
            writeln!(out, "checkpoint {}", report.complete)?;
            out.flush()?;
        }
        Ok::<_, std::io::Error>(())
    });
    run.drain_into(&storage).await?;
    told.await??;
    Ok(())
}
