//! `TcpLines`: the lines that come in over TCP.

use std::fmt;
use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context as Task, Poll};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};

use crate::io::IoError;
use crate::io::frames::{Frame, Frames};
use crate::io::record::{BadRecord, text, too_long};
use crate::node::{More, NodeError, NodeResult};

/// A line that came in over TCP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpLine {
    /// Who sent it.
    pub peer: SocketAddr,
    /// Its number in the connection, from 1.
    pub number: u64,
    /// Its text, without the line feed and without a carriage return before that.
    pub text: String,
}

impl fmt::Display for TcpLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

/// Listens on an address and gives the lines of all connections.
///
/// The lines of one connection stay in order; connections take turns. It ends when the graph's
/// sources are stopped. It is *volatile*: what was read before a failure is lost. Each connection
/// has a buffer of at most a line and 16 KiB, and is not read from while the graph has no room.
/// It needs a tokio runtime.
///
/// Connect `errors` where the senders are not yours: a line that is no UTF-8 or too long fails the
/// graph otherwise.
///
/// ```no_run
/// use streamweave::io::{TcpLine, TcpLines, stdout_lines};
/// use streamweave::nodes::map;
/// use streamweave::prelude::*;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let graph = graph! {
///     lines: TcpLines::bind("localhost:7000")?,
///     tell: map(|line: TcpLine| format!("{}: {}", line.peer, line.text)),
///     print: stdout_lines(),
///     lines.lines  => tell.input,
///     tell.out     => print.records,
///     lines.errors => graph.odd,
/// };
/// # Ok(())
/// # }
/// ```
#[crate::node(source, crate = crate)]
pub struct TcpLines {
    /// The lines.
    #[output]
    lines: TcpLine,
    /// What is no line of text, and what a broken connection left of a line. Not connected, the
    /// first one fails the graph.
    #[output(optional)]
    errors: BadRecord,
    #[scratch]
    open: Open,
    listener: std::net::TcpListener,
    address: SocketAddr,
    max_connections: usize,
    max_line: usize,
}

/// The listening socket and the connections.
#[derive(Default)]
struct Open {
    listener: Option<TcpListener>,
    connections: Vec<Connection>,
    /// Whose turn it is.
    turn: usize,
    /// What fails the next unit: the lines before it stand.
    failed: Option<NodeError>,
    /// No connection is accepted before this time, as the last one could not be.
    accepts_at: Option<i64>,
}

struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    name: Arc<str>,
    frames: Frames,
    line: u64,
    ended: Option<std::io::Result<()>>,
}

/// The most lines of a unit.
const BATCH: usize = 1024;
const CHUNK: usize = 8 << 10;
/// So many milliseconds pass until a connection is accepted again when one could not be.
const PAUSE: i64 = 100;

impl TcpLines {
    /// Listens at once, on `host:port`; port 0 takes any that is free.
    ///
    /// # Errors
    /// [`IoError::Socket`] when the address cannot be listened on.
    pub fn bind(address: &str) -> Result<Self, IoError> {
        let failed = |source| {
            let address = address.to_owned();
            IoError::Socket { doing: "listening on", address, source }
        };
        let listener = std::net::TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        Ok(TcpLines { listener, address: bound, max_connections: 1024, max_line: 64 << 10 })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The most connections at once, at least 1; 1,024 if it is not said. More wait in the system, as do those
    /// for which the process may open no more files (`ulimit -n`): that is warned of, and tried again.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections.max(1);
        self
    }

    /// The longest line in bytes, at least 1; 64 KiB if it is not said.
    #[must_use]
    pub fn max_line(mut self, bytes: usize) -> Self {
        self.max_line = bytes.max(1);
        self
    }

    fn failed(&self, source: std::io::Error) -> IoError {
        IoError::Socket { doing: "listening on", address: self.address.to_string(), source }
    }
}

impl fmt::Debug for TcpLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpLines").field("address", &self.address).finish_non_exhaustive()
    }
}

impl TcpLinesHandlers for TcpLines {
    fn on_start(&self, state: &mut TcpLinesState, _: &mut impl TcpLinesOut) -> NodeResult {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(IoError::NoRuntime { node: "TcpLines" }.into());
        }
        let listener = self.listener.try_clone().and_then(TcpListener::from_std);
        state.open.listener = Some(listener.map_err(|error| self.failed(error))?);
        Ok(())
    }

    async fn next(
        &self,
        state: &mut TcpLinesState,
        out: &mut impl TcpLinesOut,
    ) -> NodeResult<More> {
        let Open { connections, turn, failed, .. } = &mut state.open;
        if let Some(error) = failed.take() {
            return Err(error);
        }
        let mut lines = 0;
        let mut silent = 0;
        while silent < connections.len() {
            if *turn >= connections.len() {
                *turn = 0;
            }
            let connection = &mut connections[*turn];
            match connection.next(self.max_line) {
                Next::Line(line) => out.lines(line),
                Next::Bad(bad) if out.errors_connected() => out.errors(bad),
                Next::Bad(bad) => {
                    *failed = Some(bad.into());
                    return Ok(More::Later);
                }
                Next::Nothing => {
                    silent += 1;
                    *turn += 1;
                    continue;
                }
                Next::End => {
                    connections.swap_remove(*turn);
                    silent = 0;
                    continue;
                }
            }
            silent = 0;
            lines += 1;
            if lines % (BATCH / 8) == 0 {
                *turn += 1;
            }
            if lines == BATCH {
                return Ok(More::Now);
            }
        }
        Ok(More::Later)
    }

    async fn wait(&self, state: &mut TcpLinesState, out: &mut impl TcpLinesOut) -> NodeResult {
        let open = &mut state.open;
        loop {
            let now = out.now();
            let until = |open: &Open| open.accepts_at.filter(|at| *at > now);
            let mut pause =
                until(open).map(|at| out.sleep(Duration::from_millis(at.abs_diff(now))));
            let came = poll_fn(|task| {
                let is_over = pause.as_mut().map(|pause| pause.as_mut().poll(task).is_ready());
                match open.poll(self.max_connections, now, task) {
                    Poll::Ready(()) => Poll::Ready(true),
                    Poll::Pending if is_over.unwrap_or(until(open).is_some()) => Poll::Ready(false),
                    Poll::Pending => Poll::Pending,
                }
            });
            if came.await {
                return Ok(());
            }
        }
    }
}

impl Open {
    /// Ready once something has come in. Every connection is asked: this is for thousands of
    /// connections, not for a hundred thousand.
    fn poll(&mut self, most: usize, now: i64, task: &mut Task<'_>) -> Poll<()> {
        let mut came = self.failed.is_some();
        while self.connections.len() < most
            && self.accepts_at.is_none_or(|at| at <= now)
            && let Some(listener) = &self.listener
            && let Poll::Ready(accepted) = listener.poll_accept(task)
        {
            match accepted {
                Ok((stream, peer)) => self.connections.push(Connection::new(stream, peer)),
                // It went away before it was accepted.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                // The process may hold as many files as it can, until some connection ends.
                Err(error) => {
                    tracing::warn!(%error, open = self.connections.len(), "a connection cannot be accepted");
                    self.accepts_at = Some(now.saturating_add(PAUSE));
                }
            }
        }
        for connection in &mut self.connections {
            came |= connection.poll(task);
        }
        if came { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// What a connection has.
enum Next {
    Line(TcpLine),
    Bad(BadRecord),
    Nothing,
    End,
}

impl Connection {
    fn new(stream: TcpStream, peer: SocketAddr) -> Self {
        let name = format!("tcp://{peer}").into();
        Connection { stream, peer, name, frames: Frames::new(CHUNK), line: 0, ended: None }
    }

    /// Reads what is there; whether there was something.
    fn poll(&mut self, task: &mut Task<'_>) -> bool {
        if self.ended.is_some() {
            return true;
        }
        loop {
            match self.stream.poll_read_ready(task) {
                Poll::Pending => return false,
                Poll::Ready(Err(error)) => {
                    self.ended = Some(Err(error));
                    return true;
                }
                Poll::Ready(Ok(())) => {}
            }
            match self.stream.try_read(self.frames.space()) {
                Ok(0) => self.ended = Some(Ok(())),
                Ok(read) => self.frames.filled(read),
                // The readiness was a false one; asking again registers for the next.
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => self.ended = Some(Err(error)),
            }
            return true;
        }
    }

    fn next(&mut self, limit: usize) -> Next {
        let mut broken = None;
        let frame = match (self.frames.next(limit), &mut self.ended) {
            (Some(frame), _) => frame,
            (None, None) => return Next::Nothing,
            (None, Some(ended)) => {
                broken = std::mem::replace(ended, Ok(())).err();
                match self.frames.rest() {
                    Some(frame) => frame,
                    None => return Next::End,
                }
            }
        };
        self.line += 1;
        let (name, number, peer) = (&self.name, self.line, self.peer);
        match frame {
            Frame::Line(range) if broken.is_none() => {
                match text(name, number, self.frames.bytes(range)) {
                    Ok(text) => Next::Line(TcpLine { peer, number, text }),
                    Err(bad) => Next::Bad(bad),
                }
            }
            Frame::Line(range) => {
                let reason = broken.map(|error| error.to_string()).unwrap_or_default();
                let reason = format!("the connection broke in the middle of the line: {reason}");
                let raw = self.frames.bytes(range).to_vec();
                Next::Bad(BadRecord { file: Arc::clone(name), line: number, reason, raw })
            }
            Frame::Long(bytes) => {
                let raw = self.frames.take_beginning();
                Next::Bad(too_long(name, number, bytes, limit, raw))
            }
        }
    }
}
