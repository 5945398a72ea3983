//! What can go wrong with files and sockets, and what to do about it.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use crate::engine::Cause;
use crate::graph::RunError;

/// Why a source or a sink cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IoError {
    /// The list of files is empty.
    #[error("there are no files to read: the list of paths is empty; does its pattern match?")]
    NoFiles,
    /// A path is given twice.
    #[error("`{path}` is in the list of files twice: each file is read once, so name it once")]
    Twice {
        /// The path.
        path: PathBuf,
    },
    /// A file that was being read has another path now, at which another worker would read it anew.
    #[error(
        "`{path}` was read as `{before}` when the snapshot was taken, and positions are divided among \
         workers by path: list it as `{before}`, or run once on one worker"
    )]
    Renamed {
        /// The path by which its position is known.
        before: PathBuf,
        /// The path that is listed.
        path: PathBuf,
    },
    /// A file was being read when the snapshot was taken, and is none of those listed now.
    #[error(
        "`{path}` had been read to {offset} when the snapshot was taken, and is none of the files now: \
         list it, under this path or another one, or start without the snapshot"
    )]
    Unlisted {
        /// The path by which its position is known.
        path: PathBuf,
        /// The saved position, in bytes or rows.
        offset: u64,
    },
    /// A folder where a file is needed.
    #[error("`{path}` is a folder: list the files in it")]
    Folder {
        /// The path.
        path: PathBuf,
    },
    /// A file cannot be opened for reading.
    #[error("cannot read `{path}`: {source}; {}", advice(.source))]
    Open {
        /// The path.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Reading stopped in the middle.
    #[error("reading `{path}` failed at byte {offset}: {source}")]
    Read {
        /// The path.
        path: PathBuf,
        /// How much had been read.
        offset: u64,
        /// What the system says.
        source: io::Error,
    },
    /// The file is not the one that the saved position is in.
    #[error(
        "`{path}` is not the file that was read to byte {offset} when the snapshot was taken: its \
         beginning has changed or it is shorter; put that file back, or start without the snapshot"
    )]
    Changed {
        /// The path.
        path: PathBuf,
        /// The saved position.
        offset: u64,
    },
    /// A gzip file cannot be read here.
    #[error("`{path}` is gzip: {reason}")]
    Gzip {
        /// The path.
        path: PathBuf,
        /// Why it is refused and what to do.
        reason: &'static str,
    },
    /// A Parquet file is no such, or damaged.
    #[cfg(feature = "parquet")]
    #[error(
        "`{path}` cannot be read as Parquet: {reason}; is it complete? If it is packed with zstd \
         or brotli, turn on that feature of the crate `parquet`"
    )]
    Parquet {
        /// The path.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The Parquet file is not the one that the saved position is in.
    #[cfg(feature = "parquet")]
    #[error(
        "`{path}` is not the file that was read to row {row} when the snapshot was taken; put that \
         file back, or start without the snapshot"
    )]
    ChangedRows {
        /// The path.
        path: PathBuf,
        /// The saved position.
        row: u64,
    },
    /// A file cannot be created, opened for writing or written.
    #[error("cannot write `{path}`: {source}; {}", advice(.source))]
    Write {
        /// The path.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A folder of parts has some that the state knows nothing of.
    #[error(
        "`{path}` is there, which this run has not written yet: its checkpoint is older than the \
         folder, and records would come twice. Restore the last checkpoint, or, to begin anew, empty \
         the folder or choose another"
    )]
    LaterPart {
        /// The first of them.
        path: PathBuf,
    },
    /// A part is gone that waited for its checkpoint.
    #[error(
        "`{path}` is gone, with {length} bytes that a complete checkpoint counts on: put it back, or \
         begin anew with an empty folder and without the checkpoint"
    )]
    PartLost {
        /// Where it is to be seen.
        path: PathBuf,
        /// How long it was.
        length: u64,
    },
    /// The system could not put on the disk what was written to a file, and some of it may be lost. It is not
    /// asked again, as it would say that all is there.
    #[error(
        "what was written to `{path}` may not be on the disk ({reason}): see to the disk, then begin a new run \
         from the last checkpoint, which writes again what is behind that"
    )]
    Unflushed {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// A file is shorter than the run that it goes on from had made it.
    #[error(
        "`{path}` has {length} bytes, and had {written} at the checkpoint that this run goes on from: \
         put it back, or begin anew without the checkpoint"
    )]
    Shorter {
        /// Which one.
        path: PathBuf,
        /// How long it is.
        length: u64,
        /// How long it was.
        written: u64,
    },
    /// Somebody else writes there.
    #[error(
        "`{path}` is being written by another sink, of this process or another: what both write would be \
         torn; stop the other one, or write to another path"
    )]
    InUse {
        /// Where.
        path: PathBuf,
    },
    /// A database cannot be opened, or does not do what it is told.
    #[cfg(feature = "sqlite")]
    #[error("the database `{path}` failed: {source}; once that is remedied, start again")]
    Database {
        /// Its path.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// A PostgreSQL server cannot be reached, or does not do what it is told.
    #[cfg(feature = "postgres")]
    #[error(
        "the database `{database}` failed: {}; {}",
        crate::io::sql::reason(error),
        crate::io::sql::advice(error)
    )]
    Postgres {
        /// Its name, and where its server is.
        database: String,
        /// What was told. (No source: what it says is in the message.)
        error: tokio_postgres::Error,
    },
    /// A database has records that the state knows nothing of.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    #[error(
        "the database `{database}` holds batch {written} of the sink `{sink}`, and this run is to write \
         batch {open}: its checkpoint is older than the database, and records would come twice. \
         Restore the last checkpoint, or, to begin anew, remove the sink's rows and its row in \
         `streamweave_commits`"
    )]
    LaterCommit {
        /// Its path, or where its server is.
        database: String,
        /// The sink's name.
        sink: String,
        /// The last batch in the database.
        written: u64,
        /// The batch that was to come.
        open: u64,
    },
    /// Two sinks have one name in a database: what one has committed the other would take for its own.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    #[error(
        "somebody else commits to `{database}` as the sink `{sink}`, and a batch of this one has not been \
         written for that: give each sink of a database a name of its own, and begin again from the checkpoint \
         before, or anew"
    )]
    SharedName {
        /// Its path, or where its server is.
        database: String,
        /// The sink's name.
        sink: String,
    },
    /// A table is not there, or not as a sink needs it.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    #[error(
        "the table `{table}` of the database `{database}` cannot be written: {reason}; it is to have \
         {needs}: make it so, for example with the sink's `.schema(..)`, or name another"
    )]
    Table {
        /// Its name.
        table: String,
        /// The path of its database, or where the server is.
        database: String,
        /// What is missing.
        reason: String,
        /// What it is to have.
        needs: String,
    },
    /// A record does not serialize.
    #[error("a record cannot be written to `{path}`: {reason}")]
    Record {
        /// The path.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Whoever read what the graph writes has gone.
    #[error("the reader of `{name}` has closed it: nothing more can be written")]
    BrokenPipe {
        /// `stdout`, or the address.
        name: String,
    },
    /// A socket cannot be listened on, connected or used.
    #[error("{doing} {address} failed: {source}; {}", advice(.source))]
    Socket {
        /// What was tried.
        doing: &'static str,
        /// The address.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// The node needs tokio.
    #[error("{node} needs a tokio runtime: run the graph with `start`, not with `inline`")]
    NoRuntime {
        /// The node's type.
        node: &'static str,
    },
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
impl IoError {
    /// A table that cannot be written, of a database.
    pub(crate) fn unfit<K, T>(
        table: &crate::io::Table<K, T>,
        database: impl ToString,
        reason: impl ToString,
    ) -> Self {
        let (needs, reason) = (table.needs(), reason.to_string());
        IoError::Table { table: table.name().into(), database: database.to_string(), reason, needs }
    }
}

/// What to do.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotFound => "check the path, and that its folder exists",
        ErrorKind::PermissionDenied => "check the permissions of the file and of its folder",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "free some space on that disk, then start again"
        }
        ErrorKind::ReadOnlyFilesystem => "choose a path on a file system that can be written",
        ErrorKind::IsADirectory => "name a file, not a folder",
        ErrorKind::AddrInUse => "choose another port, or end the program that listens there",
        ErrorKind::ConnectionRefused => "start what listens there, then start again",
        _ => "once that is remedied, start again",
    }
}

impl IoError {
    /// A failed write to `name`; of a pipe whose reader has gone, the quieter error.
    pub(crate) fn of_write(name: &str, source: io::Error) -> Self {
        if source.kind() == ErrorKind::BrokenPipe {
            IoError::BrokenPipe { name: name.to_owned() }
        } else {
            IoError::Write { path: name.into(), source }
        }
    }
}

/// Whether a run ended because whoever read its output had enough, as `head` has: no failure of
/// the program, which can end quietly.
pub fn is_broken_pipe(error: &RunError) -> bool {
    let RunError::Failed { failure, .. } = error else { return false };
    let Cause::Error(error) = &failure.cause else { return false };
    let mut next: Option<&(dyn Error + 'static)> = Some(error.as_error());
    while let Some(error) = next {
        if matches!(error.downcast_ref(), Some(IoError::BrokenPipe { .. })) {
            return true;
        }
        next = error.source();
    }
    false
}
