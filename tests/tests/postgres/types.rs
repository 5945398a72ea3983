//! What is written, and that the newest stays.

use streamweave::io::{Postgres, PostgresSink, PostgresUpsert, SqlValue, Table};
use streamweave::nodes::from_iter;
use streamweave::prelude::*;

use crate::Tested;
use crate::server::Server;

/// Text is read as whatever the column is; so is every number.
#[tokio::test]
async fn every_type_is_written() -> Tested {
    let Some(server) = Server::start() else { return Ok(()) };
    let all = |n: &i64| -> [SqlValue; 11] {
        [
            (*n).into(),
            (*n).into(),
            (*n).into(),
            (*n as f64 / 8.0).into(),
            (f64::NAN * *n as f64).into(),
            f64::NEG_INFINITY.into(),
            (*n > 1).into(),
            b"\0\xff\\".as_slice().into(),
            "2026-11-27 08:00:00+01".into(),
            "{\"a\": [1]}".into(),
            SqlValue::Null,
        ]
    };
    let schema = "CREATE TABLE types (id SERIAL, small SMALLINT, big BIGINT, exact NUMERIC, float REAL,
        nan DOUBLE PRECISION, inf DOUBLE PRECISION, bool BOOL, bytes BYTEA, at TIMESTAMPTZ, json JSONB,
        text TEXT)";
    let graph = graph! {
        numbers: from_iter([1_i64, 2]),
        rows: PostgresSink::new(Postgres::at(server.config()).schema(schema), "types")
            .statement(
                "INSERT INTO types (small, big, exact, float, nan, inf, bool, bytes, at, json, text)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
                all,
            )
            .statement("UPDATE types SET exact = exact + $1 WHERE small = $2", |n| {
                ["0.5".into(), (*n).into()]
            }),
        numbers.out => rows.records,
    };
    let told = graph.guarantees()[0].to_string();
    assert_eq!(told, "numbers -> rows: exactly once (rewindable, transactional)");
    graph.start()?.drain().await?;
    let select = "SELECT concat_ws(' ', small, big, exact, float, nan, inf, bool, bytes,
        at AT TIME ZONE 'UTC', json, coalesce(text, 'none')) FROM types ORDER BY id";
    let rows = server.client().await.query(select, &[]).await?;
    let rows: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let rest = "\\x00ff5c 2026-11-27 07:00:00 {\"a\": [1]} none";
    let expected = [
        format!("1 1 1.5 0.125 NaN -Infinity f {rest}"),
        format!("2 2 2.5 0.25 NaN -Infinity t {rest}"),
    ];
    assert_eq!(rows, expected);
    Ok(())
}

/// Of several workers each writes its own keys, more than one transaction takes; rows of a
/// table of a schema, by a key of two columns.
#[tokio::test]
async fn the_newest_stays() -> Tested {
    let Some(server) = Server::start() else { return Ok(()) };
    let schema = "CREATE SCHEMA IF NOT EXISTS audit; CREATE TABLE IF NOT EXISTS audit.newest (
        a TEXT, \"B\" INT, version BIGINT NOT NULL, n NUMERIC, PRIMARY KEY (\"B\", a))";
    let table = Table::new("audit.newest")
        .key("a", |key: &(String, i32)| key.0.clone())
        .key("B", |key| key.1)
        .version("version", |(version, _): &(i64, i64)| *version)
        .column("n", |(_, n)| *n);
    // The newest come first.
    let records = (0..27_000_i64).rev().map(|version| {
        let key = version % 9_000;
        ((format!("{}", key % 50), key as i32), (version, version * 2))
    });
    let graph = graph! {
        records: from_iter(records),
        #[workers(3)]
        newest: PostgresUpsert::new(Postgres::at(server.config()).schema(schema), table),
        records.out => newest.records,
    };
    let told = graph.guarantees()[0].to_string();
    assert_eq!(told, "records -> newest: exactly once (rewindable, idempotent)");
    graph.start()?.drain().await?;
    let select = "SELECT count(*), min(version), max(version),
        count(*) FILTER (WHERE n = version * 2) FROM audit.newest";
    let row = server.client().await.query_one(select, &[]).await?;
    let row: (i64, i64, i64, i64) = (row.get(0), row.get(1), row.get(2), row.get(3));
    assert_eq!(row, (9_000, 18_000, 26_999, 9_000));
    Ok(())
}
