//! `FileLines`: the lines of files.

use super::{Decode, Feed, Files, Place, Split, file_options};
use crate::io::record::{BadRecord, Line, text};
use crate::node::{More, NodeResult};
use crate::state::Keyed;

/// The lines of files, one file after the other, or of files that grow.
///
/// Each file is a split; its position (byte, line, and which file it is) is saved, so that a
/// restored graph goes on exactly there. A line that is no UTF-8 or too long goes to `errors`.
///
/// ```no_run
/// use streamweave::io::FileLines;
///
/// let all = FileLines::list(["a.log", "b.log.gz"]);
/// let live = FileLines::new("access.log").follow().max_line(64 << 10);
/// ```
///
/// Under `#[workers(n)]` each worker reads every n-th file, in the order of their paths:
///
/// ```
/// use streamweave::io::{FileLines, Line};
/// use streamweave::nodes::filter;
/// use streamweave::prelude::*;
///
/// let folder = std::env::temp_dir().join(format!("streamweave-divided-{}", std::process::id()));
/// std::fs::create_dir_all(&folder)?;
/// let files = ["a.log", "b.log", "c.log"].map(|name| folder.join(name));
/// for file in &files {
///     std::fs::write(file, "error: one\nfine\nerror: two\n")?;
/// }
/// let graph = graph! {
///     #[workers(2)]
///     group reading {
///         lines: FileLines::list(files),
///         errors: filter(|line: &Line| line.text.starts_with("error")),
///     },
///     lines.lines => errors.input,
///     errors.out => graph.errors,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// assert_eq!(std::iter::from_fn(|| run.outputs.errors.try_recv()).count(), 6);
/// # std::fs::remove_dir_all(folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[crate::node(source, rewindable, splits = self.files.names(), crate = crate)]
#[derive(Debug)]
pub struct FileLines {
    /// The lines, in the order of the file.
    #[output]
    lines: Line,
    /// What is no line of text. Not connected, the first one fails the graph.
    #[output(optional)]
    errors: BadRecord,
    /// How far each file has been read, by path.
    #[state]
    splits: Keyed<String, Split>,
    #[scratch]
    feed: Feed<Text>,
    files: Files,
}

impl FileLines {
    file_options!();

    fn of(files: Files) -> Self {
        FileLines { files }
    }
}

impl FileLinesHandlers for FileLines {
    fn on_start(&self, state: &mut FileLinesState, out: &mut impl FileLinesOut) -> NodeResult {
        Ok(state.feed.begin(&self.files, &mut state.splits, |name| out.owns_split(name))?)
    }

    async fn next(
        &self,
        state: &mut FileLinesState,
        out: &mut impl FileLinesOut,
    ) -> NodeResult<More> {
        let FileLinesState { splits, feed, .. } = state;
        let lenient = out.errors_connected();
        feed.next(
            &self.files,
            splits,
            lenient,
            || Text,
            |line| match line {
                Ok(line) => out.lines(line),
                Err(error) => out.errors(error),
            },
        )
    }

    async fn wait(&self, state: &mut FileLinesState, out: &mut impl FileLinesOut) -> NodeResult {
        state.feed.wait(&self.files, out).await;
        Ok(())
    }
}

/// A line is its text.
struct Text;

impl Decode for Text {
    type Record = Line;

    fn line(
        &mut self,
        line: &[u8],
        at: Place<'_>,
        into: &mut Vec<Result<Line, BadRecord>>,
    ) -> bool {
        let (file, number) = (at.file.clone(), at.line);
        into.push(text(at.file, number, line).map(|text| Line { file, number, text }));
        true
    }
}
