//! `ParquetFile`: the rows of Parquet files, as records.
//!
//! Rows are decoded by `serde_arrow`, from the Arrow batches of the `parquet` crate into any type
//! that deserializes: nested columns, options and lists come with it, and the batch is read
//! column by column whatever the type.

use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::Files;
use super::progress::Progress;
use super::renamed::Position;
use crate::io::{BadRecord, IoError};
use crate::node::{More, NodeError, NodeResult};
use crate::state::Keyed;

/// Records from Parquet files: each row is a `T`, its columns the fields by name.
///
/// The position is a row of a row group, and part of the state: a restored graph goes on with the
/// row behind the last one that was sent. A row that is no `T` is a [`BadRecord`] with the row's
/// number, from 1, as its line; a file that is no Parquet, or damaged, fails the graph.
///
/// Files may be packed with snappy, gzip or lz4. For zstd or brotli, turn on that feature of the
/// crate `parquet` in your own `Cargo.toml`.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use streamweave::io::{ParquetFile, ParquetSink};
/// use streamweave::nodes::from_iter;
/// use streamweave::prelude::*;
///
/// #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
/// struct Trade { symbol: String, price: f64 }
///
/// let path = std::env::temp_dir().join(format!("trades-{}.parquet", std::process::id()));
/// let trades = vec![
///     Trade { symbol: "A".into(), price: 1.5 },
///     Trade { symbol: "B".into(), price: 2.5 },
/// ];
/// let graph = graph! {
///     trades: from_iter(trades.clone()),
///     file: ParquetSink::create(&path),
///     trades.out => file.records,
/// };
/// graph.inline()?.drain()?;
///
/// let graph = graph! {
///     file: ParquetFile::<Trade>::new(&path),
///     file.out => graph.trades,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// let read: Vec<_> = std::iter::from_fn(|| run.outputs.trades.try_recv()).collect();
/// assert_eq!(read, trades);
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[crate::node(source, rewindable, splits = self.files.names(), crate = crate)]
pub struct ParquetFile<T: DeserializeOwned + Send + 'static> {
    /// The records, in the order of the file.
    #[output]
    out: T,
    /// Rows that are no `T`. Not connected, the first one fails the graph.
    #[output(optional)]
    errors: BadRecord,
    /// How far each file has been read, by path.
    #[state]
    splits: Keyed<String, RowSplit>,
    /// Those that it reads, by number.
    #[scratch]
    own: Vec<usize>,
    #[scratch]
    open: Option<Open>,
    /// A failure has a unit of its own: what was given before it stands.
    #[scratch]
    failed: Option<NodeError>,
    #[scratch]
    progress: Progress,
    files: Files,
    records: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned + Send + 'static> ParquetFile<T> {
    /// Reads one file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self::list([path])
    }

    /// Reads these files, one after the other: what a glob found, for instance. Under `#[workers(n)]` each
    /// worker reads every n-th of them, in the order of their paths.
    pub fn list<P: Into<PathBuf>>(paths: impl IntoIterator<Item = P>) -> Self {
        let files = Files::new(paths.into_iter().map(Into::into));
        ParquetFile { files, records: PhantomData }
    }

    /// The most rows of a unit, at least 1; 1,024 if it is not said. Positions are between units.
    #[must_use]
    pub fn batch(mut self, rows: usize) -> Self {
        self.files.batch = rows.max(1);
        self
    }
}

impl<T: DeserializeOwned + Send + 'static> fmt::Debug for ParquetFile<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParquetFile").field("files", &self.files).finish()
    }
}

impl<T: DeserializeOwned + Send + 'static> ParquetFileHandlers<T> for ParquetFile<T> {
    fn on_start(
        &self,
        state: &mut ParquetFileState<T>,
        out: &mut impl ParquetFileOut<T>,
    ) -> NodeResult {
        self.files.rename(&mut state.splits, |name| out.owns_split(name))?;
        let finished = |name: &str| state.splits.get(name).is_some_and(|split| split.finished);
        self.files.check(|name| !out.owns_split(name) || finished(name))?;
        let list = self.files.list.iter().enumerate();
        state.own =
            list.filter(|(_, (_, name))| out.owns_split(name)).map(|(index, _)| index).collect();
        Ok(())
    }

    async fn next(
        &self,
        state: &mut ParquetFileState<T>,
        out: &mut impl ParquetFileOut<T>,
    ) -> NodeResult<More> {
        if let Some(error) = state.failed.take() {
            return Err(error);
        }
        let finished = |name: &str| state.splits.get(name).is_some_and(|split| split.finished);
        let mut own = state.own.iter().map(|index| (*index, &self.files.list[*index]));
        let Some((index, (path, name))) = own.find(|(_, (_, name))| !finished(name)) else {
            state.progress.end();
            return Ok(More::End);
        };
        let mut split = state.splits.get(&**name).cloned().unwrap_or_default();
        // After a rollback it may be further than the state.
        let mut open = match state.open.take().filter(|open| open.is_at(name, &split)) {
            Some(open) => open,
            None => Open::new(path, name, &mut split, self.files.batch)?,
        };
        let ran = open.unit(&mut split, out);
        // One bar is enough, and of all files.
        if state.own.len() == self.files.list.len() {
            state.progress.at(&self.files, index, || open.bytes(&split));
        }
        state.splits.insert((**name).to_owned(), split);
        match ran {
            Ok(()) => {
                state.open = Some(open);
                Ok(More::Now)
            }
            Err(error) => {
                state.failed = Some(error);
                Ok(More::Later)
            }
        }
    }
}

/// How far a file has been read. Its id is the file's path, as it was given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RowSplit {
    /// The row group, and the row in it, that is next.
    group: u64,
    row: u64,
    /// How many rows are before that.
    rows: u64,
    finished: bool,
    /// The file's length and the hash of its end, where Parquet says what is in it; (0, 0) before
    /// it was opened.
    identity: (u64, u64),
}

impl Position for RowSplit {
    fn is_finished(&self) -> bool {
        self.finished
    }
    fn offset(&self) -> u64 {
        self.rows
    }
    fn is_in(&self, path: &Path, metadata: &Metadata) -> bool {
        let is_same = |mut file| identity(&mut file).is_ok_and(|found| found == self.identity);
        self.identity.0 == metadata.len() && File::open(path).is_ok_and(is_same)
    }
}

/// The file that is being read.
struct Open {
    path: PathBuf,
    name: Arc<str>,
    file: File,
    metadata: ArrowReaderMetadata,
    /// Of the row group at `at`.
    reader: Option<ParquetRecordBatchReader>,
    at: (u64, u64),
    batch: usize,
}

/// How much of the end of a file is compared.
const TAIL: u64 = 4096;

fn identity(file: &mut File) -> io::Result<(u64, u64)> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail)?;
    Ok((length, xxh3_64(&tail)))
}

impl Open {
    fn new(
        path: &Path,
        name: &Arc<str>,
        split: &mut RowSplit,
        batch: usize,
    ) -> Result<Self, IoError> {
        let failed = |source| IoError::Open { path: path.into(), source };
        let mut file = File::open(path).map_err(failed)?;
        let identity = identity(&mut file).map_err(failed)?;
        if split.identity == (0, 0) {
            split.identity = identity;
        } else if split.identity != identity {
            return Err(IoError::ChangedRows { path: path.into(), row: split.rows });
        }
        let metadata = tried(path, || ArrowReaderMetadata::load(&file, Default::default()))?;
        let at = (split.group, split.row);
        Ok(Open {
            path: path.into(),
            name: Arc::clone(name),
            file,
            metadata,
            reader: None,
            at,
            batch,
        })
    }

    fn is_at(&self, name: &Arc<str>, split: &RowSplit) -> bool {
        self.name == *name && self.at == (split.group, split.row)
    }

    /// As many as the rows so far have, were all rows alike: columns lie apart in the file.
    fn bytes(&self, split: &RowSplit) -> u64 {
        let rows = self.metadata.metadata().file_metadata().num_rows();
        let part = u128::from(split.identity.0) * u128::from(split.rows) / rows.max(1) as u128;
        u64::try_from(part).unwrap_or(u64::MAX)
    }

    /// Sends the next rows, and moves the position behind them.
    fn unit<T: DeserializeOwned + Send + 'static>(
        &mut self,
        split: &mut RowSplit,
        out: &mut impl ParquetFileOut<T>,
    ) -> Result<(), NodeError> {
        if split.group >= self.metadata.metadata().num_row_groups() as u64 {
            split.finished = true;
            return Ok(());
        }
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => self.reader()?,
        };
        let Some(rows) = tried(&self.path, || reader.next().transpose())? else {
            (split.group, split.row) = (split.group + 1, 0);
            self.at = (split.group, 0);
            return Ok(());
        };
        self.reader = Some(reader);
        let mut given = rows.num_rows() as u64;
        let mut result = Ok(());
        match serde_arrow::from_record_batch::<Vec<T>>(&rows) {
            Ok(records) => out.out_all(records),
            // Some of them are no `T`: one by one, to tell which.
            Err(_) => {
                for index in 0..rows.num_rows() {
                    match row(&rows.slice(index, 1)) {
                        Ok(records) => out.out_all(records),
                        Err(reason) => {
                            let line = split.rows + index as u64 + 1;
                            let file = Arc::clone(&self.name);
                            let bad = BadRecord { file, line, reason, raw: Vec::new() };
                            if !out.errors_connected() {
                                given = index as u64;
                                result = Err(bad.into());
                                break;
                            }
                            out.errors(bad);
                        }
                    }
                }
            }
        }
        split.row += given;
        split.rows += given;
        self.at = (split.group, split.row);
        result
    }

    /// Reads the row group at the position, from there on.
    fn reader(&self) -> Result<ParquetRecordBatchReader, IoError> {
        let file = self.file.try_clone();
        let file = file.map_err(|source| IoError::Open { path: self.path.clone(), source })?;
        let builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
        tried(&self.path, || {
            builder
                .with_row_groups(vec![self.at.0 as usize])
                .with_offset(self.at.1 as usize)
                .with_batch_size(self.batch)
                .build()
        })
    }
}

/// What `read` gives. Of some damage the crate `parquet` makes panics, which are errors here.
fn tried<V, E: fmt::Display>(
    path: &Path,
    read: impl FnOnce() -> Result<V, E>,
) -> Result<V, IoError> {
    let damaged = |reason| IoError::Parquet { path: path.into(), reason };
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(read) => read.map_err(|error| damaged(error.to_string())),
        Err(_) => Err(damaged("it is damaged".to_owned())),
    }
}

/// One row, or why it is no record.
fn row<T: DeserializeOwned>(row: &RecordBatch) -> Result<Vec<T>, String> {
    serde_arrow::from_record_batch(row).map_err(|error| {
        let reason = error.to_string();
        reason.strip_prefix("Error: ").unwrap_or(&reason).to_owned()
    })
}
