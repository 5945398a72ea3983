//! `StdinLines`: the lines of standard input.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::io::{AsyncRead, ReadBuf, Stdin};

use crate::io::IoError;
use crate::io::frames::{Frame, Frames};
use crate::io::record::{BadRecord, Line, text, too_long};
use crate::node::{More, NodeError, NodeResult};

/// The lines of standard input; see [`stdin_lines`].
#[crate::node(source, crate = crate)]
#[derive(Debug)]
pub struct StdinLines {
    /// The lines, in order.
    #[output]
    lines: Line,
    /// What is no line of text. Not connected, the first one fails the graph.
    #[output(optional)]
    errors: BadRecord,
    #[scratch]
    input: Option<Open>,
    max_line: usize,
}

/// The lines of standard input, to its end.
///
/// It is *volatile*: what was read before a failure is not read again. It needs a tokio runtime,
/// which reads in a thread of its own; while that waits for input, shutting the runtime down waits
/// too, so a program that ends earlier leaves with `std::process::exit` or
/// `Runtime::shutdown_background`.
///
/// ```no_run
/// use streamweave::io::{Line, stdin_lines, stdout_lines};
/// use streamweave::nodes::map;
/// use streamweave::prelude::*;
///
/// #[tokio::main]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let graph = graph! {
///         lines: stdin_lines(),
///         shout: map(|line: Line| line.text.to_uppercase()),
///         print: stdout_lines(),
///         lines.lines => shout.input,
///         shout.out   => print.records,
///     };
///     graph.start()?.drain().await?;
///     Ok(())
/// }
/// ```
pub fn stdin_lines() -> StdinLines {
    StdinLines { max_line: 1 << 20 }
}

impl StdinLines {
    /// The longest line in bytes, at least 1; 1 MiB if it is not said.
    #[must_use]
    pub fn max_line(mut self, bytes: usize) -> Self {
        self.max_line = bytes.max(1);
        self
    }
}

/// Standard input and what has been read ahead.
struct Open {
    stdin: Stdin,
    frames: Frames,
    name: Arc<str>,
    line: u64,
    ended: bool,
    /// What fails the next unit: the lines before it stand.
    failed: Option<NodeError>,
}

/// The most lines of a unit.
const BATCH: usize = 1024;

impl StdinLinesHandlers for StdinLines {
    fn on_start(&self, state: &mut StdinLinesState, _: &mut impl StdinLinesOut) -> NodeResult {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(IoError::NoRuntime { node: "stdin_lines()" }.into());
        }
        if state.input.is_none() {
            let (stdin, frames) = (tokio::io::stdin(), Frames::new(64 << 10));
            let (name, line, ended, failed) = ("stdin".into(), 0, false, None);
            state.input = Some(Open { stdin, frames, name, line, ended, failed });
        }
        Ok(())
    }

    async fn next(
        &self,
        state: &mut StdinLinesState,
        out: &mut impl StdinLinesOut,
    ) -> NodeResult<More> {
        let Some(Open { frames, name, line, ended, failed, .. }) = &mut state.input else {
            return Ok(More::End);
        };
        if let Some(error) = failed.take() {
            return Err(error);
        }
        for _ in 0..BATCH {
            let rest = |frames: &mut Frames| if *ended { frames.rest() } else { None };
            let Some(frame) = frames.next(self.max_line).or_else(|| rest(frames)) else {
                return Ok(if *ended { More::End } else { More::Later });
            };
            *line += 1;
            let number = *line;
            let result =
                match frame {
                    Frame::Line(range) => text(name, number, frames.bytes(range))
                        .map(|text| Line { file: Arc::clone(name), number, text }),
                    Frame::Long(bytes) => {
                        let raw = frames.take_beginning();
                        Err(too_long(name, number, bytes, self.max_line, raw))
                    }
                };
            match result {
                Ok(line) => out.lines(line),
                Err(error) if out.errors_connected() => out.errors(error),
                Err(error) => {
                    *failed = Some(error.into());
                    return Ok(More::Later);
                }
            }
        }
        Ok(More::Now)
    }

    async fn wait(&self, state: &mut StdinLinesState, _: &mut impl StdinLinesOut) -> NodeResult {
        let Some(Open { stdin, frames, ended, failed, .. }) = &mut state.input else {
            return Ok(());
        };
        if failed.is_some() {
            return Ok(());
        }
        let read = poll_fn(|task| {
            let mut space = ReadBuf::new(frames.space());
            match Pin::new(&mut *stdin).poll_read(task, &mut space) {
                Poll::Ready(Ok(())) => {
                    let read = space.filled().len();
                    frames.filled(read);
                    Poll::Ready(Ok(read))
                }
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Pending => Poll::Pending,
            }
        });
        let read = read.await.map_err(|source| IoError::Read {
            path: "stdin".into(),
            offset: 0,
            source,
        })?;
        *ended |= read == 0;
        Ok(())
    }
}
