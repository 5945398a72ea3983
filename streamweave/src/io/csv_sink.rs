//! `CsvSink`: a row a record.

use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;

use serde::Serialize;

use crate::NodeResult;
use crate::io::output::{Buffered, Place, buffered};
use crate::state::Value;

/// Writes records to a CSV file, each as a row. A row with the names of the fields comes first,
/// where records have names and the file is empty.
///
/// Buffered, and restored, as [`FileLinesSink`](crate::io::FileLinesSink).
///
/// ```
/// use streamweave::io::CsvSink;
/// use streamweave::prelude::*;
///
/// #[derive(serde::Serialize)]
/// struct Trade { symbol: &'static str, price: f64 }
///
/// let path = std::env::temp_dir().join("streamweave_csv_sink.csv");
/// let graph = graph! {
///     file: CsvSink::<Trade>::create(&path),
///     graph.trades => file.records,
/// };
/// let run = graph.inline()?;
/// run.inputs.trades.try_send(Trade { symbol: "ACME", price: 9.5 })?;
/// run.close_inputs()?.drain()?;
/// assert_eq!(std::fs::read_to_string(&path)?, "symbol,price\nACME,9.5\n");
///
/// // As `CsvFile` with the same options reads it.
/// let bare = CsvSink::<Trade>::create(&path).without_header().delimiter(b';');
/// let run = graph! { file: bare, graph.trades => file.records }.inline()?;
/// run.inputs.trades.try_send(Trade { symbol: "ACME", price: 9.5 })?;
/// run.close_inputs()?.drain()?;
/// assert_eq!(std::fs::read_to_string(&path)?, "ACME;9.5\n");
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[crate::node(sink, idempotent = self.place.is_new(), crate = crate)]
pub struct CsvSink<T: Serialize + Send + 'static> {
    /// The records to write.
    #[input]
    records: &T,
    /// How long the file is, once it is open.
    #[state]
    written: Value<Option<u64>>,
    #[scratch(init = Buffered::at(&self.place))]
    buffered: Buffered,
    place: Place,
    headed: bool,
    delimiter: u8,
    items: PhantomData<fn(&T)>,
}

impl<T: Serialize + Send + 'static> CsvSink<T> {
    /// Writes a new file, in place of what is there.
    pub fn create(path: impl Into<PathBuf>) -> Self {
        Self::of(Place::create(path))
    }

    /// Writes behind what is there, if there is something.
    pub fn append(path: impl Into<PathBuf>) -> Self {
        Self::of(Place::append(path))
    }

    fn of(place: Place) -> Self {
        CsvSink { place, headed: true, delimiter: b',', items: PhantomData }
    }

    /// No row with the names of the fields comes first.
    #[must_use]
    pub fn without_header(mut self) -> Self {
        self.headed = false;
        self
    }

    /// What separates fields; a comma if it is not said. Fields that contain it are quoted.
    #[must_use]
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.delimiter = delimiter;
        self
    }
}

impl<T: Serialize + Send + 'static> fmt::Debug for CsvSink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CsvSink").field("path", &self.place.path()).finish_non_exhaustive()
    }
}

impl<T: Serialize + Send + 'static> CsvSinkHandlers<T> for CsvSink<T> {
    fn on_records(
        &self,
        state: &mut CsvSinkState<T>,
        records: &T,
        out: &mut impl CsvSinkOut<T>,
    ) -> NodeResult {
        state.buffered.record(&mut state.written, out, |length, buffer| {
            // There is a header already, or something behind which there must be none.
            let header = self.headed && length == 0;
            row(records, header, self.delimiter).map(|row| buffer.extend(row))
        })
    }

    buffered!(file CsvSinkState<T>, CsvSinkOut<T>);
}

/// A record as a row, behind the header if that is asked for. In memory of its own, so that what
/// fails in the middle leaves nothing.
fn row<T: Serialize>(record: &T, header: bool, delimiter: u8) -> Result<Vec<u8>, String> {
    let mut builder = csv::WriterBuilder::new();
    builder.has_headers(header).delimiter(delimiter).buffer_capacity(512);
    let mut writer = builder.from_writer(Vec::new());
    writer.serialize(record).map_err(|error| error.to_string())?;
    writer.into_inner().map_err(|error| error.to_string())
}
