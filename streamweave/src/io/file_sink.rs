//! `FileLinesSink`: a line a record.

use std::fmt::{self, Display};
use std::path::PathBuf;

use crate::NodeResult;
use crate::io::output::{Buffered, Place, ToLine, buffered, displayed, told};
use crate::state::Value;

/// Writes records to a file, each as a line.
///
/// The file is opened when the graph starts. Lines are written in blocks of 64 KiB, at the latest
/// 200 ms after their records, and at checkpoints and at the end, when they are also put on the disk.
///
/// How long the file is goes with the node's state. A run that is restored from a checkpoint cuts the
/// file back to there and goes on behind that, so each line is in it once, whatever happened to
/// the run before; it refuses a file that is shorter. What cannot be written as the disk is full waits while
/// the node [restarts](crate::supervision), and is written once there is room.
///
/// A run that is not restored empties a file that it was to [create](Self::create), so lines of one that was
/// killed before its first checkpoint do not come twice. Who [appends](Self::append) cannot know them from
/// what was there before: these come again.
///
/// ```no_run
/// use streamweave::io::FileLinesSink;
///
/// let numbers = FileLinesSink::<u64>::create("numbers.txt");
/// let sums = FileLinesSink::append_by("sums.txt", |(name, sum): &(String, u64)| {
///     format!("{name} {sum}")
/// });
/// ```
#[crate::node(sink, idempotent = self.place.is_new(), crate = crate)]
pub struct FileLinesSink<T: Send + 'static> {
    /// The records to write.
    #[input]
    records: &T,
    /// How long the file is, once it is open.
    #[state]
    written: Value<Option<u64>>,
    #[scratch(init = Buffered::at(&self.place))]
    buffered: Buffered,
    place: Place,
    line: ToLine<T>,
}

impl<T: Display + Send + 'static> FileLinesSink<T> {
    /// Writes a new file, in place of what is there.
    pub fn create(path: impl Into<PathBuf>) -> Self {
        FileLinesSink { place: Place::create(path), line: displayed() }
    }

    /// Writes behind what is there, if there is something.
    pub fn append(path: impl Into<PathBuf>) -> Self {
        FileLinesSink { place: Place::append(path), line: displayed() }
    }
}

impl<T: Send + 'static> FileLinesSink<T> {
    /// As [`create`](Self::create); `line` gives the text of a record.
    pub fn create_by<L: AsRef<[u8]>>(
        path: impl Into<PathBuf>,
        line: impl Fn(&T) -> L + Send + Sync + 'static,
    ) -> Self {
        FileLinesSink { place: Place::create(path), line: told(line) }
    }

    /// As [`append`](Self::append); `line` gives the text of a record.
    pub fn append_by<L: AsRef<[u8]>>(
        path: impl Into<PathBuf>,
        line: impl Fn(&T) -> L + Send + Sync + 'static,
    ) -> Self {
        FileLinesSink { place: Place::append(path), line: told(line) }
    }
}

impl<T: Send + 'static> fmt::Debug for FileLinesSink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileLinesSink").field("path", &self.place.path()).finish_non_exhaustive()
    }
}

impl<T: Send + 'static> FileLinesSinkHandlers<T> for FileLinesSink<T> {
    fn on_records(
        &self,
        state: &mut FileLinesSinkState<T>,
        records: &T,
        out: &mut impl FileLinesSinkOut<T>,
    ) -> NodeResult {
        state.buffered.record(&mut state.written, out, |_, buffer| {
            (self.line)(records, buffer).map(|()| buffer.push(b'\n'))
        })
    }

    buffered!(file FileLinesSinkState<T>, FileLinesSinkOut<T>);
}
