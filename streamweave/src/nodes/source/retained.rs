//! `retained`: a channel whose sender keeps what it has sent until a checkpoint holds it.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as Task, Poll, Waker};

use crate::node::More;
use crate::state::Value;
use crate::{NodeError, NodeResult, node};

/// How many records go into a batch.
const BATCH: usize = 1024;

/// The sending end of [`retained`]. The sources end when all of its clones are gone.
pub struct RetainedSender<T>(Arc<Channel<T>>);

/// What [`retained`] keeps: give a clone to each run of a graph, with [`Retained::source`].
pub struct Retained<T>(Arc<Channel<T>>);

struct Channel<T> {
    limit: usize,
    kept: Mutex<Kept<T>>,
}

struct Kept<T> {
    records: VecDeque<T>,
    /// The number of the first of them, once a source has asked for one.
    first: Option<u64>,
    senders: usize,
    waiting: Vec<Waker>,
}

impl<T> Channel<T> {
    fn lock(&self) -> MutexGuard<'_, Kept<T>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Kept<T> {
    /// Others may go on.
    fn wake(&mut self) {
        self.waiting.drain(..).for_each(Waker::wake);
    }

    fn wait<R>(&mut self, task: &Task<'_>) -> Poll<R> {
        if !self.waiting.iter().any(|waker| waker.will_wake(task.waker())) {
            self.waiting.push(task.waker().clone());
        }
        Poll::Pending
    }
}

impl<T> fmt::Debug for RetainedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RetainedSender")
    }
}

impl<T> fmt::Debug for Retained<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Retained")
    }
}

impl<T> Clone for RetainedSender<T> {
    fn clone(&self) -> Self {
        self.0.lock().senders += 1;
        RetainedSender(Arc::clone(&self.0))
    }
}

impl<T> Drop for RetainedSender<T> {
    fn drop(&mut self) {
        let mut kept = self.0.lock();
        kept.senders -= 1;
        kept.wake();
    }
}

impl<T> Clone for Retained<T> {
    fn clone(&self) -> Self {
        Retained(Arc::clone(&self.0))
    }
}

impl<T> RetainedSender<T> {
    /// Sends a record, once fewer than the limit are kept. May be dropped at its await: then it was
    /// not sent.
    pub async fn send(&self, record: T) {
        let mut record = Some(record);
        poll_fn(|task| {
            let mut kept = self.0.lock();
            if kept.records.len() >= self.0.limit {
                return kept.wait(task);
            }
            kept.records.extend(record.take());
            kept.wake();
            Poll::Ready(())
        })
        .await;
    }

    /// Sends a record if fewer than the limit are kept; gives it back otherwise.
    ///
    /// # Errors
    /// The record.
    pub fn try_send(&self, record: T) -> Result<(), T> {
        let mut kept = self.0.lock();
        if kept.records.len() >= self.0.limit {
            return Err(record);
        }
        kept.records.push_back(record);
        kept.wake();
        Ok(())
    }

    /// How many records no complete checkpoint holds.
    pub fn kept(&self) -> usize {
        self.0.lock().records.len()
    }
}

impl<T: Clone + Send + 'static> Retained<T> {
    /// A source of what is sent, from where the run that it is for begins. One at a time: a later one
    /// is for a run after the run of the one before.
    pub fn source(&self) -> FromRetained<T> {
        FromRetained { channel: Arc::clone(&self.0) }
    }
}

impl<T: Clone> Channel<T> {
    /// The source's next records; `None` at the end.
    fn poll(&self, task: &Task<'_>, position: u64) -> Poll<NodeResult<Option<Vec<T>>>> {
        let mut kept = self.lock();
        let first = *kept.first.get_or_insert(position);
        let Some(from) = position.checked_sub(first) else {
            return Poll::Ready(Err(NodeError::new(format!(
                "the records from number {position} on are asked for again, and those before {first} \
                 are gone, as a later checkpoint held them: restore the last one"
            ))));
        };
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let batch: Vec<T> = kept.records.iter().skip(from).take(BATCH).cloned().collect();
        if !batch.is_empty() {
            return Poll::Ready(Ok(Some(batch)));
        }
        match kept.senders {
            0 => Poll::Ready(Ok(None)),
            _ => kept.wait(task),
        }
    }
}

/// Sends what was sent to it. Made by [`Retained::source`].
#[node(crate = crate, source, commits = in_memory)]
pub struct FromRetained<T: Clone + Send + 'static> {
    /// What was sent.
    #[output]
    out: T,
    /// The number of the next record.
    #[state]
    position: Value<u64>,
    /// The checkpoints that are on their way, and which was the next record then.
    #[scratch]
    ready: Vec<(u64, u64)>,
    channel: Arc<Channel<T>>,
}

impl<T: Clone + Send + 'static> fmt::Debug for FromRetained<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromRetained")
    }
}

impl<T: Clone + Send + 'static> FromRetainedHandlers<T> for FromRetained<T> {
    async fn next(
        &self,
        state: &mut FromRetainedState<T>,
        out: &mut impl FromRetainedOut<T>,
    ) -> NodeResult<More> {
        poll_fn(move |task| match self.channel.poll(task, *state.position) {
            Poll::Ready(Ok(Some(batch))) => {
                *state.position.get_mut() += batch.len() as u64;
                out.out_all(batch);
                Poll::Ready(Ok(More::Now))
            }
            Poll::Ready(Ok(None)) => Poll::Ready(Ok(More::End)),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Ready(Ok(More::Later)),
        })
        .await
    }

    async fn wait(
        &self,
        state: &mut FromRetainedState<T>,
        _: &mut impl FromRetainedOut<T>,
    ) -> NodeResult {
        poll_fn(|task| self.channel.poll(task, *state.position).map_ok(drop)).await
    }

    fn on_checkpoint(
        &self,
        state: &mut FromRetainedState<T>,
        checkpoint: u64,
        _: &mut impl FromRetainedOut<T>,
    ) -> NodeResult {
        // Where it has not moved, what is complete first covers it.
        if state.ready.last().is_none_or(|(_, position)| *position != *state.position) {
            state.ready.push((checkpoint, *state.position));
        }
        Ok(())
    }

    fn on_complete(
        &self,
        state: &mut FromRetainedState<T>,
        checkpoint: u64,
        _: &mut impl FromRetainedOut<T>,
    ) -> NodeResult {
        let due = state.ready.iter().take_while(|(ready, _)| *ready <= checkpoint).count();
        let held = state.ready.drain(..due).next_back().map(|(_, position)| position);
        // A restored run begins where its checkpoint ends.
        let held = held.or((checkpoint == u64::MAX).then_some(*state.position));
        let mut kept = self.channel.lock();
        let first = *kept.first.get_or_insert(*state.position);
        let gone = held.unwrap_or(first).saturating_sub(first);
        let gone =
            usize::try_from(gone).map_or(kept.records.len(), |gone| gone.min(kept.records.len()));
        kept.records.drain(..gone);
        kept.first = Some(first + gone as u64);
        kept.wake();
        Ok(())
    }
}

/// A channel into a graph whose sender keeps the last `limit` records until a complete checkpoint holds
/// them, and waits where none does: nothing is lost when the graph fails and
/// [begins again from the checkpoint](crate::checkpoint::restart_from_checkpoint), as the next run is given
/// them again. With the process they are gone, so
/// [`Graph::guarantees`](crate::graph::Graph::guarantees) counts them as lost.
///
/// Use it in runs that take checkpoints, with a `limit` (at least one) well above the number of records
/// between two of them.
///
/// ```
/// use streamweave::nodes::{fold, retained};
/// use streamweave::prelude::*;
///
/// let (sender, numbers) = retained(1000);
/// let make = || {
///     graph! {
///         numbers: numbers.source(),
///         sum: fold(0, |sum: &mut u64, n: u64| *sum += n),
///         numbers.out => sum.input,
///         sum.out => graph.sum,
///     }
/// };
/// for n in 1..=3 {
///     sender.try_send(n).expect("room for it");
/// }
/// // What a run took in that came to nothing is there for the next one.
/// make().inline()?.step()?;
/// assert_eq!(sender.kept(), 3);
/// drop(sender);
/// let mut run = make().inline()?.close_inputs()?;
/// run.step()?;
/// assert_eq!(run.outputs.sum.try_recv(), Some(6));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn retained<T>(limit: usize) -> (RetainedSender<T>, Retained<T>) {
    let kept = Kept { records: VecDeque::new(), first: None, senders: 1, waiting: Vec::new() };
    let channel = Arc::new(Channel { limit: limit.max(1), kept: Mutex::new(kept) });
    (RetainedSender(Arc::clone(&channel)), Retained(channel))
}
