//! `Postgres`: where a PostgreSQL database is; and what the sinks into it share.

use std::collections::VecDeque;
use std::error::Error as _;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io::ErrorKind;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;
use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Config, Error, NoTls, Statement, Transaction};

use crate::io::{IoError, SqlValue};
use crate::node::{AsyncContext, BoxFuture};

/// Where a PostgreSQL database is, and how it is connected. A sink connects when it starts, and again
/// when a policy restarts it.
///
/// ```no_run
/// use streamweave::io::Postgres;
///
/// let database = Postgres::at("host=localhost user=books dbname=books")
///     .schema("CREATE TABLE IF NOT EXISTS numbers (n BIGINT)");
/// ```
pub struct Postgres {
    name: String,
    connect: Box<dyn Fn() -> BoxFuture<'static, Connected> + Send + Sync>,
    schema: String,
}

type Connected = Result<(Client, Connection), Error>;
type Connection = BoxFuture<'static, Result<(), Error>>;

impl Postgres {
    /// The database that `config` names, as `host=localhost user=books dbname=books` or
    /// `postgresql://books@localhost/books`: `tokio_postgres::Config` tells what there may be in it.
    /// The connection is not encrypted; [`by`](Self::by) is for those that are.
    pub fn at(config: impl Into<String>) -> Self {
        let config = config.into();
        // The text itself may have a password in it.
        let name =
            config.parse().map_or_else(|_| "of PostgreSQL".to_owned(), |config| named(&config));
        Postgres::by(name, move || {
            let config = config.parse::<Config>();
            async move { config?.connect(NoTls).await }
        })
    }

    /// The database that `connect` connects, for example with TLS. Errors call it `name`.
    ///
    /// ```no_run
    /// use streamweave::io::Postgres;
    /// use tokio_postgres::NoTls;
    ///
    /// let database = Postgres::by("books", || async {
    ///     // Your TLS connector goes here.
    ///     tokio_postgres::connect("host=localhost user=books", NoTls).await
    /// });
    /// ```
    pub fn by<F, C>(
        name: impl Into<String>,
        connect: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(Client, C), Error>> + Send + 'static,
        C: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let connect = Box::new(move || -> BoxFuture<'static, Connected> {
            let connecting = connect();
            Box::pin(async move {
                let (client, connection) = connecting.await?;
                Ok((client, Box::pin(connection) as Connection))
            })
        });
        Postgres { name: name.into(), connect, schema: String::new() }
    }

    /// Statements to be run whenever the sink starts, such as `CREATE TABLE IF NOT EXISTS`: in one
    /// transaction, and one sink after the other.
    pub fn schema(mut self, statements: impl Into<String>) -> Self {
        self.schema = statements.into();
        self
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn failed(&self, error: Error) -> IoError {
        IoError::Postgres { database: self.name.clone(), error }
    }

    /// Connects for a node, runs `own` and the schema.
    pub(crate) async fn open(
        &self,
        node: &'static str,
        own: &str,
        out: &mut impl AsyncContext,
    ) -> Result<Session, IoError> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(IoError::NoRuntime { node });
        }
        let Ok(connected) = out.timeout(CONNECT, (self.connect)()).await else {
            let (address, source) = (self.name.clone(), ErrorKind::TimedOut.into());
            return Err(IoError::Socket { doing: "connecting to", address, source });
        };
        let (client, connection) = connected.map_err(|error| self.failed(error))?;
        let mut session = Session { client, connection: Some(connection) };
        if !own.is_empty() || !self.schema.is_empty() {
            let Session { client, connection } = &mut session;
            // Two that create the same table at once are an error, though there be `IF NOT EXISTS`.
            let schema = format!(
                "BEGIN; SELECT pg_advisory_xact_lock({LOCK}); {own}; {}; COMMIT",
                self.schema
            );
            let made = drive(connection, client.batch_execute(&schema)).await;
            made.map_err(|error| self.failed(error))?;
        }
        Ok(session)
    }
}

/// The longest that connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// What sinks of this crate lock while they run their schema: the letters `streamwv`.
const LOCK: i64 = 0x7374_7265_616d_7776;

impl<C: Into<String>> From<C> for Postgres {
    fn from(config: C) -> Self {
        Postgres::at(config)
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The database and where its server is, without the password.
fn named(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(host)) => host.clone(),
        #[cfg(unix)]
        Some(Host::Unix(folder)) => folder.display().to_string(),
        None => "no host".to_owned(),
    };
    let database = config.get_dbname().or(config.get_user()).unwrap_or("of PostgreSQL");
    format!("{database} at {host}:{}", config.get_ports().first().unwrap_or(&5432))
}

/// A connection. It moves on while something is asked by it, with [`drive`].
pub(crate) struct Session {
    pub(crate) client: Client,
    /// Until it has ended.
    pub(crate) connection: Option<Connection>,
}

/// Awaits `work`, which asks something by this connection.
pub(crate) async fn drive<T>(
    connection: &mut Option<Connection>,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let mut work = pin!(work);
    poll_fn(|task| {
        if let Poll::Ready(done) = work.as_mut().poll(task) {
            return Poll::Ready(done);
        }
        if let Some(moving) = connection
            && let Poll::Ready(ended) = moving.as_mut().poll(task)
        {
            *connection = None;
            // It tells why; the work would say that it is closed only.
            if let Err(error) = ended {
                return Poll::Ready(Err(error));
            }
            return work.as_mut().poll(task);
        }
        Poll::Pending
    })
    .await
}

/// So many statements are on their way at once.
const SENT: usize = 256;

/// Executes statements in their order, without waiting for the answer of one before the next is sent.
pub(crate) async fn execute<'a>(
    transaction: &Transaction<'_>,
    statements: impl Iterator<Item = (&'a Statement, &'a [SqlValue])>,
) -> Result<(), Error> {
    let mut sent = VecDeque::new();
    for (statement, values) in statements {
        let mut one = Box::pin(transaction.execute_raw(statement, values));
        // Polled once it is sent.
        match poll_fn(|task| Poll::Ready(one.as_mut().poll(task))).await {
            Poll::Ready(done) => drop(done?),
            Poll::Pending => sent.push_back(one),
        }
        if sent.len() >= SENT
            && let Some(first) = sent.pop_front()
        {
            first.await?;
        }
    }
    for one in sent {
        one.await?;
    }
    Ok(())
}

/// As text, which the server reads as the type of the column.
impl ToSql for SqlValue {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            SqlValue::Null => return Ok(IsNull::Yes),
            SqlValue::Bool(value) => out.extend_from_slice(value.to_string().as_bytes()),
            SqlValue::Integer(value) => out.extend_from_slice(value.to_string().as_bytes()),
            SqlValue::Real(value) => out.extend_from_slice(value.to_string().as_bytes()),
            SqlValue::Text(value) => out.extend_from_slice(value.as_bytes()),
            SqlValue::Bytes(value) => {
                out.extend_from_slice(b"\\x");
                value
                    .iter()
                    .for_each(|byte| out.extend_from_slice(format!("{byte:02x}").as_bytes()));
            }
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// Whether a statement does not fit the tables there are.
pub(crate) fn is_unfit(error: &Error) -> bool {
    error.code().is_some_and(|code| code.code().starts_with("42"))
}

/// What an error says, with what is behind it.
pub(crate) fn reason(error: &Error) -> String {
    if let Some(told) = error.as_db_error() {
        let more = told.detail().or(told.hint()).map(|more| format!(" ({more})"));
        return format!("{}{}", told.message(), more.unwrap_or_default());
    }
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// What to do.
pub(crate) fn advice(error: &Error) -> &'static str {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<std::io::Error>());
    match error.code() {
        Some(code) if *code == SqlState::INVALID_PASSWORD || code.code().starts_with("28") => {
            "correct the user and the password of its configuration, or let that user in"
        }
        Some(code) if *code == SqlState::UNDEFINED_DATABASE => {
            "create that database, or name another"
        }
        // Operators who intervene, and transactions that got in each other's way.
        Some(code) if code.code().starts_with("57P") || code.code().starts_with("40") => AGAIN,
        Some(_) => "once that is remedied, start again",
        None if error.is_closed() => AGAIN,
        None => match cause.map(std::io::Error::kind) {
            Some(ErrorKind::ConnectionRefused | ErrorKind::NotFound) => {
                "start the server, or correct the host and the port; with `#[restart(..)]` the sink tries again"
            }
            Some(_) => AGAIN,
            None => "once that is remedied, start again",
        },
    }
}

const AGAIN: &str = "with `#[restart(..)]` the sink connects again and loses nothing";
