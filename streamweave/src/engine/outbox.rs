//! The sending end of an edge: an outbox whose records leave only when their unit stands.

mod leaving;

use std::fmt;
use std::sync::Arc;
use std::task::{Context as Task, Poll, ready};

use self::leaving::{Leaving, READY, Ready};
use crate::broken::{Broken, broken};
use crate::engine::channel::{Capacity, Sender, channel};
use crate::engine::metrics::EdgeCounters;
use crate::engine::records::Records;
use crate::engine::sizes::Sizes;
use crate::engine::spill::Spill;
use crate::engine::{AnyInstance, Control, Cx, Flush, Flushed, Phase, Sending};
use crate::node::{Emit, Part};
use crate::state::Codec;
use crate::time::Promise;

/// An emitter that collects records into batches and sends them to another stage.
pub struct Outbox<T> {
    /// The batch that is being filled.
    buffer: Records<T>,
    /// How much of `buffer` stood when the unit began, and how many full batches it has made ready
    /// since: what is undone when it fails.
    standing: usize,
    filled: usize,
    /// The last frontier that was sent.
    promised: Option<Promise>,
    /// The last turn that was sent.
    turn: u64,
    /// The last barrier that was sent.
    epoch: u64,
    /// Apart: what is lent to a call that the compiler cannot see through is in memory, and the
    /// length of `buffer` is to be counted in a register by the loop that fills it.
    leaving: Box<Leaving<T>>,
}

impl<T> fmt::Debug for Outbox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outbox({} waiting)", self.buffer.len())
    }
}

impl<T: 'static> Outbox<T> {
    pub(crate) fn new(sender: Sender<T>) -> Self {
        Outbox {
            buffer: Records::default(),
            standing: 0,
            filled: 0,
            promised: None,
            turn: 0,
            epoch: 0,
            leaving: Box::new(Leaving::new(sender)),
        }
    }

    /// How to write records to a file, where there is a way, and to measure them.
    pub(crate) fn set_codec(&mut self, codec: Option<Codec<T>>) {
        self.leaving.spill = codec.map(Spill::new);
        self.leaving.sizes = Sizes::by(codec);
        self.leaving.sender.set_sizes(self.leaving.sizes);
    }

    /// Never waits for room: what there is none for stays here, beyond a bound in a file.
    pub(crate) fn set_loop(&mut self) {
        self.leaving.in_loop = true;
    }

    /// An outbox that leads nowhere.
    pub(crate) fn detached() -> Self {
        Outbox::new(channel(Capacity::default(), Arc::new(EdgeCounters::new("".into()))).0)
    }

    /// The sending end itself, before anything was emitted.
    pub(crate) fn into_sender(self) -> Sender<T> {
        self.leaving.sender
    }

    /// What came before stands.
    #[inline(always)]
    fn stand(&mut self) {
        self.standing = self.buffer.len();
        self.filled = 0;
    }

    /// The buffer is full, or holds records of another kind: it is ready, and `item` starts the
    /// next one.
    #[inline(always)]
    fn roll(&mut self, cx: &mut Cx, item: T) {
        let full = std::mem::take(&mut self.buffer);
        let filled = self.filled + usize::from(!full.is_empty());
        self.buffer = self.leaving.roll(cx, full, self.filled > 0, item);
        self.filled = filled;
    }

    /// Takes a record in between units: it stands.
    #[inline(always)]
    pub(crate) fn put(&mut self, cx: &mut Cx, item: T) {
        if self.buffer.takes(cx) {
            self.buffer.put(&cx.mark, item);
        } else {
            self.stand();
            self.roll(cx, item);
        }
    }

    /// Sends what is ready; see [`Part::poll_flush`]. The unit must have begun or stand.
    pub(crate) fn poll_send(&mut self, task: &mut Task<'_>, what: Sending) -> Poll<Flushed> {
        if self.leaving.is_empty() && what != Sending::Overtaken {
            // Mostly so: what is here is sent from where it lies.
            let all = what != Sending::Full && !self.buffer.is_empty();
            if !all || self.leaving.send_now(task, what, &mut self.buffer)?.is_ready() {
                self.stand();
                self.refill();
                return Poll::Ready(Ok(()));
            }
        }
        if what != Sending::Full {
            self.make_ready();
        }
        self.stand();
        match self.leaving.send(task, what) {
            Poll::Pending if self.leaving.in_loop => self.leaving.keep_back()?,
            sent => ready!(sent)?,
        }
        self.refill();
        Poll::Ready(Ok(()))
    }

    /// What came back is filled next.
    fn refill(&mut self) {
        if self.buffer.items.capacity() == 0 {
            self.buffer = std::mem::take(&mut self.leaving.spare);
        }
    }

    /// The buffer is ready to leave as it is.
    fn make_ready(&mut self) {
        if !self.buffer.is_empty() {
            self.leaving.add(std::mem::take(&mut self.buffer));
        }
    }
}

/// Fewer records are not looked at.
const FEW: usize = 4;

impl<T: Send + 'static> Part for Outbox<T> {
    #[inline(always)]
    fn begin(&mut self) {
        self.stand();
    }

    fn rollback(&mut self) {
        if broken(Broken::FailedUnitIsSent) {
            return;
        }
        let filled = std::mem::take(&mut self.filled);
        if filled > 0 {
            // A batch that was filled by this unit starts with what stood in the buffer before.
            self.buffer = self.leaving.take_back(filled);
        }
        self.buffer.truncate(self.standing);
    }

    fn advance(&mut self, cx: &mut Cx, phase: Phase) -> bool {
        cx.set_ready();
        // Everything that was due before it has been emitted: it leaves, behind that.
        if let Phase::Frontier(promise) = phase
            && promise != Promise::ENDED
            && self.promised < Some(promise)
        {
            self.promised = Some(promise);
            self.control(&Control::Frontier(promise));
        }
        if let Phase::Turn(turn) = phase {
            // A phase may be asked for again where another part had a unit to run.
            if self.turn < turn.number {
                self.turn = turn.number;
                self.control(&Control::Turn(turn));
            }
        }
        if let Phase::Barrier(epoch) | Phase::Query(epoch) = phase
            && self.epoch < epoch
        {
            self.epoch = epoch;
            self.control(&Control::barrier(epoch));
        }
        if let Phase::Idle(idle) = phase {
            self.control(if idle { &Control::Idle } else { &Control::Active });
        }
        false
    }

    fn deadline(&mut self) -> Option<i64> {
        None
    }

    fn control(&mut self, control: &Control) {
        self.make_ready();
        self.leaving.ready.push_back(Ready::Control(control.clone()));
        self.stand();
    }

    /// Once a step: few records may be a batch, too, if the last one tells of their size. What the hot
    /// path asks is only whether there is room for one more.
    fn pump(&mut self, cx: &mut Cx) -> bool {
        let count = self.buffer.len();
        let may_be_large = const { std::mem::needs_drop::<T>() };
        if !may_be_large || count < FEW {
            return may_be_large;
        }
        if self.buffer.items.last().is_some_and(|last| self.leaving.are_large(count, last)) {
            self.make_ready();
            self.stand();
            cx.set_ready();
            if self.leaving.ready.len() >= READY {
                cx.set_full();
            }
        }
        may_be_large
    }

    fn flush(&mut self, flush: &mut Flush<'_, '_>) -> bool {
        let sent = self.poll_send(flush.task, flush.what);
        flush.note(sent)
    }

    fn accepted(&mut self) -> u64 {
        self.leaving.accepted() + self.buffer.len() as u64
    }

    fn set_sender(&mut self, node: &Arc<str>, output: &str) {
        self.leaving.of = Some(Arc::clone(node));
        self.leaving.sender.set_from(node, output);
    }

    fn outlets(&mut self, each: &mut dyn FnMut(u64)) {
        each(self.leaving.sender.id());
    }

    fn is_wanted(&mut self) -> bool {
        self.leaving.sender.is_wanted()
    }

    fn visit(&mut self, _: &mut dyn FnMut(&mut dyn AnyInstance)) {}
}

impl<T: Send + 'static> Emit<T> for Outbox<T> {
    const LENDS: bool = false;

    #[inline(always)]
    fn emit(&mut self, cx: &mut Cx, item: T) {
        // What happens when the buffer is full is no part of the loop that drives the stage: so
        // what the loop counts stays in registers.
        if self.buffer.takes(cx) {
            self.buffer.put(&cx.mark, item);
        } else {
            self.roll(cx, item);
            cx.pause();
        }
    }

    fn lend(&mut self, _: &mut Cx, _: &T) {}

    /// A full batch, more or less, leaves as it is.
    fn take_batch(&mut self, cx: &mut Cx, records: &mut Records<T>) -> bool {
        // A simulation cuts batches anew.
        let batch = self.leaving.batch;
        let fits = records.len() <= batch && records.len() >= batch.div_ceil(2);
        if !fits || cx.chance.is_seeded() {
            return false;
        }
        cx.set_ready();
        if self.leaving.ready.len() >= READY {
            cx.set_full();
        }
        self.make_ready();
        let emptied = std::mem::take(&mut self.leaving.spare);
        self.leaving.add(std::mem::replace(records, emptied));
        self.stand();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::channel::{Received, Receiver};
    use crate::engine::clock::Clock;

    /// A generator with a fixed seed (splitmix64).
    struct Random(u64);
    impl Random {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            (z ^ (z >> 31)) % bound
        }
    }

    fn drain(receiver: &mut Receiver<u64>, into: &mut Vec<u64>) {
        let mut task = Task::from_waker(std::task::Waker::noop());
        let mut records = Records::default();
        while let Poll::Ready(Received::Records) = receiver.poll_recv(&mut task, &mut records) {
            into.append(&mut records.items);
        }
    }

    /// Sent at once or from among what is ready: the buffer that the receiver has emptied is filled next.
    #[test]
    fn emptied_buffers_are_filled_again() {
        for at_once in [true, false] {
            let (sender, mut receiver) =
                channel(Capacity::records(8), Arc::new(EdgeCounters::new("test".into())));
            let mut outbox = Outbox::new(sender);
            let (mut task, mut records) =
                (Task::from_waker(std::task::Waker::noop()), Records::default());
            let mut cx = Cx::new(Clock::manual());
            let mut send = |outbox: &mut Outbox<u64>| {
                outbox.begin();
                outbox.emit(&mut cx, 1);
                if !at_once {
                    outbox.make_ready();
                }
                assert!(outbox.poll_send(&mut task, Sending::All).is_ready());
            };
            send(&mut outbox);
            let mut task = Task::from_waker(std::task::Waker::noop());
            assert!(receiver.poll_recv(&mut task, &mut records).is_ready());
            records.items.reserve_exact(60);
            let (buffer, room) = (records.items.as_ptr(), records.items.capacity());
            records.items.clear();
            assert!(receiver.poll_recv(&mut task, &mut records).is_pending());
            // In exchange for what is sent.
            send(&mut outbox);
            let next = (outbox.buffer.items.as_ptr(), outbox.buffer.items.capacity());
            assert_eq!(next, (buffer, room), "at once: {at_once}");
        }
    }

    /// Units of random sizes of which some fail: what arrives is what the others emitted, in
    /// order, whether it stayed in memory or went through a file.
    fn units_stand_or_fall(spill: bool, seed: u64) {
        let mut random = Random(seed);
        let capacity = Capacity { records: 12, batch: 4, bytes: 1 << 20 };
        let (sender, mut receiver) = channel(capacity, Arc::new(EdgeCounters::new("test".into())));
        let mut outbox = Outbox::new(sender);
        if spill {
            outbox.set_codec(Some(Codec::new()));
            outbox.leaving.spill_at = 64;
        }
        let mut task = Task::from_waker(std::task::Waker::noop());
        let (mut cx, mut next) = (Cx::new(Clock::manual()), 0);
        let (mut expected, mut arrived) = (Vec::new(), Vec::new());
        for _ in 0..200 {
            outbox.begin();
            let most = [1, 3, 40][random.below(3) as usize];
            let size = random.below(most);
            let unit: Vec<u64> = (next..next + size).collect();
            next += size;
            for record in &unit {
                outbox.emit(&mut cx, *record);
            }
            if random.below(3) == 0 {
                outbox.rollback();
            } else {
                expected.extend(unit);
            }
            if random.below(2) == 0 {
                // Sent as far as there is room; the unit stands, so the next one begins first.
                let what = [Sending::Full, Sending::All][random.below(2) as usize];
                while outbox.poll_send(&mut task, what).is_pending() {
                    drain(&mut receiver, &mut arrived);
                }
            }
        }
        while outbox.poll_send(&mut task, Sending::All).is_pending() {
            drain(&mut receiver, &mut arrived);
        }
        drain(&mut receiver, &mut arrived);
        assert_eq!(arrived, expected, "seed {seed}, spill {spill}");
        assert_eq!((outbox.leaving.held, outbox.leaving.spilled), (0, 0));
    }

    #[test]
    fn units_stand_or_fall_as_a_whole() {
        for seed in 0..200 {
            units_stand_or_fall(false, seed);
            units_stand_or_fall(true, seed);
        }
    }
}
