//! `JsonLinesSink`: a JSON value a line.

use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;

use serde::Serialize;

use crate::NodeResult;
use crate::io::output::{Buffered, Place, buffered};
use crate::state::Value;

/// Writes records to a file, each as JSON on a line of its own.
///
/// Buffered, and restored, as [`FileLinesSink`](crate::io::FileLinesSink).
///
/// ```
/// use streamweave::io::JsonLinesSink;
/// use streamweave::prelude::*;
///
/// #[derive(serde::Serialize)]
/// struct Trade { symbol: &'static str, price: f64 }
///
/// let path = std::env::temp_dir().join("streamweave_json_lines_sink.jsonl");
/// let graph = graph! {
///     file: JsonLinesSink::<Trade>::create(&path),
///     graph.trades => file.records,
/// };
/// let run = graph.inline()?;
/// run.inputs.trades.try_send(Trade { symbol: "ACME", price: 9.5 })?;
/// run.close_inputs()?.drain()?;
/// assert_eq!(std::fs::read_to_string(&path)?, "{\"symbol\":\"ACME\",\"price\":9.5}\n");
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[crate::node(sink, idempotent = self.place.is_new(), crate = crate)]
pub struct JsonLinesSink<T: Serialize + Send + 'static> {
    /// The records to write.
    #[input]
    records: &T,
    /// How long the file is, once it is open.
    #[state]
    written: Value<Option<u64>>,
    #[scratch(init = Buffered::at(&self.place))]
    buffered: Buffered,
    place: Place,
    items: PhantomData<fn(&T)>,
}

impl<T: Serialize + Send + 'static> JsonLinesSink<T> {
    /// Writes a new file, in place of what is there.
    pub fn create(path: impl Into<PathBuf>) -> Self {
        JsonLinesSink { place: Place::create(path), items: PhantomData }
    }

    /// Writes behind what is there, if there is something.
    pub fn append(path: impl Into<PathBuf>) -> Self {
        JsonLinesSink { place: Place::append(path), items: PhantomData }
    }
}

impl<T: Serialize + Send + 'static> fmt::Debug for JsonLinesSink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonLinesSink").field("path", &self.place.path()).finish_non_exhaustive()
    }
}

impl<T: Serialize + Send + 'static> JsonLinesSinkHandlers<T> for JsonLinesSink<T> {
    fn on_records(
        &self,
        state: &mut JsonLinesSinkState<T>,
        records: &T,
        out: &mut impl JsonLinesSinkOut<T>,
    ) -> NodeResult {
        state.buffered.record(&mut state.written, out, |_, buffer| {
            serde_json::to_writer(&mut *buffer, records).map(|()| buffer.push(b'\n'))
        })
    }

    buffered!(file JsonLinesSinkState<T>, JsonLinesSinkOut<T>);
}
