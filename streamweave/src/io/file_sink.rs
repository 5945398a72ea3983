//! `FileLinesSink`: a line a record.

use std::fmt::{self, Display};
use std::path::PathBuf;

use crate::NodeResult;
use crate::io::output::{Target, ToLine, buffered, displayed, flush_soon, told};
use crate::state::Value;

/// Writes records to a file, each as a line.
///
/// The file is opened when the graph starts. Lines are written in blocks of 64 KiB, at the latest
/// 200 ms after their records, and at checkpoints and at the end, when they are also put on the disk.
///
/// How long the file is goes with the node's state. A run that is restored from a checkpoint cuts the
/// file back to there and goes on behind that, so each line is in it once, whatever happened to
/// the run before; it refuses a file that is shorter.
///
/// ```no_run
/// use streamweave::io::FileLinesSink;
///
/// let numbers = FileLinesSink::<u64>::create("numbers.txt");
/// let sums = FileLinesSink::append_by("sums.txt", |(name, sum): &(String, u64)| {
///     format!("{name} {sum}")
/// });
/// ```
#[crate::node(sink, idempotent, crate = crate)]
pub struct FileLinesSink<T: Send + 'static> {
    /// The records to write.
    #[input]
    records: &T,
    /// How long the file is, once it is open.
    #[state]
    written: Value<Option<u64>>,
    #[scratch]
    target: Option<Target>,
    #[scratch]
    flushes: bool,
    path: PathBuf,
    append: bool,
    line: ToLine<T>,
}

impl<T: Display + Send + 'static> FileLinesSink<T> {
    /// Writes a new file, in place of what is there.
    pub fn create(path: impl Into<PathBuf>) -> Self {
        FileLinesSink { path: path.into(), append: false, line: displayed() }
    }

    /// Writes behind what is there, if there is something.
    pub fn append(path: impl Into<PathBuf>) -> Self {
        FileLinesSink { path: path.into(), append: true, line: displayed() }
    }
}

impl<T: Send + 'static> FileLinesSink<T> {
    /// As [`create`](Self::create); `line` gives the text of a record.
    pub fn create_by<L: AsRef<[u8]>>(
        path: impl Into<PathBuf>,
        line: impl Fn(&T) -> L + Send + Sync + 'static,
    ) -> Self {
        FileLinesSink { path: path.into(), append: false, line: told(line) }
    }

    /// As [`append`](Self::append); `line` gives the text of a record.
    pub fn append_by<L: AsRef<[u8]>>(
        path: impl Into<PathBuf>,
        line: impl Fn(&T) -> L + Send + Sync + 'static,
    ) -> Self {
        FileLinesSink { path: path.into(), append: true, line: told(line) }
    }
}

impl<T: Send + 'static> fmt::Debug for FileLinesSink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileLinesSink").field("path", &self.path).finish_non_exhaustive()
    }
}

impl<T: Send + 'static> FileLinesSinkHandlers<T> for FileLinesSink<T> {
    fn on_records(
        &self,
        state: &mut FileLinesSinkState<T>,
        records: &T,
        out: &mut impl FileLinesSinkOut<T>,
    ) -> NodeResult {
        if let Some(target) = &mut state.target {
            let length = state.written.unwrap_or_else(|| target.length());
            target.record(length, |buffer| {
                (self.line)(records, buffer).map(|()| buffer.push(b'\n'))
            })?;
            state.written.set(Some(target.length()));
            flush_soon(&mut state.flushes, out);
        }
        Ok(())
    }

    buffered!(file FileLinesSinkState<T>, FileLinesSinkOut<T>);
}
