//! `PostgresUpsert`: the newest record of each key, in a table of PostgreSQL.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_postgres::Statement;

use crate::io::output::flush_soon;
use crate::io::sql::postgres::{Session, drive, execute, is_unfit, reason};
use crate::io::sql::table::{self, Row};
use crate::io::{IoError, Postgres, Table};
use crate::node::Timer;
use crate::state::Keyed;
use crate::{NodeResult, StableKey};

/// Writes keys and records into a [`Table`] of a PostgreSQL database, where the newest record of each
/// key stays. What comes again after a crash changes nothing, so it is *idempotent*.
///
/// Records are written in transactions: when 1,024 keys wait, at the latest 200 ms after they came,
/// before a checkpoint, and at the end. Of what waits for a key only the newest is written. On several
/// workers (`#[workers(n)]`) each writes its own keys, by a connection of its own. It needs a tokio
/// runtime.
///
/// A server that is gone stops the graph, unless a policy says that the sink is restarted
/// (`#[restart(max = 10, within = "60s", backoff = "100ms..5s")]`): then it connects again, and what
/// waits is still there.
/// Restarts are all that helps: what fails is a transaction of
/// many records, so `skip` or `dead_letter` would leave out the one that happened to be the last of them.
///
/// ```no_run
/// use streamweave::io::{PostgresUpsert, Table};
/// use streamweave::nodes::from_iter;
/// use streamweave::prelude::*;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let graph = graph! {
///     prices: from_iter([("ACME".to_owned(), (1_i64, 100_i64))]),
///     #[restart(max = 10, within = "60s", backoff = "100ms..5s")]
///     newest: PostgresUpsert::new(
///         "host=localhost user=books dbname=books",
///         Table::new("prices")
///             .key("symbol", |symbol: &String| symbol.clone())
///             .version("version", |price: &(i64, i64)| price.0)
///             .column("cents", |price| price.1),
///     ),
///     prices.out => newest.records,
/// };
/// graph.start()?.drain().await?;
/// # Ok(())
/// # }
/// ```
#[crate::node(async, sink, idempotent, key = K, crate = crate)]
pub struct PostgresUpsert<K: StableKey + Serialize + DeserializeOwned, T: Send + 'static> {
    /// Keys and records.
    #[input(key = |item| &item.0)]
    records: (K, T),
    /// What is not written yet.
    #[state]
    waiting: Keyed<K, Row>,
    #[scratch]
    session: Option<(Session, Statement)>,
    #[scratch]
    flushes: bool,
    database: Postgres,
    table: Table<K, T>,
}

impl<K: StableKey + Serialize + DeserializeOwned, T: Send + 'static> PostgresUpsert<K, T> {
    /// Writes into this table of a database.
    pub fn new(database: impl Into<Postgres>, table: Table<K, T>) -> Self {
        PostgresUpsert { database: database.into(), table }
    }

    fn unfit(&self, reason: impl fmt::Display) -> IoError {
        IoError::unfit(&self.table, self.database.name(), reason)
    }

    fn failed(&self, error: tokio_postgres::Error) -> IoError {
        if is_unfit(&error) { self.unfit(reason(&error)) } else { self.database.failed(error) }
    }

    /// Writes what waits.
    async fn flush(&self, state: &mut PostgresUpsertState<K, T>) -> NodeResult {
        let Some((Session { client, connection }, upsert)) = &mut state.session else {
            return Ok(());
        };
        let rows: Vec<Row> = table::in_order(&state.waiting).into_iter().cloned().collect();
        if rows.is_empty() {
            return Ok(());
        }
        let write = async {
            let transaction = client.transaction().await?;
            execute(&transaction, rows.iter().map(|row| (&*upsert, &*row.values))).await?;
            transaction.commit().await
        };
        drive(connection, write).await.map_err(|error| self.failed(error))?;
        table::clear(&mut state.waiting);
        Ok(())
    }
}

impl<K, T> fmt::Debug for PostgresUpsert<K, T>
where
    K: StableKey + Serialize + DeserializeOwned,
    T: Send + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("PostgresUpsert");
        shown.field("database", &self.database).field("table", &self.table).finish_non_exhaustive()
    }
}

impl<K, T> PostgresUpsertHandlers<K, T> for PostgresUpsert<K, T>
where
    K: StableKey + Serialize + DeserializeOwned,
    T: Send + 'static,
{
    async fn on_start(
        &self,
        state: &mut PostgresUpsertState<K, T>,
        out: &mut impl PostgresUpsertOut<K, T>,
    ) -> NodeResult {
        let statement = self.table.statement('$').map_err(|reason| self.unfit(reason))?;
        let mut session = self.database.open("PostgresUpsert", "", out).await?;
        let Session { client, connection } = &mut session;
        // Only a plan tells whether the key is one; so one is made.
        let nulls = vec!["NULL"; self.table.width()].join(", ");
        let fits = format!(
            "PREPARE streamweave_fits AS {statement}; EXPLAIN EXECUTE streamweave_fits ({nulls}); \
             DEALLOCATE streamweave_fits"
        );
        let prepare = async {
            client.batch_execute(&fits).await?;
            client.prepare(&statement).await
        };
        let prepared = drive(connection, prepare).await.map_err(|error| self.failed(error))?;
        state.session = Some((session, prepared));
        state.flushes = false;
        Ok(())
    }

    async fn on_records(
        &self,
        state: &mut PostgresUpsertState<K, T>,
        (key, record): (K, T),
        out: &mut impl PostgresUpsertOut<K, T>,
    ) -> NodeResult {
        self.table.put(&mut state.waiting, key, &record);
        drop(record);
        if state.waiting.len() >= table::ROWS {
            return self.flush(state).await;
        }
        flush_soon(&mut state.flushes, out);
        Ok(())
    }

    async fn on_timer(
        &self,
        state: &mut PostgresUpsertState<K, T>,
        _: Timer<K>,
        _: &mut impl PostgresUpsertOut<K, T>,
    ) -> NodeResult {
        state.flushes = false;
        self.flush(state).await
    }

    async fn on_checkpoint(
        &self,
        state: &mut PostgresUpsertState<K, T>,
        _: u64,
        _: &mut impl PostgresUpsertOut<K, T>,
    ) -> NodeResult {
        self.flush(state).await
    }

    async fn on_stop(
        &self,
        state: &mut PostgresUpsertState<K, T>,
        _: &mut impl PostgresUpsertOut<K, T>,
    ) -> NodeResult {
        self.flush(state).await
    }
}
