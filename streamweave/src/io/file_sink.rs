//! `FileLinesSink`: a line a record.

use std::fmt::{self, Display};
use std::path::PathBuf;

use crate::NodeResult;
use crate::io::output::{Target, ToLine, buffered, displayed, flush_soon, told};

/// Writes records to a file, each as a line.
///
/// The file is opened when the graph starts. Lines are written in blocks of 64 KiB, at the latest
/// 200 ms after their records, and at the end, when they are also put on the disk.
///
/// ```no_run
/// use streamweave::io::FileLinesSink;
///
/// let numbers = FileLinesSink::<u64>::create("numbers.txt");
/// let sums = FileLinesSink::append_by("sums.txt", |(name, sum): &(String, u64)| {
///     format!("{name} {sum}")
/// });
/// ```
#[crate::node(sink, crate = crate)]
pub struct FileLinesSink<T: Send + 'static> {
    /// The records to write.
    #[input]
    records: &T,
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
            target.record(|buffer| (self.line)(records, buffer).map(|()| buffer.push(b'\n')))?;
            flush_soon(&mut state.flushes, out);
        }
        Ok(())
    }

    buffered!(FileLinesSinkState<T>, FileLinesSinkOut<T>, |node| Target::file(
        &node.path,
        node.append
    )?
    .0);
}
