//! The one channel type: batches and control, in order, bounded by records and by bytes.
//!
//! One sender, one receiver. Emptied buffers go back to the sender and are used again.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as Task, Poll, Waker};

use crate::broken::{Broken, broken};
use crate::engine::chance::{Chance, Note, hash_of};
use crate::engine::control::Control;
use crate::engine::cx::Failure;
use crate::engine::metrics::EdgeCounters;
use crate::engine::records::{Mark, Records};
use crate::time::Promise;

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
    /// Bytes, at least 1: the size of the items themselves, and the heap of strings and byte
    /// vectors.
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
    #[allow(dead_code, reason = "read by lineage and fencing, which come with checkpoints")]
    pub(crate) header: Header,
    pub(crate) records: Records<T>,
}

/// Where a batch comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Header {
    /// The producing instance's number within its node.
    pub(crate) producer: u32,
    /// The life of the connected component: raised by every restart from a checkpoint.
    pub(crate) attempt: u32,
    /// The sequence number of the first record on this edge.
    pub(crate) first: u64,
    /// Reserved for "late" and for the kinds of log entries.
    pub(crate) flags: u8,
}

#[derive(Debug)]
pub(crate) enum Message<T> {
    Records(Batch<T>),
    Control(Control),
}

struct Channel<T> {
    shared: Mutex<Shared<T>>,
    /// Something may have come since the receiver last found the queue empty, or emptied it.
    /// Only changed under the lock.
    stirred: AtomicBool,
}

struct Shared<T> {
    queue: VecDeque<Message<T>>,
    spare: Vec<Records<T>>,
    records: usize,
    bytes: usize,
    capacity: Capacity,
    receiving: Option<Waker>,
    /// `receiving` stays when it has been woken: see [`Receiver::stay`].
    stays: bool,
    sending: Vec<Waker>,
    receiver: Far,
    sender_gone: bool,
    /// Records that were sent one by one.
    pushed: u64,
    /// The simulation that this is part of, and the edge's number in it.
    traced: Option<(Chance, u32)>,
    /// The last frontier that was sent.
    promised: Option<Promise>,
    /// Every frontier is handed on: so many wait, and take up room.
    frontiers: Option<usize>,
}

impl<T> Shared<T> {
    /// Whether there is no room. There is for at least one message, whatever its size.
    fn is_full(&self) -> bool {
        let Shared { bytes, capacity, .. } = self;
        let waiting = self.records + self.frontiers.unwrap_or(0);
        let full = waiting >= capacity.records || *bytes >= capacity.bytes;
        waiting > 0 && full && !broken(Broken::UnboundedQueue)
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
    /// The receiver is gone for good.
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
    counters: Arc<EdgeCounters>,
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
    let shared = Mutex::new(Shared {
        queue: VecDeque::new(),
        spare: Vec::new(),
        records: 0,
        bytes: 0,
        capacity,
        receiving: None,
        stays: false,
        sending: Vec::new(),
        receiver: Far::Present,
        sender_gone: false,
        pushed: 0,
        traced: None,
        promised: None,
        frontiers: None,
    });
    let channel = Arc::new(Channel { shared, stirred: AtomicBool::new(true) });
    let sender = Sender(Arc::clone(&channel), Arc::clone(&counters));
    (sender, Receiver { channel, stays: None, counters, discard_on_drop: false })
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

/// The bytes that a batch holds: the records themselves, and the heap of the common kinds.
pub(crate) fn bytes_of<T: 'static>(records: &[T]) -> usize {
    if const { !std::mem::needs_drop::<T>() } {
        return size_of_val(records);
    }
    records.iter().map(bytes_of_one).sum()
}

/// The bytes of one record. Which kind it is is decided at compile time.
fn bytes_of_one<T: 'static>(record: &T) -> usize {
    let any: &dyn Any = record;
    let heap = if let Some(text) = any.downcast_ref::<String>() {
        text.capacity()
    } else if let Some(bytes) = any.downcast_ref::<Vec<u8>>() {
        bytes.capacity()
    } else {
        0
    };
    heap + size_of::<T>()
}

impl<T: 'static> Sender<T> {
    /// Ready when there is room.
    pub(crate) fn poll_ready(&self, task: &mut Task<'_>) -> Poll<Flushed> {
        let mut shared = lock(&self.0);
        match shared.receiver {
            Far::Gone => return Poll::Ready(Err(Halt::Gone)),
            Far::Discards => return Poll::Ready(Ok(())),
            Far::Present => {}
        }
        if shared.is_full() {
            shared.wait_for_room(task);
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    /// Adds one record to the batch that waits last, or to a new one: full batches under load,
    /// no waiting when idle. Gives the record back when there is no room for it.
    pub(crate) fn push(&self, mark: Mark, record: T) -> Result<(), (T, Refused)> {
        let mut guard = lock(&self.0);
        let shared = &mut *guard;
        match shared.receiver {
            Far::Present => {}
            Far::Discards => {
                self.1.discarded(1);
                return Ok(());
            }
            Far::Gone => return Err((record, Refused::Gone)),
        }
        if let (Some(stamp), Some(promise)) = (mark.stamp(), shared.promised)
            && Promise::from(stamp) < promise
        {
            return Err((record, Refused::Behind(promise)));
        }
        if shared.is_full() {
            return Err((record, Refused::Full));
        }
        let first = shared.pushed;
        shared.pushed += 1;
        shared.records += 1;
        match shared.queue.back_mut() {
            Some(Message::Records(batch))
                if batch.records.len() < shared.capacity.batch
                    && batch.records.carried() == mark.carried =>
            {
                shared.bytes += bytes_of_one(&record);
                batch.records.push(&mark, record);
            }
            _ => {
                let mut records = shared.spare.pop().unwrap_or_default();
                shared.bytes += bytes_of_one(&record);
                records.prepare(mark.carried, 1);
                records.push(&mark, record);
                let header = Header { first, ..Header::default() };
                shared.queue.push_back(Message::Records(Batch { header, records }));
            }
        }
        let waker = shared.stir(&self.0.stirred);
        drop(guard);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// Sends `records` once there is room for them (of the rest: at once), and leaves an empty buffer in their place.
    pub(crate) fn poll_send(
        &self,
        task: &mut Task<'_>,
        what: Sending,
        header: Header,
        records: &mut Records<T>,
    ) -> Poll<Flushed> {
        let mut guard = lock(&self.0);
        let shared = &mut *guard;
        match shared.receiver {
            Far::Gone => return Poll::Ready(Err(Halt::Gone)),
            Far::Discards => {
                drop(guard);
                self.1.discarded(records.len() as u64);
                records.clear();
                return Poll::Ready(Ok(()));
            }
            Far::Present => {}
        }
        if what != Sending::Rest && shared.is_full() {
            shared.wait_for_room(task);
            return Poll::Pending;
        }
        let second = header.first > 0 && header.first <= shared.capacity.batch as u64;
        if broken(Broken::DroppedBatch) && second {
            records.clear();
            return Poll::Ready(Ok(()));
        }
        let len = records.len();
        shared.records += len;
        shared.bytes += bytes_of(&records.items);
        let records = std::mem::replace(records, shared.spare.pop().unwrap_or_default());
        shared.queue.push_back(Message::Records(Batch { header, records }));
        self.1.sent(len as u64, shared.records as u64);
        let waker = shared.stir(&self.0.stirred);
        drop(guard);
        if let Some(waker) = waker {
            waker.wake();
        }
        Poll::Ready(Ok(()))
    }

    /// Sends control; it never waits, as there is a bounded number of it for each batch.
    pub(crate) fn control(&self, control: Control) {
        self.0.control(control);
    }

    /// The same at both ends, and unlike that of every other channel.
    pub(crate) fn id(&self) -> u64 {
        Arc::as_ptr(&self.0).addr() as u64
    }

    /// The input that the edge leads to.
    pub(crate) fn path(&self) -> Arc<str> {
        Arc::clone(&self.1.path)
    }

    pub(crate) fn capacity(&self) -> Capacity {
        lock(&self.0).capacity
    }

    /// The edge itself, with its type forgotten.
    pub(crate) fn edge(&self) -> Arc<dyn Edge>
    where
        T: Send,
    {
        Arc::clone(&self.0) as Arc<dyn Edge>
    }
}

impl<T> Channel<T> {
    fn control(&self, control: Control) {
        let mut guard = lock(self);
        let shared = &mut *guard;
        if shared.receiver != Far::Present {
            return;
        }
        if let Control::Frontier(promise) = control {
            if shared.promised >= Some(promise) {
                return;
            }
            shared.promised = Some(promise);
            match (&mut shared.frontiers, shared.queue.back_mut()) {
                (Some(waiting), _) => *waiting += 1,
                // Without records in between, the later promise says all.
                (None, Some(Message::Control(Control::Frontier(last)))) => {
                    *last = promise;
                    return;
                }
                (None, _) => {}
            }
        }
        // Said twice it says no more.
        if matches!(control, Control::Idle | Control::Active)
            && matches!(shared.queue.back(), Some(Message::Control(last)) if *last == control)
        {
            return;
        }
        let at = if broken(Broken::ControlOvertakes) { 0 } else { shared.queue.len() };
        shared.queue.insert(at, Message::Control(control));
        let waker = shared.stir(&self.stirred);
        drop(guard);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// What a run asks of an edge, whatever its records are.
pub(crate) trait Edge: Send + Sync {
    fn capacity(&self) -> Capacity;
    /// What waits stays; who waits for room looks again.
    fn set_capacity(&self, capacity: Capacity);
    /// Notes what is received in the trace of `chance`, as of edge number `edge`.
    fn trace(&self, chance: Chance, edge: u32);
    /// Hands every frontier on, also those that a later one makes superfluous: how many come does
    /// not depend on how fast they are taken.
    fn keep_frontiers(&self);
    /// Puts a barrier behind all that has been sent.
    fn barrier(&self, epoch: u64);
}

impl<T: Send + 'static> Edge for Channel<T> {
    fn capacity(&self) -> Capacity {
        lock(self).capacity
    }
    fn set_capacity(&self, capacity: Capacity) {
        let mut shared = lock(self);
        shared.capacity = capacity;
        let wakers = std::mem::take(&mut shared.sending);
        drop(shared);
        wakers.into_iter().for_each(Waker::wake);
    }
    fn trace(&self, chance: Chance, edge: u32) {
        lock(self).traced = Some((chance, edge));
    }
    fn keep_frontiers(&self) {
        lock(self).frontiers = Some(0);
    }
    fn barrier(&self, epoch: u64) {
        self.control(Control::barrier(epoch));
    }
}

fn note<T>(edge: u32, message: &Message<T>) -> Note {
    match message {
        Message::Records(batch) => Note::Records { edge, count: batch.records.len() },
        Message::Control(control) => Note::Control { edge, hash: hash_of(control) },
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut shared = lock(&self.0);
        shared.sender_gone = true;
        let waker = shared.stir(&self.0.stirred);
        drop(shared);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T: 'static> Receiver<T> {
    /// The next message. A sender that is gone without [`Control::End`] has failed.
    /// `emptied` goes back to the sender, if it is a buffer and nothing is to be waited for.
    pub(crate) fn poll_recv(
        &mut self,
        task: &mut Task<'_>,
        emptied: &mut Records<T>,
    ) -> Poll<Message<T>> {
        if !self.channel.stirred.load(Ordering::Acquire)
            && self.stays.as_ref().is_some_and(|waker| waker.will_wake(task.waker()))
        {
            return Poll::Pending;
        }
        let mut guard = lock(&self.channel);
        let shared = &mut *guard;
        if emptied.items.capacity() > 0 && shared.spare.len() < SPARE {
            emptied.clear();
            shared.spare.push(std::mem::take(emptied));
        }
        let newest =
            broken(Broken::NewestFirst) && matches!(shared.queue.back(), Some(Message::Records(_)));
        let next = if newest { shared.queue.pop_back() } else { shared.queue.pop_front() };
        let Some(message) = next else {
            if shared.sender_gone {
                if broken(Broken::FailureLooksLikeEnd) {
                    return Poll::Ready(Message::Control(Control::End));
                }
                return Poll::Ready(Message::Control(Control::Failed));
            }
            keep(&mut shared.receiving, task);
            if shared.stays {
                self.stays.clone_from(&shared.receiving);
                self.channel.stirred.store(false, Ordering::Release);
            }
            return Poll::Pending;
        };
        if shared.stays && shared.queue.is_empty() && !shared.sender_gone {
            self.channel.stirred.store(false, Ordering::Release);
        }
        if let Some((chance, edge)) = &shared.traced {
            chance.note(note(*edge, &message));
        }
        match (&message, &mut shared.frontiers) {
            (Message::Records(batch), _) => {
                shared.records -= batch.records.len();
                shared.bytes = shared.bytes.saturating_sub(bytes_of(&batch.records.items));
                self.counters.waiting(shared.records as u64);
            }
            (Message::Control(Control::Frontier(_)), Some(waiting)) => *waiting -= 1,
            _ => return Poll::Ready(message),
        }
        if !shared.sending.is_empty() && !broken(Broken::NobodyIsWoken) {
            let wakers = std::mem::take(&mut shared.sending);
            drop(guard);
            wakers.into_iter().for_each(Waker::wake);
        }
        Poll::Ready(message)
    }

    /// The waker that is left here stays for all that is sent from then on, so that neither end
    /// handles it for each message, and an empty queue is left alone without a lock. For stages:
    /// they are run again after whatever woke them anyway.
    pub(crate) fn stay(&mut self) {
        lock(&self.channel).stays = true;
    }

    /// See [`Sender::id`].
    pub(crate) fn id(&self) -> u64 {
        Arc::as_ptr(&self.channel).addr() as u64
    }

    /// When this end is dropped, what is sent from then on is counted and dropped: the end of a
    /// graph's output that its caller no longer reads.
    pub(crate) fn discard_on_drop(&mut self) {
        self.discard_on_drop = true;
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut shared = lock(&self.channel);
        shared.receiver = if self.discard_on_drop { Far::Discards } else { Far::Gone };
        self.counters.discarded(shared.records as u64);
        let queue = std::mem::take(&mut shared.queue);
        shared.spare.clear();
        let wakers = std::mem::take(&mut shared.sending);
        drop(shared);
        wakers.into_iter().for_each(Waker::wake);
        drop(queue);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(records: usize, batch: usize) -> (Sender<u32>, Receiver<u32>) {
        let capacity = Capacity { records, batch, bytes: 1 << 20 };
        channel(capacity, Arc::new(EdgeCounters::new("test".into())))
    }

    fn poll<T>(poll: impl FnOnce(&mut Task<'_>) -> Poll<T>) -> Option<T> {
        match poll(&mut Task::from_waker(Waker::noop())) {
            Poll::Ready(ready) => Some(ready),
            Poll::Pending => None,
        }
    }

    #[test]
    fn control_stays_in_order_with_records() {
        let (sender, mut receiver) = pair(100, 4);
        for n in 0..6 {
            sender.push(Mark::default(), n).unwrap();
        }
        sender.control(Control::Idle);
        sender.push(Mark::default(), 6).unwrap();
        sender.control(Control::End);
        let mut seen = Vec::new();
        while let Some(message) = poll(|task| receiver.poll_recv(task, &mut Records::default())) {
            match message {
                Message::Records(batch) => {
                    seen.extend(batch.records.items.iter().map(u32::to_string))
                }
                Message::Control(control) => {
                    seen.push(format!("{control:?}"));
                    if control == Control::End {
                        break;
                    }
                }
            }
        }
        assert_eq!(seen, ["0", "1", "2", "3", "4", "5", "Idle", "6", "End"]);
    }

    #[test]
    fn a_full_channel_refuses_and_has_room_again() {
        let (sender, mut receiver) = pair(2, 1);
        sender.push(Mark::default(), 1).unwrap();
        sender.push(Mark::default(), 2).unwrap();
        assert_eq!(sender.push(Mark::default(), 3), Err((3, Refused::Full)));
        assert!(poll(|task| sender.poll_ready(task)).is_none());
        assert!(poll(|task| receiver.poll_recv(task, &mut Records::default())).is_some());
        assert!(sender.push(Mark::default(), 3).is_ok());
    }

    #[test]
    fn a_sender_that_is_gone_without_an_end_has_failed() {
        let (sender, mut receiver) = pair(2, 1);
        sender.push(Mark::default(), 1).unwrap();
        drop(sender);
        assert!(matches!(
            poll(|task| receiver.poll_recv(task, &mut Records::default())),
            Some(Message::Records(_))
        ));
        let last = poll(|task| receiver.poll_recv(task, &mut Records::default()));
        assert!(matches!(last, Some(Message::Control(Control::Failed))));
    }

    #[test]
    fn bytes_bound_as_well_as_records() {
        let capacity = Capacity { records: 1000, batch: 10, bytes: 100 };
        let counters = Arc::new(EdgeCounters::new("test".into()));
        let (sender, _receiver) = channel::<String>(capacity, counters);
        sender.push(Mark::default(), "x".repeat(200)).unwrap();
        assert!(matches!(sender.push(Mark::default(), "y".into()), Err((_, Refused::Full))));
    }

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Count(std::sync::atomic::AtomicUsize);
    impl std::task::Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    // Catches a message that comes without a wake-up, whatever came before: a receiver that found
    // nothing, one that emptied the queue, another task's, and the end of the sender.
    #[test]
    fn a_waker_that_stays_is_woken_by_everything_that_comes() {
        let (sender, mut receiver) = pair(100, 1);
        receiver.stay();
        let counts = [Arc::new(Count::default()), Arc::new(Count::default())];
        let wakers = counts.clone().map(Waker::from);
        let woken = |task: usize| counts[task].0.load(Ordering::Relaxed);
        let mut poll = |task: usize| {
            receiver
                .poll_recv(&mut Task::from_waker(&wakers[task]), &mut Records::default())
                .is_ready()
        };
        assert!(!poll(0) && !poll(0));
        sender.push(Mark::default(), 1).unwrap();
        sender.push(Mark::default(), 2).unwrap();
        assert_eq!(woken(0), 2);
        assert!(poll(0) && poll(0) && !poll(0));
        sender.control(Control::Idle);
        assert_eq!(woken(0), 3);
        assert!(poll(0));
        // It emptied the queue and was not polled since.
        sender.push(Mark::default(), 3).unwrap();
        assert_eq!(woken(0), 4);
        assert!(poll(0) && !poll(1));
        sender.push(Mark::default(), 4).unwrap();
        assert_eq!((woken(0), woken(1)), (4, 1));
        assert!(poll(1) && !poll(1));
        drop(sender);
        assert_eq!(woken(1), 2);
        assert!(poll(1));
    }

    #[test]
    fn a_dropped_output_takes_all_and_counts_it() {
        let (sender, mut receiver) = pair(1, 1);
        receiver.discard_on_drop();
        sender.push(Mark::default(), 1).unwrap();
        drop(receiver);
        sender.push(Mark::default(), 2).unwrap();
        assert!(poll(|task| sender.poll_ready(task)).is_some_and(|ready| ready.is_ok()));
        assert_eq!(sender.1.read().discarded, 2);
    }
}
