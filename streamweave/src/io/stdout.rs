//! `StdoutLines`: lines to standard output.

use std::fmt::{self, Display};

use crate::NodeResult;
use crate::io::output::{Buffered, Place, ToLine, buffered, displayed, told};

/// Writes records to standard output, each as a line; see [`stdout_lines`].
#[crate::node(sink, crate = crate)]
pub struct StdoutLines<T: Send + 'static> {
    /// The records to write.
    #[input]
    records: &T,
    #[scratch(init = Buffered::at(&self.place))]
    buffered: Buffered,
    place: Place,
    line: ToLine<T>,
}

/// Writes records to standard output, each as a line.
///
/// Lines are written in blocks, at the latest 200 ms after their records. When the reader has had
/// enough (`program | head`), the graph fails with
/// [`IoError::BrokenPipe`](crate::io::IoError::BrokenPipe), which
/// [`is_broken_pipe`](crate::io::is_broken_pipe) tells from other failures.
///
/// ```
/// use streamweave::io::stdout_lines;
/// use streamweave::nodes::from_iter;
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     numbers: from_iter(0..3_u64),
///     print: stdout_lines(),
///     numbers.out => print.records,
/// };
/// graph.inline()?.drain()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn stdout_lines<T: Display + Send + 'static>() -> StdoutLines<T> {
    StdoutLines { place: Place::stdout(), line: displayed() }
}

impl<T: Send + 'static> StdoutLines<T> {
    /// As [`stdout_lines`]; `line` gives the text of a record.
    pub fn by<L: AsRef<[u8]>>(line: impl Fn(&T) -> L + Send + Sync + 'static) -> Self {
        StdoutLines { place: Place::stdout(), line: told(line) }
    }
}

impl<T: Send + 'static> fmt::Debug for StdoutLines<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StdoutLines").finish_non_exhaustive()
    }
}

impl<T: Send + 'static> StdoutLinesHandlers<T> for StdoutLines<T> {
    fn on_records(
        &self,
        state: &mut StdoutLinesState<T>,
        records: &T,
        out: &mut impl StdoutLinesOut<T>,
    ) -> NodeResult {
        state.buffered.line(out, |buffer| (self.line)(records, buffer).map(|()| buffer.push(b'\n')))
    }

    buffered!(stdout StdoutLinesState<T>, StdoutLinesOut<T>);
}
