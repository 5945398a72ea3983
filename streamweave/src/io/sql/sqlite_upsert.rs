//! `SqliteUpsert`: the newest record of each key, in a table of SQLite.

use std::fmt;
use std::path::PathBuf;

use rusqlite::{Connection, TransactionBehavior, params_from_iter};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::io::output::flush_soon;
use crate::io::sql::sqlite::{failed, open};
use crate::io::sql::table::{self, Row};
use crate::io::{IoError, Table};
use crate::node::Timer;
use crate::state::Keyed;
use crate::{NodeResult, StableKey};

/// Writes keys and records into a [`Table`] of a SQLite database, where the newest record of each key
/// stays. What comes again after a crash changes nothing, so it is *idempotent*.
///
/// Records are written in transactions: when 1,024 keys wait, at the latest 200 ms after they came,
/// before a checkpoint, and at the end. Of what waits for a key only the newest is written. On several
/// workers (`#[workers(n)]`) each writes its own keys; SQLite lets one write at a time.
///
/// An error stops the graph, unless a policy says that its record is tried again (`#[restart(..)]`); then
/// the database is opened anew, and what waits is still there.
/// Restarts are all that helps: what fails is a transaction of
/// many records, so `skip` or `dead_letter` would leave out the one that happened to be the last of them.
///
/// ```
/// use streamweave::io::{SqliteUpsert, Table};
/// use streamweave::prelude::*;
///
/// # let path = std::env::temp_dir().join(format!("streamweave-upsert-{}.db", std::process::id()));
/// let graph = graph! {
///     prices: SqliteUpsert::new(
///         &path,
///         Table::new("prices")
///             .key("symbol", |symbol: &String| symbol.clone())
///             .version("version", |price: &(i64, i64)| price.0)
///             .column("cents", |price| price.1),
///     )
///     .schema("CREATE TABLE IF NOT EXISTS prices (
///         symbol TEXT PRIMARY KEY, version BIGINT NOT NULL, cents INTEGER NOT NULL)"),
///     graph.prices => prices.records,
/// };
/// let run = graph.inline()?;
/// for (version, cents) in [(1, 100), (3, 120), (2, 110)] {
///     run.inputs.prices.try_send(("ACME".to_owned(), (version, cents)))?;
/// }
/// run.drain()?;
/// let db = rusqlite::Connection::open(&path)?;
/// assert_eq!(db.query_row("SELECT cents FROM prices", [], |row| row.get::<_, i64>(0))?, 120);
/// # drop(db);
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[crate::node(sink, idempotent, key = K, crate = crate)]
pub struct SqliteUpsert<K: StableKey + Serialize + DeserializeOwned, T: Send + 'static> {
    /// Keys and records.
    #[input(key = |item| &item.0)]
    records: (K, T),
    /// What is not written yet.
    #[state]
    waiting: Keyed<K, Row>,
    #[scratch]
    database: Option<Connection>,
    #[scratch]
    flushes: bool,
    path: PathBuf,
    schema: String,
    table: Table<K, T>,
}

impl<K: StableKey + Serialize + DeserializeOwned, T: Send + 'static> SqliteUpsert<K, T> {
    /// Writes into this table of the database at `path`.
    pub fn new(path: impl Into<PathBuf>, table: Table<K, T>) -> Self {
        SqliteUpsert { path: path.into(), schema: String::new(), table }
    }

    /// Statements to be run whenever the sink starts, such as `CREATE TABLE IF NOT EXISTS`.
    pub fn schema(mut self, statements: impl Into<String>) -> Self {
        self.schema = statements.into();
        self
    }

    fn unfit(&self, reason: impl fmt::Display) -> IoError {
        IoError::unfit(&self.table, self.path.display(), reason)
    }

    /// Writes what waits.
    fn flush(&self, state: &mut SqliteUpsertState<K, T>) -> NodeResult {
        let Some(database) = &mut state.database else { return Ok(()) };
        if state.waiting.is_empty() {
            return Ok(());
        }
        let statement = self.table.statement('?').map_err(|reason| self.unfit(reason))?;
        let mut write = || {
            let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut upsert = transaction.prepare(&statement)?;
            for row in table::in_order(&state.waiting) {
                upsert.execute(params_from_iter(&row.values))?;
            }
            drop(upsert);
            transaction.commit()
        };
        write().map_err(|source| failed(&self.path, source))?;
        table::clear(&mut state.waiting);
        Ok(())
    }
}

impl<K, T> fmt::Debug for SqliteUpsert<K, T>
where
    K: StableKey + Serialize + DeserializeOwned,
    T: Send + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("SqliteUpsert");
        shown.field("path", &self.path).field("table", &self.table).finish_non_exhaustive()
    }
}

impl<K, T> SqliteUpsertHandlers<K, T> for SqliteUpsert<K, T>
where
    K: StableKey + Serialize + DeserializeOwned,
    T: Send + 'static,
{
    fn on_start(
        &self,
        state: &mut SqliteUpsertState<K, T>,
        _: &mut impl SqliteUpsertOut<K, T>,
    ) -> NodeResult {
        let statement = self.table.statement('?').map_err(|reason| self.unfit(reason))?;
        let database = open(&self.path, &self.schema).map_err(|error| failed(&self.path, error))?;
        drop(database.prepare(&statement).map_err(|reason| self.unfit(reason))?);
        state.database = Some(database);
        Ok(())
    }

    fn on_records(
        &self,
        state: &mut SqliteUpsertState<K, T>,
        (key, record): (K, T),
        out: &mut impl SqliteUpsertOut<K, T>,
    ) -> NodeResult {
        self.table.put(&mut state.waiting, key, &record);
        if state.waiting.len() >= table::ROWS {
            return self.flush(state);
        }
        flush_soon(&mut state.flushes, out);
        Ok(())
    }

    fn on_timer(
        &self,
        state: &mut SqliteUpsertState<K, T>,
        _: Timer<K>,
        _: &mut impl SqliteUpsertOut<K, T>,
    ) -> NodeResult {
        state.flushes = false;
        self.flush(state)
    }

    fn on_checkpoint(
        &self,
        state: &mut SqliteUpsertState<K, T>,
        _: u64,
        _: &mut impl SqliteUpsertOut<K, T>,
    ) -> NodeResult {
        self.flush(state)
    }

    fn on_stop(
        &self,
        state: &mut SqliteUpsertState<K, T>,
        _: &mut impl SqliteUpsertOut<K, T>,
    ) -> NodeResult {
        self.flush(state)
    }
}
