//! `CsvFile`: rows of CSV files, which may be longer than a line.

use std::fmt;
use std::marker::PhantomData;

use csv::StringRecord;
use csv_core::ReadRecordResult;
use serde::de::DeserializeOwned;

use super::{Decode, Feed, Files, Place, Split, file_options};
use crate::io::record::BadRecord;
use crate::node::{More, NodeResult};
use crate::state::Keyed;

/// Records from CSV files, whose first row names the columns. Blank lines are skipped; quoted
/// fields may contain line breaks.
///
/// Positions, gzip and files that grow are as with [`FileLines`](crate::io::FileLines).
///
/// ```no_run
/// use streamweave::io::CsvFile;
///
/// #[derive(serde::Deserialize)]
/// struct Trade { symbol: String, price: f64 }
///
/// let trades = CsvFile::<Trade>::new("trades.csv").delimiter(b';');
/// ```
#[crate::node(source, rewindable, splits = self.files.names(), crate = crate)]
pub struct CsvFile<T: DeserializeOwned + Send + 'static> {
    /// The records, in the order of the file.
    #[output]
    out: T,
    /// Rows that are no `T`. Not connected, the first one fails the graph.
    #[output(optional)]
    errors: BadRecord,
    /// How far each file has been read, by path.
    #[state]
    splits: Keyed<String, Split>,
    #[scratch]
    feed: Feed<Rows<T>>,
    files: Files,
    headed: bool,
    delimiter: u8,
    records: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned + Send + 'static> CsvFile<T> {
    file_options!();

    fn of(files: Files) -> Self {
        CsvFile { files, headed: true, delimiter: b',', records: PhantomData }
    }

    /// The first row is a record too: fields are taken by position, not by name.
    #[must_use]
    pub fn without_header(mut self) -> Self {
        self.headed = false;
        self
    }

    /// What separates fields; a comma if it is not said.
    #[must_use]
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.delimiter = delimiter;
        self
    }
}

impl<T: DeserializeOwned + Send + 'static> fmt::Debug for CsvFile<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CsvFile").field("files", &self.files).finish_non_exhaustive()
    }
}

impl<T: DeserializeOwned + Send + 'static> CsvFileHandlers<T> for CsvFile<T> {
    fn on_start(&self, state: &mut CsvFileState<T>, out: &mut impl CsvFileOut<T>) -> NodeResult {
        Ok(state.feed.begin(&self.files, &mut state.splits, |name| out.owns_split(name))?)
    }

    async fn next(
        &self,
        state: &mut CsvFileState<T>,
        out: &mut impl CsvFileOut<T>,
    ) -> NodeResult<More> {
        let CsvFileState { splits, feed, .. } = state;
        let lenient = out.errors_connected();
        let make = || Rows::new(self.headed, self.delimiter);
        feed.next(&self.files, splits, lenient, make, |record| match record {
            Ok(record) => out.out(record),
            Err(error) => out.errors(error),
        })
    }

    async fn wait(&self, state: &mut CsvFileState<T>, out: &mut impl CsvFileOut<T>) -> NodeResult {
        state.feed.wait(&self.files, out).await;
        Ok(())
    }
}

/// Rows out of lines.
struct Rows<T> {
    parser: csv_core::Reader,
    /// The fields of the row so far, one behind the other, and where they end.
    fields: (Vec<u8>, usize),
    ends: (Vec<usize>, usize),
    /// The lines of a row that is not complete, and the number of the first.
    raw: Vec<u8>,
    first: u64,
    headed: bool,
    names: Option<StringRecord>,
    row: StringRecord,
    records: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned + 'static> Rows<T> {
    fn new(headed: bool, delimiter: u8) -> Self {
        Rows {
            parser: csv_core::ReaderBuilder::new().delimiter(delimiter).build(),
            fields: (vec![0; 1024], 0),
            ends: (vec![0; 32], 0),
            raw: Vec::new(),
            first: 0,
            headed,
            names: None,
            row: StringRecord::new(),
            records: PhantomData,
        }
    }

    /// Parses some input; every row that it completes goes to `into`.
    fn parse(
        &mut self,
        mut input: &[u8],
        at: &mut Place<'_>,
        into: &mut Vec<Result<T, BadRecord>>,
    ) {
        while !input.is_empty() {
            let (fields, ends) = (&mut self.fields, &mut self.ends);
            let (result, read, written, ended) =
                self.parser.read_record(input, &mut fields.0[fields.1..], &mut ends.0[ends.1..]);
            input = &input[read..];
            fields.1 += written;
            ends.1 += ended;
            match result {
                ReadRecordResult::OutputFull => fields.0.resize(fields.0.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => ends.0.resize(ends.0.len() * 2, 0),
                ReadRecordResult::Record => {
                    match self.record(at) {
                        Ok(None) => {}
                        Ok(Some(record)) => into.push(Ok(record)),
                        Err(reason) => into.push(Err(self.bad(at, reason))),
                    }
                    (self.fields.1, self.ends.1) = (0, 0);
                }
                ReadRecordResult::InputEmpty | ReadRecordResult::End => {}
            }
        }
    }

    fn is_open(&self) -> bool {
        self.fields.1 > 0 || self.ends.1 > 0
    }

    fn bad(&self, at: &Place<'_>, reason: String) -> BadRecord {
        let (file, raw) = (at.file.clone(), self.raw.clone());
        BadRecord { file, line: self.first, reason, raw }
    }

    /// The row that is complete; nothing if it is the header.
    fn record(&mut self, at: &mut Place<'_>) -> Result<Option<T>, String> {
        self.row.clear();
        let mut start = 0;
        let is_header = self.headed && at.header.is_empty();
        for (number, end) in (1..).zip(&self.ends.0[..self.ends.1]) {
            let field = &self.fields.0[start..*end];
            if is_header {
                // The rows below are not to lack it: what is no UTF-8 in a name stays unreadable there.
                at.header.push(String::from_utf8_lossy(field).into_owned());
            } else {
                let text = std::str::from_utf8(field);
                self.row.push_field(text.map_err(|_| format!("field {number} is not UTF-8"))?);
            }
            start = *end;
        }
        if is_header {
            return Ok(None);
        }
        let mut names = None;
        if self.headed {
            if self.row.len() != at.header.len() {
                let (fields, columns) = (self.row.len(), at.header.len());
                return Err(format!("{fields} fields, but the header names {columns} columns"));
            }
            let header = &*at.header;
            names = Some(&*self.names.get_or_insert_with(|| header.iter().collect()));
        }
        self.row.deserialize(names).map(Some).map_err(|error| match error.kind() {
            csv::ErrorKind::Deserialize { err, .. } => {
                let column = err.field().and_then(|field| usize::try_from(field).ok());
                match column.and_then(|column| at.header.get(column)) {
                    Some(name) => format!("column `{name}`: {}", err.kind()),
                    None => err.to_string(),
                }
            }
            _ => error.to_string(),
        })
    }

    fn give_up(&mut self) {
        self.parser.reset();
        (self.fields.1, self.ends.1) = (0, 0);
        self.raw.clear();
    }
}

impl<T: DeserializeOwned + 'static> Decode for Rows<T> {
    type Record = T;

    fn line(
        &mut self,
        line: &[u8],
        mut at: Place<'_>,
        into: &mut Vec<Result<T, BadRecord>>,
    ) -> bool {
        if !self.is_open() {
            self.first = at.line;
            self.raw.clear();
        }
        self.raw.extend_from_slice(line);
        self.parse(line, &mut at, into);
        if self.is_open() && self.raw.len() > at.max {
            self.raw.truncate(1024);
            let (last, max) = (at.line, at.max);
            let reason = format!(
                "the row is longer than the limit of {max} bytes, and lines {} to {last} are \
                 skipped: is a quote not closed? If not, raise the limit with `.max_line(bytes)`",
                self.first
            );
            into.push(Err(self.bad(&at, reason)));
            self.give_up();
        }
        !self.is_open()
    }

    fn end(&mut self, mut at: Place<'_>, into: &mut Vec<Result<T, BadRecord>>) {
        if self.is_open() {
            // Only inside of quotes a line break does not end the row.
            self.parse(b"\n", &mut at, into);
        }
        if self.is_open() {
            into.push(Err(self.bad(&at, "the file ends inside of a quoted field".to_owned())));
        }
        self.give_up();
    }

    fn interrupt(&mut self, at: Place<'_>, into: &mut Vec<Result<T, BadRecord>>) {
        if self.is_open() {
            let reason = "the row is not complete: what follows cannot be read".to_owned();
            into.push(Err(self.bad(&at, reason)));
        }
        self.give_up();
    }
}
