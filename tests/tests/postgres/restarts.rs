//! A server that ends in the middle and comes again: with a policy nothing is lost, and nothing comes twice.

use std::time::Duration;

use streamweave::checkpoint::FileCheckpointStorage;
use streamweave::io::{Postgres, PostgresSink, PostgresUpsert, Table};
use streamweave::nodes::map;
use streamweave::prelude::*;

use crate::Tested;
use crate::server::Server;

#[tokio::test]
async fn a_server_that_is_restarted() -> Tested {
    const END: i64 = 6_000;
    let Some(mut server) = Server::start() else { return Ok(()) };
    let newest = Table::new("newest").key("key", |key: &i64| *key).version("version", |n: &i64| *n);
    let schema = "CREATE TABLE IF NOT EXISTS numbers (n BIGINT);
        CREATE TABLE IF NOT EXISTS newest (key BIGINT PRIMARY KEY, version BIGINT NOT NULL)";
    let at = || Postgres::at(server.config()).schema(schema);
    let graph = graph! {
        keyed: map(|n: i64| (n % 300, n)),
        #[restart(max = 1000, within = "10s", backoff = "10ms..100ms")]
        #[workers(2)]
        newest: PostgresUpsert::new(at(), newest),
        #[restart(max = 1000, within = "10s", backoff = "10ms..100ms")]
        rows: PostgresSink::new(at(), "numbers")
            .statement("INSERT INTO numbers VALUES ($1)", |n: &i64| [(*n).into()]),
        graph.numbers => [keyed.input, rows.records],
        keyed.out => newest.records,
    };
    let states = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(states.path())?;
    let run = graph.start()?;
    let mut failures = run.failures();
    let period = Duration::from_millis(1);
    run.checkpoint_every(storage.clone(), period, Duration::from_secs(30))?;
    for n in 0..END {
        run.inputs.numbers.send(n).await?;
        if n % 1_500 == 1_000 {
            server.down();
        } else if n % 1_500 == 1_200 {
            // It is noticed, by both.
            let mut who = std::collections::BTreeSet::new();
            while who.len() < 2 {
                let told = failures.recv().await.ok_or("it ended")?.failure;
                who.insert(told.node.split('#').next().map(str::to_owned));
            }
            server.up();
        }
    }
    run.drain_into(&storage).await?;
    let client = server.client().await;
    let rows = client.query("SELECT n FROM numbers ORDER BY n", &[]).await?;
    let rows: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(rows, (0..END).collect::<Vec<_>>());
    let rows = client.query("SELECT version FROM newest ORDER BY version", &[]).await?;
    let rows: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(rows, (END - 300..END).collect::<Vec<_>>());
    Ok(())
}
