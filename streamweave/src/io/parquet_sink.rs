//! `ParquetSink`: records as the rows of a Parquet file.

use std::fmt;
use std::fs::File;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_schema::{FieldRef, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_arrow::ArrayBuilder;
use serde_arrow::schema::{SchemaLike, TracingOptions};

use crate::NodeResult;
use crate::checkpoint::disk::{flush_folder, folder_of};
use crate::io::IoError;
use crate::io::output::lock;
use crate::state::Value;

/// Writes records to a Parquet file: each is a row, its fields the columns by name, as the type
/// says. Packed with snappy.
///
/// The file is written beside its place, under its name with `.part` behind it, and takes its
/// place when the input has ended and it is on the disk: whoever opens it reads all of it. When the
/// graph fails or is stopped in between, what was at the place stays, and the part is removed. So it
/// cannot go on in the middle: where rows were written before a restart, or a checkpoint that is restored,
/// it fails and says so. Begin again without the checkpoint, or write parts that are complete with each
/// ([`PartFiles`](crate::io::PartFiles)).
///
/// For an example see [`ParquetFile`](crate::io::ParquetFile).
#[crate::node(sink, crate = crate)]
pub struct ParquetSink<T: Serialize + DeserializeOwned + Send + 'static> {
    /// The records to write.
    #[input]
    records: &T,
    /// How many rows were written: those of a run before are gone with its part.
    #[state]
    rows: Value<u64>,
    /// The file is in its place.
    #[state]
    complete: Value<bool>,
    #[scratch]
    part: Option<Part>,
    path: PathBuf,
    group: usize,
    items: PhantomData<fn(&T)>,
}

impl<T: Serialize + DeserializeOwned + Send + 'static> ParquetSink<T> {
    /// Writes a new file, in place of what is there.
    pub fn create(path: impl Into<PathBuf>) -> Self {
        ParquetSink { path: path.into(), group: 1 << 17, items: PhantomData }
    }

    /// The most rows of a row group, at least 1; 131,072 if it is not said. So many rows are in
    /// memory, packed, and so many have to be looked through to go on at a row.
    #[must_use]
    pub fn row_group(mut self, rows: usize) -> Self {
        self.group = rows.max(1);
        self
    }
}

impl<T: Serialize + DeserializeOwned + Send + 'static> fmt::Debug for ParquetSink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParquetSink").field("path", &self.path).finish_non_exhaustive()
    }
}

impl<T: Serialize + DeserializeOwned + Send + 'static> ParquetSinkHandlers<T> for ParquetSink<T> {
    fn on_start(
        &self,
        state: &mut ParquetSinkState<T>,
        _: &mut impl ParquetSinkOut<T>,
    ) -> NodeResult {
        if *state.complete {
            return Ok(());
        }
        if *state.rows > 0 {
            let rows = *state.rows;
            let reason = format!(
                "{rows} rows were written before, and are gone: a file that is not complete cannot be gone \
                 on with; begin again from the first record"
            );
            return Err(failed(&self.path, &reason).into());
        }
        let record = |error: &dyn fmt::Display| failed(&self.path, error);
        let fields = Vec::<FieldRef>::from_type::<T>(TracingOptions::default())
            .map_err(|error| record(&error))?;
        // Dropped first: it removes the file that the next one writes.
        state.part = None;
        state.part = Some(Part::new(&self.path, fields, self.group)?);
        Ok(())
    }

    fn on_records(
        &self,
        state: &mut ParquetSinkState<T>,
        records: &T,
        _: &mut impl ParquetSinkOut<T>,
    ) -> NodeResult {
        match &mut state.part {
            Some(part) => {
                part.push(records)?;
                *state.rows.get_mut() += 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn on_stop(
        &self,
        state: &mut ParquetSinkState<T>,
        _: &mut impl ParquetSinkOut<T>,
    ) -> NodeResult {
        match state.part.take() {
            Some(part) => {
                part.finish()?;
                state.complete.set(true);
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// The file that is being written; removed when it is dropped.
struct Part {
    /// Where it will be, and where it is.
    path: PathBuf,
    part: PathBuf,
    rows: ArrayBuilder,
    waiting: usize,
    writer: Option<ArrowWriter<File>>,
    /// A record did not serialize: its row may be in some columns only.
    spoiled: bool,
}

/// So many rows wait as Arrow before they are encoded.
const BATCH: usize = 1024;

impl Part {
    fn new(path: &Path, fields: Vec<FieldRef>, group: usize) -> Result<Self, IoError> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let part = path.with_file_name(name);
        let options = File::options().create(true).write(true).truncate(false).open(&part);
        let file = options.map_err(|source| write(path, source))?;
        lock(&file, path)?;
        file.set_len(0).map_err(|source| write(path, source))?;
        let rows = ArrayBuilder::from_arrow(&fields).map_err(|error| failed(path, &error))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_max_row_group_row_count(Some(group))
            .build();
        let schema = Arc::new(Schema::new(fields));
        let writer = ArrowWriter::try_new(file, schema, Some(properties));
        let writer = Some(writer.map_err(|error| failed(path, &error))?);
        Ok(Part { path: path.into(), part, rows, waiting: 0, writer, spoiled: false })
    }

    fn push<T: Serialize>(&mut self, record: &T) -> Result<(), IoError> {
        if self.spoiled {
            return Err(failed(&self.path, &"a record before it did not serialize"));
        }
        if let Err(error) = self.rows.push(record) {
            self.spoiled = true;
            return Err(failed(&self.path, &error));
        }
        self.waiting += 1;
        if self.waiting == BATCH { self.encode() } else { Ok(()) }
    }

    fn encode(&mut self) -> Result<(), IoError> {
        self.waiting = 0;
        let batch = self.rows.to_record_batch().map_err(|error| failed(&self.path, &error))?;
        match &mut self.writer {
            Some(writer) => writer.write(&batch).map_err(|error| failed(&self.path, &error)),
            None => Ok(()),
        }
    }

    /// The file is complete: on the disk, and then in its place.
    fn finish(mut self) -> Result<(), IoError> {
        if self.spoiled {
            return Err(failed(
                &self.path,
                &"a record did not serialize, so that no file was written",
            ));
        }
        self.encode()?;
        let Some(writer) = self.writer.take() else { return Ok(()) };
        let file = writer.into_inner().map_err(|error| failed(&self.path, &error))?;
        let path = &self.path;
        file.sync_all().map_err(|source| write(path, source))?;
        std::fs::rename(&self.part, path).map_err(|source| write(path, source))?;
        // Its name is on the disk too.
        let folder = folder_of(path).unwrap_or(path);
        flush_folder(folder).map_err(|source| write(folder, source))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Not there any more if it was finished.
        let _ = std::fs::remove_file(&self.part);
    }
}

fn failed(path: &Path, error: &dyn fmt::Display) -> IoError {
    let reason = error.to_string();
    let reason = reason.strip_prefix("Error: ").unwrap_or(&reason).to_owned();
    IoError::Record { path: path.into(), reason }
}

fn write(path: &Path, source: std::io::Error) -> IoError {
    IoError::Write { path: path.into(), source }
}
