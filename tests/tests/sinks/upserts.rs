//! Sinks that keep the newest record of each key: what comes again or late changes nothing.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use streamweave::io::{SqliteUpsert, Table};
use streamweave::nodes::{from_iter, map};
use streamweave::prelude::*;
use streamweave::testing::simulate;

use crate::Tested;
use crate::crashes::{Upto, crashing};

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS newest (
    name TEXT PRIMARY KEY, version BIGINT NOT NULL, double BIGINT); PRAGMA synchronous = OFF";

pub(crate) fn newest() -> Table<String, i64> {
    Table::new("newest")
        .key("name", |key: &String| key.clone())
        .version("version", |n: &i64| *n)
        .column("double", |n| n * 2)
}

/// A number as a key and a version, which are out of order by as much as 15.
pub(crate) fn keyed(n: u64) -> (String, i64) {
    let n = n ^ 9;
    (format!("key {}", n % 7), n as i64)
}

pub(crate) type Newest = BTreeMap<String, i64>;

pub(crate) fn expected(end: u64) -> Newest {
    let mut newest = Newest::new();
    for (key, version) in (0..end).map(keyed) {
        let held = newest.entry(key).or_insert(version);
        *held = version.max(*held);
    }
    newest
}

/// The versions, each of whose rows is whole.
fn rows(path: &Path) -> Result<Newest, Box<dyn std::error::Error>> {
    let database = rusqlite::Connection::open(path)?;
    let mut select = database.prepare("SELECT name, version, double FROM newest")?;
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let mut newest = Newest::new();
    for row in rows {
        let (key, version, double): (_, i64, i64) = row?;
        assert_eq!(double, version * 2);
        newest.insert(key, version);
    }
    Ok(newest)
}

/// Runs that crash anywhere: from one look at the table to the next each version stays or rises.
#[test]
pub(crate) fn a_table_never_goes_back() -> Tested {
    const END: u64 = 100;
    let crashes = Cell::new(0);
    simulate(16, |sim| {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("newest.db");
        let seen = RefCell::new(Newest::new());
        let graph = || {
            graph! {
                numbers: Upto { end: END },
                keyed: map(keyed),
                newest: SqliteUpsert::new(&path, newest()).schema(SCHEMA),
                numbers.out => keyed.input,
                keyed.out => newest.records,
            }
        };
        let check = || {
            if !path.exists() {
                return Ok(());
            }
            let now = rows(&path)?;
            let before = seen.replace(now.clone());
            let falls = |(key, version): (&String, &i64)| now.get(key) < Some(version);
            if before.iter().any(falls) {
                Err(format!("{before:?} {now:?}").into())
            } else {
                Ok(())
            }
        };
        crashes.set(crashes.get() + crashing(sim, graph, check)?);
        assert_eq!(rows(&path)?, expected(END));
        Ok(())
    })?;
    assert!(crashes.get() > 10, "{} crashes", crashes.get());
    Ok(())
}

/// Each worker writes its own keys, more than one transaction takes, and by time what is less.
#[tokio::test]
async fn on_workers() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("newest.db");
    let records = |n: i64| (0..n).map(move |at| (format!("{}", (at * 7) % 5_000), at));
    let graph = graph! {
        records: from_iter(records(20_000)),
        #[workers(3)]
        newest: SqliteUpsert::new(&path, newest()).schema(SCHEMA),
        records.out => newest.records,
    };
    let told = graph.guarantees()[0].to_string();
    assert_eq!(told, "records -> newest: exactly once (rewindable, idempotent)");
    graph.start()?.drain().await?;
    assert_eq!(rows(&path)?, records(20_000).collect::<Newest>());
    Ok(())
}

/// What waits is written after a while, without a checkpoint and before the end.
#[tokio::test]
async fn what_waits_is_written_soon() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("newest.db");
    let graph = graph! {
        newest: SqliteUpsert::new(&path, newest()).schema(SCHEMA),
        graph.records => newest.records,
    };
    let run = graph.start()?;
    for n in 0..2 {
        run.inputs.records.send(("a".to_owned(), n)).await?;
        let limit = tokio::time::Instant::now() + Duration::from_secs(30);
        while !path.exists() || rows(&path).ok().and_then(|rows| rows.get("a").copied()) != Some(n)
        {
            assert!(tokio::time::Instant::now() < limit, "it is not written");
            tokio::task::yield_now().await;
        }
    }
    run.drain().await?;
    Ok(())
}

fn refusal(schema: &str, table: Table<String, i64>) -> Result<String, Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let graph = graph! {
        newest: SqliteUpsert::new(folder.path().join("newest.db"), table).schema(schema),
        graph.records => newest.records,
    };
    Ok(graph.inline()?.step().unwrap_err().to_string())
}

#[test]
fn a_table_that_does_not_fit() -> Tested {
    let told = refusal("", newest())?;
    assert!(told.contains("`newest`") && told.contains("no such table"), "{told}");
    assert!(
        told.contains("newest.db") && told.contains("PRIMARY KEY (`name`), `version`"),
        "{told}"
    );
    let told = refusal("CREATE TABLE newest (name TEXT PRIMARY KEY, version BIGINT)", newest())?;
    assert!(told.contains("no column named double") && told.contains(".schema("), "{told}");
    let told = refusal("CREATE TABLE newest (name TEXT, version BIGINT, double BIGINT)", newest())?;
    assert!(told.contains("PRIMARY KEY or UNIQUE constraint"), "{told}");
    let told = refusal("CREATE TABEL newest (name TEXT)", newest())?;
    assert!(told.contains("near \"TABEL\""), "{told}");
    let told = refusal(SCHEMA, Table::new("newest").key("name", String::clone))?;
    assert!(told.contains("needs one version: say `.version("), "{told}");
    let told = refusal(SCHEMA, Table::new("newest").version("version", |n| *n))?;
    assert!(told.contains("needs a key: say `.key("), "{told}");
    Ok(())
}

#[test]
fn of_the_same_version_the_first_stays_and_every_type_is_written() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("all.db");
    let table = Table::new("alles")
        .key("a", |key: &(u32, String)| key.0)
        .key("b", |key| key.1.clone())
        .version("version", |_: &&str| 1)
        .column("text", |text| *text)
        .column("bytes", |text| text.as_bytes())
        .column("bool", |text| text.len() > 3)
        .column("real", |text| text.len() as f64 / 2.0)
        .column("select", |text| text.parse::<i64>().ok());
    let graph = graph! {
        all: SqliteUpsert::new(&path, table).schema(
            "CREATE TABLE alles (a INT, b TEXT, version INT, text, bytes, bool, real, \"select\",
             PRIMARY KEY (b, a))",
        ),
        graph.records => all.records,
    };
    let mut run = graph.inline()?;
    for text in ["17", "another"] {
        run.inputs.records.try_send(((1, "b".to_owned()), text))?;
        run.cut()?;
        run.inputs.records.try_send(((2, "b".to_owned()), text))?;
    }
    run.drain()?;
    let database = rusqlite::Connection::open(&path)?;
    let all = "SELECT a, hex(bytes), typeof(text), bool, real, \"select\" FROM alles ORDER BY a";
    let mut select = database.prepare(all)?;
    type All = (u32, String, String, i64, f64, i64);
    let rows = select.query_map([], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
    })?;
    let rows = rows.collect::<Result<Vec<All>, _>>()?;
    let expected = [1, 2].map(|a| (a, "3137".to_owned(), "text".to_owned(), 0, 1.0, 17));
    assert_eq!(rows, expected);
    Ok(())
}

/// The database fails: with a policy it is opened anew, and what waits is written then.
#[test]
fn what_waits_survives_a_failure() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("newest.db");
    let graph = graph! {
        #[restart(max = 2, within = "10s")]
        newest: SqliteUpsert::new(&path, newest()).schema(SCHEMA),
        graph.records => newest.records,
    };
    let mut run = graph.inline()?;
    run.step()?;
    for n in 0..3 {
        run.inputs.records.try_send(keyed(n))?;
    }
    run.step()?;
    rusqlite::Connection::open(&path)?.execute_batch("DROP TABLE newest")?;
    run.drain()?;
    assert_eq!(rows(&path)?, expected(3));
    Ok(())
}
