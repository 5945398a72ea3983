//! `SqliteSink`: records in a database, exactly once.

use std::fmt;
use std::path::PathBuf;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use crate::NodeResult;
use crate::broken::{Broken, broken};
use crate::io::IoError;
use crate::io::sql::batches::{self, Ready};
use crate::io::sql::sqlite;
use crate::nodes::Storable;
use crate::state::{KeyedList, Value};

/// Writes records into a SQLite database: exactly once, whatever happens to the process in between.
///
/// What comes between two checkpoints is kept in the node's state, and so in the checkpoint. Once
/// that is complete, all of it is written in one transaction, together with its number in the table
/// `streamweave_commits`. After a crash the number tells whether that had been done. So readers of the
/// database see it as of some checkpoint, at most two of them behind.
///
/// Without checkpoints everything is written at the end. The node runs on one worker.
///
/// ```
/// use streamweave::io::SqliteSink;
/// use streamweave::prelude::*;
///
/// # let path = std::env::temp_dir().join(format!("streamweave-{}.db", std::process::id()));
/// let graph = graph! {
///     rows: SqliteSink::new(&path, "numbers", |db, n: &i64| {
///         db.execute("INSERT INTO numbers (n) VALUES (?1)", [n]).map(drop)
///     })
///     .schema("CREATE TABLE IF NOT EXISTS numbers (n INTEGER NOT NULL)"),
///     graph.numbers => rows.records,
/// };
/// let run = graph.inline()?;
/// run.inputs.numbers.try_send(17)?;
/// run.drain()?;
/// let db = rusqlite::Connection::open(&path)?;
/// assert_eq!(db.query_row("SELECT n FROM numbers", [], |row| row.get::<_, i64>(0))?, 17);
/// # drop(db);
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[crate::node(sink, commits, crate = crate)]
pub struct SqliteSink<T: Storable> {
    /// The records to write.
    #[input]
    records: T,
    /// The records between two checkpoints each, by number.
    #[state]
    batches: KeyedList<u64, T>,
    /// The number of the last batch that is not complete.
    #[state(init = Value::new(1))]
    open: Value<u64>,
    /// Those that wait for their checkpoint: the checkpoint, the batch.
    #[state]
    ready: Ready,
    /// The batch that was open when it started: those before may have been written before that.
    #[scratch]
    began: u64,
    #[scratch]
    database: Option<Connection>,
    path: PathBuf,
    name: String,
    schema: String,
    write: Write<T>,
}

type Write<T> = Box<dyn Fn(&Transaction<'_>, &T) -> rusqlite::Result<()> + Send + Sync>;

impl<T: Storable> SqliteSink<T> {
    /// Writes into the database at `path`, each record by `write`. `name` tells this sink apart from
    /// others that write into the same database.
    pub fn new(
        path: impl Into<PathBuf>,
        name: impl Into<String>,
        write: impl Fn(&Transaction<'_>, &T) -> rusqlite::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let (path, name, write) = (path.into(), name.into(), Box::new(write));
        SqliteSink { path, name, schema: String::new(), write }
    }

    /// Statements to be run whenever the sink starts, such as `CREATE TABLE IF NOT EXISTS`.
    pub fn schema(mut self, statements: impl Into<String>) -> Self {
        self.schema = statements.into();
        self
    }

    fn failed(&self, source: rusqlite::Error) -> IoError {
        sqlite::failed(&self.path, source)
    }

    fn open(&self) -> rusqlite::Result<Connection> {
        let commits = "CREATE TABLE IF NOT EXISTS streamweave_commits (
                sink TEXT PRIMARY KEY, number INTEGER NOT NULL
            ) WITHOUT ROWID;";
        sqlite::open(&self.path, &[commits, &self.schema].concat())
    }

    /// The last batch that was written.
    fn written(&self, database: &Connection) -> rusqlite::Result<u64> {
        let select = "SELECT number FROM streamweave_commits WHERE sink = ?1";
        let number = database.query_row(select, [&self.name], |row| row.get::<_, i64>(0));
        Ok(number.optional()?.and_then(|number| u64::try_from(number).ok()).unwrap_or(0))
    }

    /// Whether the batch is written, and by this sink: one that was to come when it started may have been
    /// before a crash, any other only by somebody else of this name.
    fn commit<'a>(
        &self,
        database: &mut Connection,
        (number, may_be_written): (u64, bool),
        records: impl Iterator<Item = &'a T>,
    ) -> rusqlite::Result<bool> {
        let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if self.written(&transaction)? >= number {
            return Ok(may_be_written);
        }
        for record in records {
            (self.write)(&transaction, record)?;
        }
        transaction.execute(
            "INSERT INTO streamweave_commits (sink, number) VALUES (?1, ?2)
             ON CONFLICT (sink) DO UPDATE SET number = excluded.number",
            params![self.name, i64::try_from(number).unwrap_or(i64::MAX)],
        )?;
        transaction.commit()?;
        Ok(true)
    }
}

impl<T: Storable> fmt::Debug for SqliteSink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteSink").field("path", &self.path).finish_non_exhaustive()
    }
}

impl<T: Storable> SqliteSinkHandlers<T> for SqliteSink<T> {
    fn on_start(
        &self,
        state: &mut SqliteSinkState<T>,
        _: &mut impl SqliteSinkOut<T>,
    ) -> NodeResult {
        let database = self.open().map_err(|source| self.failed(source))?;
        let written = self.written(&database).map_err(|source| self.failed(source))?;
        if written >= *state.open {
            let (database, sink) = (self.path.display().to_string(), self.name.clone());
            return Err(IoError::LaterCommit { database, sink, written, open: *state.open }.into());
        }
        state.database = Some(database);
        state.began = *state.open;
        Ok(())
    }

    fn on_records(
        &self,
        state: &mut SqliteSinkState<T>,
        records: T,
        _: &mut impl SqliteSinkOut<T>,
    ) -> NodeResult {
        state.batches.entry(*state.open).push(records);
        Ok(())
    }

    fn on_checkpoint(
        &self,
        state: &mut SqliteSinkState<T>,
        checkpoint: u64,
        _: &mut impl SqliteSinkOut<T>,
    ) -> NodeResult {
        batches::close(&state.batches, &mut state.open, &mut state.ready, checkpoint);
        Ok(())
    }

    fn on_complete(
        &self,
        state: &mut SqliteSinkState<T>,
        checkpoint: u64,
        _: &mut impl SqliteSinkOut<T>,
    ) -> NodeResult {
        let due = batches::due(&state.ready, checkpoint);
        let Some(database) = &mut state.database else { return Ok(()) };
        for number in &due {
            let records = state.batches.get(number).into_iter().flatten();
            let batch = (*number, *number < state.began || broken(Broken::SharedNameIsOwn));
            let written = self.commit(database, batch, records);
            if !written.map_err(|source| self.failed(source))? {
                let (database, sink) = (self.path.display().to_string(), self.name.clone());
                return Err(IoError::SharedName { database, sink }.into());
            }
        }
        batches::forget(&mut state.batches, &mut state.ready, due.len());
        Ok(())
    }
}
