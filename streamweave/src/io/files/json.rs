//! `JsonLines`: a JSON value a line.

use std::fmt;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use super::{Decode, Feed, Files, Place, Split, file_options};
use crate::io::record::{BadRecord, without_ending};
use crate::node::{More, NodeResult};
use crate::state::Keyed;

/// Records from files with one JSON value a line (JSON Lines, NDJSON). Blank lines are skipped.
///
/// Positions, gzip and files that grow are as with [`FileLines`](crate::io::FileLines).
///
/// ```no_run
/// use streamweave::io::JsonLines;
/// use streamweave::prelude::*;
///
/// #[derive(serde::Deserialize)]
/// struct Trade { symbol: String, price: f64 }
///
/// let graph = graph! {
///     trades: JsonLines::<Trade>::new("trades.jsonl"),
///     trades.out    => graph.trades,
///     trades.errors => graph.odd,       // lines that are no `Trade`
/// };
/// ```
#[crate::node(source, rewindable, splits = self.files.names(), crate = crate)]
pub struct JsonLines<T: DeserializeOwned + Send + 'static> {
    /// The records, in the order of the file.
    #[output]
    out: T,
    /// Lines that are no `T`. Not connected, the first one fails the graph.
    #[output(optional)]
    errors: BadRecord,
    /// How far each file has been read, by path.
    #[state]
    splits: Keyed<String, Split>,
    #[scratch]
    feed: Feed<Json<T>>,
    files: Files,
    records: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned + Send + 'static> JsonLines<T> {
    file_options!();

    fn of(files: Files) -> Self {
        JsonLines { files, records: PhantomData }
    }
}

impl<T: DeserializeOwned + Send + 'static> fmt::Debug for JsonLines<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonLines").field("files", &self.files).finish()
    }
}

impl<T: DeserializeOwned + Send + 'static> JsonLinesHandlers<T> for JsonLines<T> {
    fn on_start(
        &self,
        state: &mut JsonLinesState<T>,
        out: &mut impl JsonLinesOut<T>,
    ) -> NodeResult {
        Ok(state.feed.begin(&self.files, &mut state.splits, |name| out.owns_split(name))?)
    }

    async fn next(
        &self,
        state: &mut JsonLinesState<T>,
        out: &mut impl JsonLinesOut<T>,
    ) -> NodeResult<More> {
        let JsonLinesState { splits, feed, .. } = state;
        let lenient = out.errors_connected();
        feed.next(
            &self.files,
            splits,
            lenient,
            || Json(PhantomData),
            |record| match record {
                Ok(record) => out.out(record),
                Err(error) => out.errors(error),
            },
        )
    }

    async fn wait(
        &self,
        state: &mut JsonLinesState<T>,
        out: &mut impl JsonLinesOut<T>,
    ) -> NodeResult {
        state.feed.wait(&self.files, out).await;
        Ok(())
    }
}

/// A line is a value.
struct Json<T>(PhantomData<fn() -> T>);

impl<T: DeserializeOwned + 'static> Decode for Json<T> {
    type Record = T;

    fn line(&mut self, line: &[u8], at: Place<'_>, into: &mut Vec<Result<T, BadRecord>>) -> bool {
        let mut line = without_ending(line);
        if at.line == 1 {
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        if line.trim_ascii().is_empty() {
            return true;
        }
        into.push(serde_json::from_slice(line).map_err(|error| BadRecord {
            file: at.file.clone(),
            line: at.line,
            // Every value is a text of one line to the parser.
            reason: error.to_string().replace(" at line 1 column ", " at column "),
            raw: line.to_vec(),
        }));
        true
    }
}
