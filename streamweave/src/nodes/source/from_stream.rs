//! `from_stream` and `from_channel`: what arrives from elsewhere in the program.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context as Task, Poll};

use futures_core::Stream;
use tokio::sync::mpsc::Receiver;

use crate::lent::Lent;
use crate::node::More;
use crate::{NodeError, NodeResult, node};

/// How many records go into a batch.
const BATCH: usize = 1024;

/// Sends what a stream yields. Made by [`from_stream`] and [`from_channel`].
#[node(crate = crate, source)]
pub struct FromStream<S: Stream<Item: Send + 'static> + Send + 'static> {
    /// What the stream yields.
    #[output]
    out: S::Item,
    #[scratch(init = Lent::from(&self.stream))]
    source: Lent<Yielding<S>>,
    stream: Arc<Mutex<Option<Yielding<S>>>>,
}

/// A stream, and what has come of it.
struct Yielding<S: Stream> {
    stream: Pin<Box<S>>,
    /// A record that came while the source waited.
    waiting: Option<S::Item>,
    ended: bool,
}

impl<S: Stream<Item: Send + 'static> + Send + 'static> fmt::Debug for FromStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromStream")
    }
}

impl<S: Stream<Item: Send + 'static> + Send + 'static> FromStreamState<S> {
    /// Ready with the next record, or with `None` at the end of the stream.
    fn poll(&mut self, task: &mut Task<'_>) -> Poll<NodeResult<Option<S::Item>>> {
        let Some(source) = self.source.get() else {
            return Poll::Ready(Err(NodeError::new(
                "a stream can feed one instance: leave out `workers`",
            )));
        };
        if let Some(record) = source.waiting.take() {
            return Poll::Ready(Ok(Some(record)));
        }
        if source.ended {
            return Poll::Ready(Ok(None));
        }
        source.stream.as_mut().poll_next(task).map(|record| {
            source.ended = record.is_none();
            Ok(record)
        })
    }
}

impl<S: Stream<Item: Send + 'static> + Send + 'static> FromStreamHandlers<S> for FromStream<S> {
    async fn next(
        &self,
        state: &mut FromStreamState<S>,
        out: &mut impl FromStreamOut<S>,
    ) -> NodeResult<More> {
        poll_fn(move |task| {
            for _ in 0..BATCH {
                match state.poll(task) {
                    Poll::Ready(Ok(Some(record))) => out.out(record),
                    Poll::Ready(Ok(None)) => return Poll::Ready(Ok(More::End)),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => return Poll::Ready(Ok(More::Later)),
                }
            }
            Poll::Ready(Ok(More::Now))
        })
        .await
    }
    async fn wait(
        &self,
        state: &mut FromStreamState<S>,
        _: &mut impl FromStreamOut<S>,
    ) -> NodeResult {
        let record = poll_fn(|task| state.poll(task)).await?;
        if let Some(source) = state.source.get() {
            source.waiting = record;
        }
        Ok(())
    }
}

/// Sends what `stream` yields, and ends when it ends.
///
/// What was taken from the stream cannot be had again: nothing of it is saved, and after a restore
/// the program gives a new stream. A restart by a policy goes on with the same one, without what it gave
/// in a call that panicked. It feeds one instance, not several workers.
///
/// ```
/// use streamweave::nodes::from_stream;
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     numbers: from_stream(futures_util::stream::iter(0..3_u64)),
///     numbers.out => graph.numbers,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// assert_eq!(run.outputs.numbers.try_recv(), Some(0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn from_stream<S: Stream<Item: Send + 'static> + Send + 'static>(stream: S) -> FromStream<S> {
    let yielding = Yielding { stream: Box::pin(stream), waiting: None, ended: false };
    FromStream { stream: Arc::new(Mutex::new(Some(yielding))) }
}

/// The receiving end of a channel, as a stream.
#[derive(Debug)]
pub struct Received<T>(Receiver<T>);

impl<T> Stream for Received<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Option<T>> {
        self.0.poll_recv(task)
    }
}

/// Sends what is sent into a tokio channel, and ends when all of its senders are gone.
///
/// The graph's own inputs are channels already, typed by name: this is for a channel that is
/// there anyway. Otherwise as [`from_stream`].
///
/// ```
/// use streamweave::nodes::from_channel;
/// use streamweave::prelude::*;
///
/// let (send, receive) = tokio::sync::mpsc::channel(8);
/// let graph = graph! {
///     numbers: from_channel(receive),
///     numbers.out => graph.numbers,
/// };
/// let mut run = graph.inline()?;
/// send.try_send(7)?;
/// run.step()?;
/// assert_eq!(run.outputs.numbers.try_recv(), Some(7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn from_channel<T: Send + 'static>(receiver: Receiver<T>) -> FromStream<Received<T>> {
    from_stream(Received(receiver))
}
