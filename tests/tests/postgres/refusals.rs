//! What cannot be written is told, with what to do.

use streamweave::io::{Postgres, PostgresSink, PostgresUpsert, Table};
use streamweave::prelude::*;

use crate::Tested;
use crate::server::Server;

fn newest() -> Table<i64, i64> {
    let table = Table::new("newest").key("key", |key: &i64| *key).version("version", |n: &i64| *n);
    table.column("n", |n| *n)
}

async fn upsert(database: Postgres) -> Result<String, Box<dyn std::error::Error>> {
    let graph = graph! {
        newest: PostgresUpsert::new(database, newest()),
        graph.records => newest.records,
    };
    let run = graph.start()?;
    let _ = run.inputs.records.send((1, 1)).await;
    Ok(run.drain().await.unwrap_err().to_string())
}

async fn rows(database: Postgres, statement: &str) -> Result<String, Box<dyn std::error::Error>> {
    let graph = graph! {
        rows: PostgresSink::new(database, "rows").statement(statement, |n: &i64| [(*n).into()]),
        graph.numbers => rows.records,
    };
    let run = graph.start()?;
    let _ = run.inputs.numbers.send(1).await;
    Ok(run.drain().await.unwrap_err().to_string())
}

macro_rules! tells {
    ($told:expr, $($part:literal),+) => {
        let told = &$told;
        println!("{told}\n");
        $(assert!(told.contains($part), "{told}");)+
    };
}

#[tokio::test]
async fn what_cannot_be_written_is_told() -> Tested {
    let Some(mut server) = Server::start() else { return Ok(()) };
    let config = server.config();
    let at = || Postgres::at(&config);
    let database = "`postgres at 127.0.0.1:";
    tells!(upsert(at()).await?, "the table `newest` of", "\"newest\" does not exist", ".schema(");
    let schema = "CREATE TABLE newest (key BIGINT, version BIGINT NOT NULL)";
    tells!(upsert(at().schema(schema)).await?, "column \"n\"", "PRIMARY KEY (`key`), `version`");
    let schema = "ALTER TABLE newest ADD n BIGINT";
    tells!(upsert(at().schema(schema)).await?, "no unique or exclusion constraint", "on_start");
    // The server's own words, where a value does not fit.
    let schema = "ALTER TABLE newest ADD PRIMARY KEY (key), ADD CHECK (n > 7)";
    tells!(upsert(at().schema(schema)).await?, "newest_n_check", "remedied");
    tells!(upsert(at().schema("CREATE TABEL a")).await?, "syntax error", "TABEL");

    let told = rows(at(), "INSERT INTO nowhere VALUES ($1)").await?;
    tells!(told, "\"nowhere\" does not exist");
    let told = rows(at(), "INSERT INTO newest (n) VALUES ($1), ($2)").await?;
    tells!(told, "expected 2 parameters but got 1");

    tells!(upsert(Postgres::at(config.replace("books", "thief"))).await?, "\"thief\"", "the user");
    let told = upsert(Postgres::at(config.replace("=postgres", "=none"))).await?;
    tells!(told, "\"none\" does not exist", "create that database");
    let told = upsert(Postgres::at("host=localhost port=many password=secret")).await?;
    tells!(told, "invalid connection string", "port");
    assert!(!told.contains("secret"), "{told}");
    server.down();
    tells!(upsert(at()).await?, "start the server", "refused");
    assert!(rows(at(), "SELECT $1").await?.contains(database));
    Ok(())
}

#[test]
fn it_needs_a_runtime() -> Tested {
    let graph = graph! {
        newest: PostgresUpsert::new("host=localhost", newest()),
        graph.records => newest.records,
    };
    let told = graph.inline()?.step().unwrap_err().to_string();
    assert!(told.contains("PostgresUpsert needs a tokio runtime"), "{told}");
    Ok(())
}

/// The database is ahead of a run that begins without its checkpoint.
#[tokio::test]
async fn rows_beyond_the_checkpoint() -> Tested {
    let Some(server) = Server::start() else { return Ok(()) };
    let at = || Postgres::at(server.config()).schema("CREATE TABLE IF NOT EXISTS numbers (n INT)");
    let statement = "INSERT INTO numbers VALUES ($1)";
    let graph = graph! {
        rows: PostgresSink::new(at(), "rows").statement(statement, |n: &i64| [(*n).into()]),
        graph.numbers => rows.records,
    };
    let run = graph.start()?;
    run.inputs.numbers.send(1).await?;
    run.drain().await?;
    tells!(rows(at(), statement).await?, "batch 1 of the sink `rows`", "streamweave_commits");
    Ok(())
}
