//! Sources and sinks, by system: files, standard input and output, TCP.
//!
//! | source | output | feature |
//! |---|---|---|
//! | [`FileLines`] | `lines: Line` | |
//! | `CsvFile<T>` | `out: T` | `csv` |
//! | `JsonLines<T>` | `out: T` | `json` |
//! | `ParquetFile<T>` | `out: T` | `parquet` |
//! | [`StdinLines`] | `lines: Line` | |
//! | `TcpLines` | `lines: TcpLine` | `net` |
//!
//! Each has a second output, `errors: BadRecord`. While it is not connected, the first bad record
//! fails the graph, with its file and line: nothing is dropped in silence.
//!
//! | sink | input | writes | feature |
//! |---|---|---|---|
//! | [`FileLinesSink`] | `records: &T` | a line a record, by `Display` or a closure | |
//! | `CsvSink<T>` | `records: &T` | a row a record | `csv` |
//! | `JsonLinesSink<T>` | `records: &T` | a line of JSON a record | `json` |
//! | `ParquetSink<T>` | `records: &T` | a row a record, all of them at the end | `parquet` |
//! | [`PartFiles`] | `records: &T` | a line a record, in files that appear with checkpoints | |
//! | `PostgresSink<T>` | `records: T` | statements in a transaction | `postgres` |
//! | `PostgresUpsert<K, T>` | `records: (K, T)` | the newest record of each key, in a `Table` | `postgres` |
//! | `SqliteSink<T>` | `records: T` | what a closure does in a transaction | `sqlite` |
//! | `SqliteUpsert<K, T>` | `records: (K, T)` | the newest record of each key, in a `Table` | `sqlite` |
//! | [`StdoutLines`] | `records: &T` | a line a record | |
//! | `TcpSink` | `records: T` | a line a record | `net` |
//!
//! Under `#[workers(n)]` each worker reads every n-th file of a [`FileLines`], `CsvFile`, `JsonLines` or `ParquetFile`,
//! in the order of their paths; the other sources are refused there. Positions go with their files to another number of
//! workers. Give the records of files that follow each other their event times on the same workers: behind them the
//! files are mixed, so that an estimate by `disorder` would find most of the earlier ones late.
//!
//! Files may be gzip, whatever their names (feature `gzip`). Sources of files are *rewindable*:
//! their positions are managed state, so a restored graph goes on exactly where the snapshot was
//! taken. Standard input and TCP are *volatile*: what was read is gone. [`PartFiles`], `PostgresSink` and
//! `SqliteSink` are *transactional*: what they show is what complete checkpoints hold, exactly once.
//! `PostgresUpsert` and `SqliteUpsert` are *idempotent*: what comes again changes nothing. The other sinks are *visible*: what a unit wrote before it failed is not taken back. (Of a
//! Parquet file nothing is seen before all of it is.)
//!
//! Files are read and written with blocking calls, in bounded batches: a stage with such a node
//! holds its thread for the time of one read of at most 64 KiB or one write. Where the files are
//! on a slow network, give the runtime a thread more.

#[cfg(feature = "csv")]
mod csv_sink;
mod error;
mod file_sink;
#[allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "reads files")]
mod files;
mod frames;
#[cfg(feature = "json")]
mod json_sink;
#[allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "writes files")]
mod output;
#[cfg(feature = "parquet")]
#[allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "writes files")]
mod parquet_sink;
#[allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "writes files")]
mod part_files;
mod record;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod sql;
mod stdin;
mod stdout;
#[cfg(feature = "net")]
mod tcp_sink;
#[cfg(feature = "net")]
mod tcp_source;

#[cfg(feature = "csv")]
pub use csv_sink::*;
pub use error::{IoError, is_broken_pipe};
pub use file_sink::*;
#[cfg(feature = "csv")]
pub use files::csv::*;
#[cfg(feature = "json")]
pub use files::json::*;
pub use files::lines::*;
#[cfg(feature = "parquet")]
pub use files::parquet::*;
#[cfg(feature = "json")]
pub use json_sink::*;
#[cfg(feature = "parquet")]
pub use parquet_sink::*;
pub use part_files::*;
pub use record::{BadRecord, Line};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use sql::*;
pub use stdin::*;
pub use stdout::*;
#[cfg(feature = "net")]
pub use tcp_sink::*;
#[cfg(feature = "net")]
pub use tcp_source::*;
