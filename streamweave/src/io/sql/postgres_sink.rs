//! `PostgresSink`: records in a PostgreSQL database, exactly once.

use std::fmt;

use tokio_postgres::{Error, Statement};

use crate::NodeResult;
use crate::broken::{Broken, broken};
use crate::io::sql::batches::{self, Ready};
use crate::io::sql::postgres::{Session, drive, execute};
use crate::io::{IoError, Postgres, SqlValue};
use crate::nodes::Storable;
use crate::state::{KeyedList, Value};

/// Executes statements for records in a PostgreSQL database: exactly once, whatever happens to the
/// process, the server or the connection in between.
///
/// What comes between two checkpoints is kept in the node's state, and so in the checkpoint. Once
/// that is complete, all of it is written in one transaction, together with its number in the table
/// `streamweave_commits`. After a crash the number tells whether that had been done, also where the
/// connection was lost before the server had answered. So readers of the database see it as of some
/// checkpoint, at most two of them behind.
///
/// Without checkpoints everything is written at the end. The node runs on one worker, and needs a
/// tokio runtime. A server that is gone stops the graph, unless a policy says that the sink is restarted
/// (`#[restart(..)]`): then it connects again.
///
/// ```no_run
/// use streamweave::io::PostgresSink;
/// use streamweave::nodes::from_iter;
/// use streamweave::prelude::*;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let graph = graph! {
///     numbers: from_iter(0..3_i64),
///     rows: PostgresSink::new("host=localhost user=books dbname=books", "numbers")
///         .statement("INSERT INTO numbers (n) VALUES ($1)", |n: &i64| [n.to_owned().into()]),
///     numbers.out => rows.records,
/// };
/// graph.start()?.drain().await?;
/// # Ok(())
/// # }
/// ```
#[crate::node(async, sink, commits, crate = crate)]
pub struct PostgresSink<T: Storable> {
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
    session: Option<Prepared>,
    database: Postgres,
    name: String,
    statements: Vec<(String, Parameters<T>)>,
}

type Parameters<T> = Box<dyn Fn(&T) -> Vec<SqlValue> + Send + Sync>;

struct Prepared {
    session: Session,
    statements: Vec<Statement>,
    /// The one that tells which batch was written.
    commit: Statement,
}

const COMMITS: &str = "CREATE TABLE IF NOT EXISTS streamweave_commits (
    sink TEXT PRIMARY KEY, number BIGINT NOT NULL)";

/// Changes no row where that batch was written: also if who did that is still about to commit, as then
/// this waits for it.
const COMMIT: &str = "INSERT INTO streamweave_commits AS stored (sink, number) VALUES ($1, $2)
    ON CONFLICT (sink) DO UPDATE SET number = excluded.number WHERE stored.number < excluded.number";

impl<T: Storable> PostgresSink<T> {
    /// Writes into a database; by which statements, [`statement`](Self::statement) says. `name` tells
    /// this sink apart from others that write into the same database.
    pub fn new(database: impl Into<Postgres>, name: impl Into<String>) -> Self {
        let (database, name) = (database.into(), name.into());
        PostgresSink { database, name, statements: Vec::new() }
    }

    /// A statement to be executed for each record, behind those before; `parameters` are what
    /// `$1`, `$2` and so on stand for.
    pub fn statement<P: IntoIterator<Item = SqlValue>>(
        mut self,
        statement: impl Into<String>,
        parameters: impl Fn(&T) -> P + Send + Sync + 'static,
    ) -> Self {
        let parameters = Box::new(move |record: &T| parameters(record).into_iter().collect());
        self.statements.push((statement.into(), parameters));
        self
    }

    /// The last batch that was written, and what is executed for the next.
    async fn prepare(&self, mut session: Session) -> Result<(u64, Prepared), Error> {
        let Session { client, connection } = &mut session;
        let prepare = async {
            let mut statements = Vec::new();
            for (statement, _) in &self.statements {
                statements.push(client.prepare(statement).await?);
            }
            let commit = client.prepare(COMMIT).await?;
            let select = "SELECT number FROM streamweave_commits WHERE sink = $1";
            let written = client.query_opt(select, &[&self.name]).await?;
            let written = written.map(|row| row.try_get::<_, i64>(0)).transpose()?;
            Ok((written, statements, commit))
        };
        let (written, statements, commit) = drive(connection, prepare).await?;
        let written = written.and_then(|number| u64::try_from(number).ok()).unwrap_or(0);
        Ok((written, Prepared { session, statements, commit }))
    }

    /// What is to be executed for these records: the statement's place, and its parameters.
    fn rows<'a>(&self, records: impl Iterator<Item = &'a T>) -> Vec<(usize, Vec<SqlValue>)> {
        let of = |record| {
            let statements = self.statements.iter().enumerate();
            statements.map(move |(place, (_, parameters))| (place, parameters(record)))
        };
        records.flat_map(of).collect()
    }

    /// Whether the batch is written, and by this sink: one that was to come when it started may have been
    /// before a crash, any other only by somebody else of this name.
    async fn commit(
        &self,
        prepared: &mut Prepared,
        (number, may_be_written): (u64, bool),
        rows: Vec<(usize, Vec<SqlValue>)>,
    ) -> Result<bool, Error> {
        let Prepared { session: Session { client, connection }, statements, commit } = prepared;
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        let write = async {
            let transaction = client.transaction().await?;
            if transaction.execute(&*commit, &[&self.name, &number]).await? == 0 {
                return transaction.rollback().await.map(|()| may_be_written);
            }
            let rows = rows.iter();
            let rows = rows.filter_map(|(place, row)| Some((statements.get(*place)?, &**row)));
            execute(&transaction, rows).await?;
            transaction.commit().await.map(|()| true)
        };
        drive(connection, write).await
    }
}

impl<T: Storable> fmt::Debug for PostgresSink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresSink").field("database", &self.database).finish_non_exhaustive()
    }
}

impl<T: Storable> PostgresSinkHandlers<T> for PostgresSink<T> {
    async fn on_start(
        &self,
        state: &mut PostgresSinkState<T>,
        out: &mut impl PostgresSinkOut<T>,
    ) -> NodeResult {
        let session = self.database.open("PostgresSink", COMMITS, out).await?;
        let prepared = self.prepare(session).await;
        let (written, prepared) = prepared.map_err(|error| self.database.failed(error))?;
        if written >= *state.open {
            let (database, sink) = (self.database.name().to_owned(), self.name.clone());
            return Err(IoError::LaterCommit { database, sink, written, open: *state.open }.into());
        }
        state.session = Some(prepared);
        state.began = *state.open;
        Ok(())
    }

    async fn on_records(
        &self,
        state: &mut PostgresSinkState<T>,
        records: T,
        _: &mut impl PostgresSinkOut<T>,
    ) -> NodeResult {
        state.batches.entry(*state.open).push(records);
        Ok(())
    }

    async fn on_checkpoint(
        &self,
        state: &mut PostgresSinkState<T>,
        checkpoint: u64,
        _: &mut impl PostgresSinkOut<T>,
    ) -> NodeResult {
        batches::close(&state.batches, &mut state.open, &mut state.ready, checkpoint);
        Ok(())
    }

    async fn on_complete(
        &self,
        state: &mut PostgresSinkState<T>,
        checkpoint: u64,
        _: &mut impl PostgresSinkOut<T>,
    ) -> NodeResult {
        let due = batches::due(&state.ready, checkpoint);
        let Some(prepared) = &mut state.session else { return Ok(()) };
        for number in &due {
            let rows = self.rows(state.batches.get(number).into_iter().flatten());
            let batch = (*number, *number < state.began || broken(Broken::SharedNameIsOwn));
            let written = self.commit(prepared, batch, rows).await;
            if !written.map_err(|error| self.database.failed(error))? {
                let (database, sink) = (self.database.name().to_owned(), self.name.clone());
                return Err(IoError::SharedName { database, sink }.into());
            }
        }
        batches::forget(&mut state.batches, &mut state.ready, due.len());
        Ok(())
    }
}
