//! The graph's own inputs and outputs, as its caller holds them.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll, ready};

use crate::engine::{Control, Message, Outbox, Receiver, Refused, Sender};
use crate::time::{Frontier, LogicalTime};

/// An input of a graph. Clones feed the same input; it ends when all are dropped or one is closed.
pub struct Input<T: 'static>(Arc<Feed<T>>);

struct Feed<T: 'static> {
    name: String,
    sender: Sender<T>,
}

impl<T> Drop for Feed<T> {
    fn drop(&mut self) {
        self.sender.control(Control::End);
    }
}

impl<T> Clone for Input<T> {
    fn clone(&self) -> Self {
        Input(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Input<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Input").field(&self.0.name).finish()
    }
}

/// A record that could not be sent comes back.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError<T> {
    /// The graph has stopped; [`Running::drain`](crate::graph::Running::drain) tells why.
    #[error("the graph has stopped and takes no more records")]
    Stopped(T),
    /// There is no room now: step the graph, or use `send`, which waits.
    #[error("the graph's input is full")]
    Full(T),
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SendError::Stopped(_) => "Stopped(..)",
            SendError::Full(_) => "Full(..)",
        })
    }
}

impl<T> SendError<T> {
    /// The record that was not sent.
    pub fn into_record(self) -> T {
        match self {
            SendError::Stopped(record) | SendError::Full(record) => record,
        }
    }
}

impl<T: Send + 'static> Input<T> {
    pub(crate) fn new(name: &str, outbox: Outbox<T>) -> Self {
        Input(Arc::new(Feed { name: name.to_owned(), sender: outbox.into_sender() }))
    }

    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    /// Sends a record, waiting for room.
    ///
    /// # Errors
    /// [`SendError::Stopped`] with the record when the graph has stopped.
    pub async fn send(&self, record: T) -> Result<(), SendError<T>> {
        let mut record = Some(record);
        poll_fn(|task| {
            while let Some(next) = record.take() {
                match self.try_send(next) {
                    Ok(()) => break,
                    Err(SendError::Stopped(next)) => {
                        return Poll::Ready(Err(SendError::Stopped(next)));
                    }
                    Err(SendError::Full(next)) => {
                        record = Some(next);
                        // Gone is told by the next attempt.
                        let _ = ready!(self.0.sender.poll_ready(task));
                    }
                }
            }
            Poll::Ready(Ok(()))
        })
        .await
    }

    /// Sends a record if there is room at once.
    ///
    /// # Errors
    /// [`SendError::Full`] or [`SendError::Stopped`], with the record.
    pub fn try_send(&self, record: T) -> Result<(), SendError<T>> {
        self.0.sender.push(record).map_err(|(record, refused)| match refused {
            Refused::Full => SendError::Full(record),
            Refused::Gone => SendError::Stopped(record),
        })
    }

    /// Promises that every later record has at least this time.
    pub fn advance(&self, time: LogicalTime) {
        self.0.sender.control(Control::Frontier(Frontier::At(time)));
    }
}

/// An output of a graph.
pub struct Output<T> {
    receivers: Vec<Receiver<T>>,
    ended: Vec<bool>,
    next: usize,
    batch: VecDeque<T>,
    failed: bool,
}

impl<T> fmt::Debug for Output<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("failed", &self.failed).finish_non_exhaustive()
    }
}

impl<T> Unpin for Output<T> {}

impl<T: Send + 'static> Output<T> {
    pub(crate) fn new(receivers: Vec<Receiver<T>>) -> Self {
        let ended = vec![false; receivers.len()];
        Output { receivers, ended, next: 0, batch: VecDeque::new(), failed: false }
    }

    /// The next record. `None` when the graph has ended, and also when it has failed:
    /// [`Output::has_failed`] and [`Running::drain`](crate::graph::Running::drain) tell.
    pub async fn recv(&mut self) -> Option<T> {
        poll_fn(|task| self.poll_recv(task)).await
    }

    /// The next record if there is one at once.
    pub fn try_recv(&mut self) -> Option<T> {
        match self.poll_recv(&mut Task::from_waker(std::task::Waker::noop())) {
            Poll::Ready(record) => record,
            Poll::Pending => None,
        }
    }

    /// All records until the end, or until a failure.
    pub async fn collect(&mut self) -> Vec<T> {
        let mut all = Vec::new();
        while let Some(record) = self.recv().await {
            all.push(record);
            all.extend(self.batch.drain(..));
        }
        all
    }

    /// Whether the graph stopped before this output ended: what was received may not be all.
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// Polls for the next record; see [`Output::recv`].
    #[inline]
    pub fn poll_recv(&mut self, task: &mut Task<'_>) -> Poll<Option<T>> {
        loop {
            if let Some(record) = self.batch.pop_front() {
                return Poll::Ready(Some(record));
            }
            if self.failed || self.ended.iter().all(|ended| *ended) {
                return Poll::Ready(None);
            }
            ready!(self.poll_batch(task));
        }
    }

    fn poll_batch(&mut self, task: &mut Task<'_>) -> Poll<()> {
        let count = self.receivers.len();
        for _ in 0..count {
            let index = self.next % count;
            if self.ended[index] {
                self.next = index + 1;
                continue;
            }
            let mut emptied = std::mem::take(&mut self.batch).into();
            match self.receivers[index].poll_recv(task, &mut emptied) {
                Poll::Ready(Message::Records(batch)) => {
                    self.batch = batch.records.into();
                    return Poll::Ready(());
                }
                Poll::Ready(Message::Control(control)) => {
                    match control {
                        Control::End => self.ended[index] = true,
                        Control::Failed => self.failed = true,
                        _ => {}
                    }
                    return Poll::Ready(());
                }
                Poll::Pending => self.next = index + 1,
            }
        }
        Poll::Pending
    }
}

impl<T: Send + 'static> futures_core::Stream for Output<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Option<T>> {
        self.poll_recv(task)
    }
}
