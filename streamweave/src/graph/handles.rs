//! The graph's own inputs and outputs, as its caller holds them.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context as Task, Poll, ready};

use tokio::sync::watch;

use crate::engine::{
    ChannelId, Control, Edge, Mark, Merge, MergeNext, MergeOrder, Outbox, Pending, Received,
    Receiver, Refused, Sender, Stash, raise,
};
use crate::time::{Frontier, Inputs, LogicalTime, Over, Promise, StreamMessage};

/// An input of a graph. Clones feed the same input; it ends when all are dropped, or when the run is told
/// to come to its end ([`Running::drain`](crate::graph::Running::drain), `stop`, `close_inputs`): what
/// was sent before is handled, and who still sends is refused. An inline graph is told so by dropping them:
/// its `drain` drops its own only, and says where another is still there.
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
    /// The graph has stopped, or the part of it that the input leads to; its inputs were closed; or all that the
    /// input leads to has had enough, as [`take`](crate::nodes::take) has. [`Running::drain`](crate::graph::Running::drain)
    /// tells if something has failed.
    #[error(
        "the graph, or the part of it that this input leads to, has stopped or has had enough, or its \
         inputs were closed: it takes no more records"
    )]
    Stopped(T),
    /// There is no room now: step the graph, or use `send`, which waits.
    #[error("the graph's input is full")]
    Full(T),
    /// Its time is behind what was promised by [`Input::advance`].
    #[error("the record's time is behind {promised}, which the input was advanced to")]
    Behind {
        /// The record.
        record: T,
        /// The earliest time that can be sent.
        promised: LogicalTime,
    },
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SendError::Stopped(_) => "Stopped(..)",
            SendError::Full(_) => "Full(..)",
            SendError::Behind { .. } => "Behind { .. }",
        })
    }
}

impl<T> SendError<T> {
    /// The record that was not sent.
    pub fn into_record(self) -> T {
        match self {
            SendError::Stopped(record)
            | SendError::Full(record)
            | SendError::Behind { record, .. } => record,
        }
    }
}

impl<T: Send + 'static> Input<T> {
    pub(crate) fn new(name: &str, outbox: Outbox<T>) -> Self {
        let sender = outbox.into_sender();
        sender.set_from("graph", name);
        Input(Arc::new(Feed { name: name.to_owned(), sender }))
    }

    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    pub(crate) fn edge(&self) -> Arc<dyn Edge> {
        self.0.sender.edge()
    }

    /// Sends a record, waiting for room.
    ///
    /// # Errors
    /// [`SendError::Stopped`] with the record when the graph has stopped or has had enough, or its inputs were
    /// closed.
    pub async fn send(&self, record: T) -> Result<(), SendError<T>> {
        self.send_marked(Mark::default(), record).await
    }

    /// Sends a record of this time, waiting for room.
    ///
    /// # Errors
    /// [`SendError::Stopped`] when the graph has stopped, [`SendError::Behind`] when the input was
    /// advanced past `time`; with the record.
    pub async fn send_at(&self, time: LogicalTime, record: T) -> Result<(), SendError<T>> {
        self.send_marked(Mark::at(time.into()), record).await
    }

    /// Sends a record, or advances the input.
    ///
    /// # Errors
    /// As [`Input::send_at`].
    pub async fn send_message(&self, message: StreamMessage<T>) -> Result<(), SendError<T>> {
        match message {
            StreamMessage::Data(record) => self.send_at(record.time, record.data).await,
            StreamMessage::Watermark(time) => {
                self.advance(time);
                Ok(())
            }
        }
    }

    async fn send_marked(&self, mark: Mark, record: T) -> Result<(), SendError<T>> {
        let mut record = Some(record);
        poll_fn(|task| {
            while let Some(next) = record.take() {
                match self.push(mark, next) {
                    Ok(()) => break,
                    Err(SendError::Full(next)) => {
                        record = Some(next);
                        // Gone, or closed, is told by the next attempt.
                        let _ = ready!(self.0.sender.poll_ready(task));
                    }
                    Err(error) => return Poll::Ready(Err(error)),
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
        self.push(Mark::default(), record)
    }

    /// Sends a record of this time if there is room at once.
    ///
    /// # Errors
    /// As [`Input::try_send`], and [`SendError::Behind`] when the input was advanced past `time`.
    pub fn try_send_at(&self, time: LogicalTime, record: T) -> Result<(), SendError<T>> {
        self.push(Mark::at(time.into()), record)
    }

    /// Sends a record if there is room at once, or advances the input.
    ///
    /// # Errors
    /// As [`Input::try_send_at`].
    pub fn try_send_message(&self, message: StreamMessage<T>) -> Result<(), SendError<T>> {
        match message {
            StreamMessage::Data(record) => self.try_send_at(record.time, record.data),
            StreamMessage::Watermark(time) => {
                self.advance(time);
                Ok(())
            }
        }
    }

    fn push(&self, mark: Mark, record: T) -> Result<(), SendError<T>> {
        self.0.sender.push(mark, record).map_err(|(record, refused)| match refused {
            Refused::Full => SendError::Full(record),
            Refused::Gone => SendError::Stopped(record),
            Refused::Behind(promise) => SendError::Behind {
                record,
                promised: promise.frontier.time().unwrap_or(LogicalTime::MAX),
            },
        })
    }

    /// Promises that every later record has at least this time. A time behind an earlier promise
    /// changes nothing.
    pub fn advance(&self, time: LogicalTime) {
        self.0.sender.control(Control::Frontier(Frontier::At(time).into()));
    }

    /// Says that there is nothing for now, and that nobody is to wait for this input. It is back
    /// with the next record or promise.
    pub fn idle(&self) {
        self.0.sender.control(Control::Idle);
    }
}

/// So many times something is put aside that nobody waits for, before the other tasks of the
/// thread run.
const AT_ONCE: usize = 64;

/// An output of a graph.
pub struct Output<T> {
    receivers: Vec<Receiver<T>>,
    ended: Vec<bool>,
    next: usize,
    batch: Pending<T>,
    failed: bool,
    /// Whoever sends by an edge is gone without a word: the run has failed.
    gone: bool,
    inputs: Inputs,
    frontier: Arc<watch::Sender<Option<Frontier>>>,
    /// Where the run is deterministic: how its edges become one.
    order: Arc<OnceLock<MergeOrder>>,
    merge: Option<(Merge, Vec<Stash<T>>)>,
}

/// An output of a graph that starts: told how its edges become one.
#[derive(Debug)]
pub(crate) struct OutputMerge {
    pub(crate) path: Arc<str>,
    /// Those that lead to it.
    pub(crate) edges: Vec<ChannelId>,
    pub(crate) order: Arc<OnceLock<MergeOrder>>,
}

impl<T> fmt::Debug for Output<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("failed", &self.failed).finish_non_exhaustive()
    }
}

impl<T> Unpin for Output<T> {}

impl<T: Send + 'static> Output<T> {
    pub(crate) fn new(
        receivers: Vec<Receiver<T>>,
        frontier: Arc<watch::Sender<Option<Frontier>>>,
    ) -> Self {
        let ended = vec![false; receivers.len()];
        let inputs = Inputs::new(receivers.len());
        let batch = Pending::default();
        Output {
            receivers,
            ended,
            next: 0,
            batch,
            failed: false,
            gone: false,
            inputs,
            frontier,
            order: Arc::default(),
            merge: None,
        }
    }

    pub(crate) fn merge(&self, path: Arc<str>) -> OutputMerge {
        let edges = self.receivers.iter().map(Receiver::id).collect();
        OutputMerge { path, edges, order: Arc::clone(&self.order) }
    }

    /// The next record. `None` when the graph has ended, and also when it has failed:
    /// [`Output::has_failed`] and [`Running::drain`](crate::graph::Running::drain) tell.
    pub async fn recv(&mut self) -> Option<T> {
        poll_fn(|task| self.poll_recv(task)).await
    }

    /// As [`Output::recv`], with the record's time where it has one.
    pub async fn recv_timed(&mut self) -> Option<(Option<LogicalTime>, T)> {
        poll_fn(|task| self.poll_timed(task)).await
    }

    /// The next record if there is one at once.
    pub fn try_recv(&mut self) -> Option<T> {
        self.try_recv_timed().map(|(_, record)| record)
    }

    /// As [`Output::try_recv`], with the record's time where it has one.
    pub fn try_recv_timed(&mut self) -> Option<(Option<LogicalTime>, T)> {
        match self.poll_timed(&mut Task::from_waker(std::task::Waker::noop())) {
            Poll::Ready(record) => record,
            Poll::Pending => None,
        }
    }

    /// All records until the end, or until a failure.
    pub async fn collect(&mut self) -> Vec<T> {
        let mut all = Vec::new();
        while let Some(record) = self.recv().await {
            all.push(record);
        }
        all
    }

    /// What has been read is everything before this: no record with an earlier time will come,
    /// but for late ones. `None` before there is a promise.
    pub fn frontier(&self) -> Option<Frontier> {
        *self.frontier.borrow()
    }

    /// Whether the graph stopped before this output ended: what was received may not be all.
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// Polls for the next record; see [`Output::recv`].
    #[inline]
    pub fn poll_recv(&mut self, task: &mut Task<'_>) -> Poll<Option<T>> {
        self.poll_timed(task).map(|record| record.map(|(_, record)| record))
    }

    #[inline]
    fn poll_timed(&mut self, task: &mut Task<'_>) -> Poll<Option<(Option<LogicalTime>, T)>> {
        loop {
            if let Some((record, mark)) = self.batch.pop() {
                return Poll::Ready(Some((mark.time(), record)));
            }
            if self.receivers.len() > 1
                && let Some(order) = self.order.get().copied()
            {
                if !ready!(self.poll_merged(order, task)) {
                    return Poll::Ready(None);
                }
                continue;
            }
            if self.gone || self.ended.iter().all(|ended| *ended) {
                return Poll::Ready(None);
            }
            ready!(self.poll_batch(task));
        }
    }

    fn poll_batch(&mut self, task: &mut Task<'_>) -> Poll<()> {
        let count = self.receivers.len();
        for _ in 0..count {
            let index = if self.next < count { self.next } else { 0 };
            if self.ended[index] {
                self.next = index + 1;
                continue;
            }
            match self.receivers[index].poll_recv(task, &mut self.batch.records) {
                Poll::Ready(Received::Records) => {
                    self.batch.begin();
                    self.next = index + 1;
                    return Poll::Ready(());
                }
                Poll::Ready(Received::Control(control)) => {
                    self.control(index, *control);
                    return Poll::Ready(());
                }
                Poll::Ready(Received::Gone | Received::Torn(_)) => {
                    (self.failed, self.gone) = (true, true);
                    return Poll::Ready(());
                }
                Poll::Pending => self.next = index + 1,
            }
        }
        Poll::Pending
    }

    /// As [`Output::poll_batch`], in the order of a deterministic run; whether there is more.
    fn poll_merged(&mut self, order: MergeOrder, task: &mut Task<'_>) -> Poll<bool> {
        let count = self.receivers.len();
        let mut taken = 0;
        loop {
            let (merge, stashes) = self.merge.get_or_insert_with(|| {
                (Merge::new(order, count), (0..count).map(|_| Stash::default()).collect())
            });
            let first: Vec<_> = stashes.iter().map(Stash::first).collect();
            match merge.next(&first) {
                MergeNext::Records(edge, until) => {
                    self.batch = Pending::of(stashes[edge].take(until));
                    return Poll::Ready(true);
                }
                MergeNext::Frontier(promise) => {
                    raise(&self.frontier, promise.frontier);
                    return Poll::Ready(true);
                }
                MergeNext::Nothing if self.take_in(true, task) => {}
                // What is further on is best left where it comes from, but there it may be in the
                // way of what is waited for; and it is not to keep the reader here.
                MergeNext::Nothing if taken < AT_ONCE && self.take_in(false, task) => taken += 1,
                MergeNext::Nothing if taken == AT_ONCE => {
                    task.waker().wake_by_ref();
                    return Poll::Pending;
                }
                MergeNext::Nothing if self.gone || self.ended.iter().all(|ended| *ended) => {
                    return Poll::Ready(false);
                }
                MergeNext::Nothing => return Poll::Pending,
            }
        }
    }

    /// Puts a message of each edge aside that all wait for, or of each of the others; whether there
    /// was any.
    fn take_in(&mut self, waited_for: bool, task: &mut Task<'_>) -> bool {
        let Some((merge, stashes)) = &mut self.merge else { return false };
        let mut any = false;
        for (index, receiver) in self.receivers.iter_mut().enumerate() {
            if self.ended[index] || merge.waits_for(index) != waited_for {
                continue;
            }
            let Poll::Ready(received) = receiver.poll_recv(task, &mut self.batch.records) else {
                continue;
            };
            any = true;
            match received {
                Received::Records => {
                    self.batch.begin();
                    while let Some((record, mark)) = self.batch.pop() {
                        stashes[index].put(merge.position(index, mark), mark, record);
                    }
                }
                Received::Control(control) => match *control {
                    Control::End => {
                        self.ended[index] = true;
                        merge.promises(index, Promise::ENDED);
                    }
                    Control::Frontier(promise) => merge.promises(index, promise),
                    _ => {}
                },
                Received::Gone | Received::Torn(_) => {
                    self.ended[index] = true;
                    (self.failed, self.gone) = (true, true);
                }
            }
        }
        any
    }

    fn control(&mut self, from: usize, control: Control) {
        match control {
            Control::End => {
                self.ended[from] = true;
                if self.inputs.ends(from) == Over::Ended {
                    raise(&self.frontier, Frontier::Ended);
                    return;
                }
            }
            Control::Failed => {
                (self.ended[from], self.failed) = (true, true);
                self.inputs.fails(from);
            }
            Control::Frontier(promise) => self.inputs.promises(from, promise),
            Control::Idle => self.inputs.idles(from),
            Control::Active => self.inputs.wakes(from),
            Control::Held => self.inputs.holds(from),
            _ => return,
        }
        if let Some(Promise { frontier, .. }) = self.inputs.outlook().promise {
            raise(&self.frontier, frontier);
        }
    }
}

impl<T: Send + 'static> futures_core::Stream for Output<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Option<T>> {
        self.poll_recv(task)
    }
}
