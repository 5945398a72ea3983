//! `TcpSink`: lines to a TCP connection.

use std::fmt::{self, Display};
use std::io::ErrorKind;
use std::time::Duration;

use tokio::net::TcpStream;

use crate::NodeResult;
use crate::io::IoError;
use crate::io::output::{ToLine, displayed, flush_soon, told};
use crate::node::{AsyncContext, Timer};

/// Connects to an address when the graph starts, and sends it records, each as a line.
///
/// Lines are sent in blocks of 64 KiB, at the latest 200 ms after their records, and at the end.
/// That a line was sent does not say that it has arrived. It needs a tokio runtime.
///
/// ```no_run
/// use streamweave::io::TcpSink;
/// use streamweave::nodes::from_iter;
/// use streamweave::prelude::*;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let graph = graph! {
///     numbers: from_iter(0..3_u64),
///     send: TcpSink::connect("localhost:7000"),
///     numbers.out => send.records,
/// };
/// graph.start()?.drain().await?;
/// # Ok(())
/// # }
/// ```
#[crate::node(async, crate = crate)]
pub struct TcpSink<T: Send + 'static> {
    /// The records to send.
    #[input]
    records: T,
    #[scratch]
    stream: Option<TcpStream>,
    #[scratch]
    buffer: Vec<u8>,
    #[scratch]
    flushes: bool,
    address: String,
    line: ToLine<T>,
}

/// The longest that connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
const BLOCK: usize = 64 << 10;

impl<T: Display + Send + 'static> TcpSink<T> {
    /// Connects to `host:port`.
    pub fn connect(address: impl Into<String>) -> Self {
        TcpSink { address: address.into(), line: displayed() }
    }
}

impl<T: Send + 'static> TcpSink<T> {
    /// As [`connect`](Self::connect); `line` gives the text of a record.
    pub fn connect_by<L: AsRef<[u8]>>(
        address: impl Into<String>,
        line: impl Fn(&T) -> L + Send + Sync + 'static,
    ) -> Self {
        TcpSink { address: address.into(), line: told(line) }
    }

    fn failed(&self, doing: &'static str, source: std::io::Error) -> IoError {
        match source.kind() {
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => {
                IoError::BrokenPipe { name: self.address.clone() }
            }
            _ => IoError::Socket { doing, address: self.address.clone(), source },
        }
    }

    /// Sends what waits. Dropped in between, it goes on where it was.
    async fn flush(&self, state: &mut TcpSinkState<T>) -> NodeResult {
        let Some(stream) = &state.stream else { return Ok(()) };
        while !state.buffer.is_empty() {
            stream.writable().await.map_err(|error| self.failed("writing to", error))?;
            match stream.try_write(&state.buffer) {
                Ok(written) => drop(state.buffer.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(self.failed("writing to", error).into()),
            }
        }
        Ok(())
    }
}

impl<T: Send + 'static> fmt::Debug for TcpSink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpSink").field("address", &self.address).finish_non_exhaustive()
    }
}

impl<T: Send + 'static> TcpSinkHandlers<T> for TcpSink<T> {
    async fn on_start(
        &self,
        state: &mut TcpSinkState<T>,
        out: &mut impl TcpSinkOut<T>,
    ) -> NodeResult {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(IoError::NoRuntime { node: "TcpSink" }.into());
        }
        let connected = match out.timeout(CONNECT, TcpStream::connect(&self.address)).await {
            Ok(connected) => connected,
            Err(_) => Err(ErrorKind::TimedOut.into()),
        };
        state.stream = Some(connected.map_err(|error| self.failed("connecting to", error))?);
        state.flushes = false;
        Ok(())
    }

    async fn on_records(
        &self,
        state: &mut TcpSinkState<T>,
        records: T,
        out: &mut impl TcpSinkOut<T>,
    ) -> NodeResult {
        (self.line)(&records, &mut state.buffer)?;
        state.buffer.push(b'\n');
        if state.buffer.len() >= BLOCK {
            self.flush(state).await?;
        } else {
            flush_soon(&mut state.flushes, out);
        }
        Ok(())
    }

    async fn on_timer(
        &self,
        state: &mut TcpSinkState<T>,
        _: Timer<()>,
        _: &mut impl TcpSinkOut<T>,
    ) -> NodeResult {
        state.flushes = false;
        self.flush(state).await
    }

    async fn on_stop(&self, state: &mut TcpSinkState<T>, _: &mut impl TcpSinkOut<T>) -> NodeResult {
        self.flush(state).await
    }
}
