//! The one channel type: batches and control, in order, bounded by records and by bytes.
//!
//! One sender, one receiver. Emptied buffers go back to the sender and are used again.

mod edge;
mod receiving;
mod sending;

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::task::{Context as Task, Poll, Waker};

use crate::broken::{Broken, broken};
use crate::engine::chance::{Chance, Note, hash_of};
use crate::engine::control::Control;
use crate::engine::cx::Failure;
use crate::engine::ids::{EdgeId, Header, NodeId};
use crate::engine::metrics::EdgeCounters;
use crate::engine::probe::Probe;
use crate::engine::records::{Mark, Records};
use crate::engine::sizes::Sizes;
use crate::engine::sync::{AtomicBool, Mutex, MutexGuard};
use crate::time::Promise;

pub(crate) use edge::Edge;

/// Why a stage cannot send any more.
#[derive(Debug)]
pub enum Halt {
    /// The receiver is gone for good: the graph is being stopped.
    Gone,
    /// What was spilled could not be read back.
    Failed(Arc<Failure>),
}

/// What a flush sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    /// Full batches, as far as there is room.
    Full,
    /// Everything, as far as there is room.
    All,
    /// What is in memory at once, room or not, the rest as far as there is room: a barrier overtakes it.
    Overtaken,
    /// Everything at once, room or not: the stage has failed, and what stands must not be lost.
    Rest,
}

/// Whether what was to be sent has been.
pub type Flushed = Result<(), Halt>;

/// How much may wait in a channel before its sender has to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Records, at least 1.
    pub records: usize,
    /// Bytes, at least 1: the size of the items themselves, and what they have on the heap. That is known
    /// of strings and byte vectors; of other types that serialize it is guessed from some of them.
    pub bytes: usize,
    /// Records in a batch, at least 1.
    pub batch: usize,
}

impl Default for Capacity {
    /// Eight batches of 2,048 records, 16 MiB.
    fn default() -> Self {
        Capacity { records: 8 * 2048, bytes: 16 << 20, batch: 2048 }
    }
}

impl Capacity {
    /// Room for `records` records, in batches that fit.
    pub fn records(records: usize) -> Self {
        let records = records.max(1);
        let default = Capacity::default();
        Capacity { records, batch: default.batch.min(records.div_ceil(2)), ..default }
    }
}

/// Records on their way, all from one producer.
#[derive(Debug)]
pub(crate) struct Batch<T> {
    pub(crate) header: Header,
    pub(crate) records: Records<T>,
    /// What they were measured to take.
    pub(crate) bytes: usize,
}

#[derive(Debug)]
enum Message<T> {
    Records(Batch<T>),
    /// Apart: whoever moves a batch is not to move the size of the largest control.
    Control(Box<Control>),
}

/// What has come.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// Records, which are in the receiver's buffer now.
    Records,
    Control(Box<Control>),
    /// Records, but not those that were to come next: that is not what was sent.
    Torn(Box<Torn>),
    /// Nothing any more: the sender is gone, and has not said why.
    Gone,
}

/// What an edge was given is not what came by it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "record {expected} of the edge from `{}.{}` to `{}.{}` was to come next, and {got:?} came: what is between was \
     lost or doubled within the engine, so that nothing behind it is to be trusted. Please report it",
    edge.from, edge.output, edge.to, edge.input
)]
pub(crate) struct Torn {
    edge: EdgeId,
    expected: u64,
    got: Header,
}

struct Channel<T> {
    shared: Mutex<Shared<T>>,
    /// Something may have come since the receiver last found the queue empty, or emptied it.
    /// Only changed under the lock.
    stirred: AtomicBool,
    /// Whoever receives wants no more.
    unwanted: AtomicBool,
}

struct Shared<T> {
    queue: VecDeque<Message<T>>,
    spare: Vec<Records<T>>,
    records: usize,
    bytes: usize,
    capacity: Capacity,
    sizes: Sizes<T>,
    edge: EdgeId,
    /// Of the batch that is sent next.
    next: Header,
    receiving: Option<Waker>,
    /// `receiving` stays when it has been woken: see [`Receiver::stay`].
    stays: bool,
    sending: Vec<Waker>,
    receiver: Far,
    sender_gone: bool,
    /// The end has been sent, by the sender or from outside: nothing comes behind it.
    closed: bool,
    /// The simulation that this is part of, and the edge's number in it.
    traced: Option<(Chance, u32)>,
    /// The last frontier that was sent.
    promised: Option<Promise>,
    /// Every frontier is handed on: so many wait, and take up room.
    frontiers: Option<usize>,
    /// The stage that sends; none of an edge of the graph's own input.
    producer: Option<Arc<Probe>>,
}

impl<T> Shared<T> {
    /// Whether there is no room. There is for at least one message, whatever its size.
    fn is_full(&self) -> bool {
        let Shared { bytes, capacity, .. } = self;
        let waiting = self.records + self.frontiers.unwrap_or(0);
        let full = waiting >= capacity.records || *bytes >= capacity.bytes;
        waiting > 0 && full && !broken(Broken::UnboundedQueue)
    }

    /// An emptied buffer goes back to the sender.
    fn give_back(&mut self, mut emptied: Records<T>) {
        if emptied.items.capacity() > 0 && self.spare.len() < SPARE {
            emptied.clear();
            self.spare.push(emptied);
        }
    }

    /// The header of the next batch, of so many records.
    fn header(&mut self, records: usize) -> Header {
        let header = self.next;
        self.next.first += records as u64;
        header
    }

    #[cold]
    fn torn(&self, expected: u64, got: Header) -> Box<Torn> {
        let torn = Torn { edge: self.edge.clone(), expected, got };
        tracing::error!("{torn}");
        Box::new(torn)
    }

    /// Something has come: whoever waits for it is to be woken, once the lock is let go of if it
    /// is told so.
    fn stir(&mut self, stirred: &AtomicBool) -> Option<Waker> {
        stirred.store(true, Ordering::Release);
        if !self.stays {
            return self.receiving.take();
        }
        // A stage's: it is put on a list of those to be run, and does not come back here.
        if let Some(waker) = &self.receiving {
            waker.wake_by_ref();
        }
        None
    }

    fn wait_for_room(&mut self, task: &Task<'_>) {
        if !self.sending.iter().any(|waker| waker.will_wake(task.waker())) {
            self.sending.push(task.waker().clone());
        }
    }
}

/// Why a record was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There is no room.
    Full,
    /// Its time is behind what was promised: this.
    Behind(Promise),
    /// The receiver is gone for good, or the edge was closed.
    Gone,
}

/// So many emptied buffers are kept for the sender.
const SPARE: usize = 4;

/// What became of the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Far {
    Present,
    /// It takes nothing any more; what is sent is counted and dropped.
    Discards,
    Gone,
}

/// The sending end.
pub(crate) struct Sender<T>(Arc<Channel<T>>, Arc<EdgeCounters>);

/// The receiving end.
pub(crate) struct Receiver<T> {
    channel: Arc<Channel<T>>,
    /// The waker that stays, if one does.
    stays: Option<Waker>,
    /// How many records have come.
    taken: u64,
    pub(crate) counters: Arc<EdgeCounters>,
    discard_on_drop: bool,
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender")
    }
}
impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver")
    }
}

pub(crate) fn channel<T: 'static>(
    capacity: Capacity,
    counters: Arc<EdgeCounters>,
) -> (Sender<T>, Receiver<T>) {
    let edge = EdgeId::to(&counters.path);
    let producer = NodeId::of(&edge.from);
    let shared = Mutex::new(Shared {
        queue: VecDeque::new(),
        spare: Vec::new(),
        records: 0,
        bytes: 0,
        capacity,
        sizes: Sizes::by(None),
        edge,
        next: Header { producer, instance: 0, attempt: 1, first: 0 },
        receiving: None,
        stays: false,
        sending: Vec::new(),
        receiver: Far::Present,
        sender_gone: false,
        closed: false,
        traced: None,
        promised: None,
        frontiers: None,
        producer: None,
    });
    let (stirred, unwanted) = (AtomicBool::new(true), AtomicBool::new(false));
    let channel = Arc::new(Channel { shared, stirred, unwanted });
    let sender = Sender(Arc::clone(&channel), Arc::clone(&counters));
    (sender, Receiver { channel, stays: None, taken: 0, counters, discard_on_drop: false })
}

fn lock<T>(channel: &Channel<T>) -> MutexGuard<'_, Shared<T>> {
    // Nothing panics while the lock is held, but for the drop of a record: the data stays valid.
    channel.shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn keep(waker: &mut Option<Waker>, task: &Task<'_>) {
    match waker {
        Some(waker) => waker.clone_from(task.waker()),
        None => *waker = Some(task.waker().clone()),
    }
}

#[cfg(test)]
mod tests;
