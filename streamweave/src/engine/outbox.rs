//! The sending end of an edge: an outbox whose records leave only when their unit stands.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::task::{Context as Task, Poll, ready};

use crate::broken::{Broken, broken};
use crate::engine::channel::{Capacity, Header, Sender, bytes_of, channel};
use crate::engine::cx::{Cause, Failure};
use crate::engine::metrics::EdgeCounters;
use crate::engine::records::Records;
use crate::engine::spill::{Spill, SpillError, Spilled};
use crate::engine::{AnyInstance, Control, Cx, Flushed, Halt, Phase, Sending};
use crate::node::{Emit, Part};
use crate::state::Codec;
use crate::time::Promise;

/// An emitter that collects records into batches and sends them to another stage.
pub struct Outbox<T> {
    /// The batch that is being filled.
    buffer: Records<T>,
    /// How much of `buffer` stands, and how many full batches do: everything behind is undone
    /// when the unit fails.
    committed: (usize, usize),
    /// What is ready to leave, in order.
    ready: VecDeque<Ready<T>>,
    /// An emptied buffer that came back.
    spare: Records<T>,
    batch: usize,
    /// The last frontier that was sent.
    promised: Option<Promise>,
    /// The last turn that was sent.
    turn: u64,
    /// The last barrier that was sent.
    epoch: u64,
    sequence: u64,
    /// The bytes of what is ready and in memory.
    held: usize,
    spill: Option<Spill<T>>,
    /// How many ready batches are in the file.
    spilled: usize,
    spill_at: usize,
    /// The edge is part of a loop, which must never wait for itself.
    in_loop: bool,
    sender: Sender<T>,
}

enum Ready<T> {
    Records(Records<T>),
    Spilled(Spilled),
    Control(Control),
}

/// So many full batches end the step.
const READY: usize = 2;
/// What one unit may leave in memory, in bytes; then its batches go to a file.
const SPILL_AT: usize = 32 << 20;
/// What one unit may leave in memory where its records do not serialize.
const LIMIT: usize = 1 << 30;

impl<T> fmt::Debug for Outbox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outbox({} waiting)", self.buffer.len())
    }
}

impl<T: 'static> Outbox<T> {
    pub(crate) fn new(sender: Sender<T>) -> Self {
        let batch = sender.capacity().batch;
        Outbox {
            buffer: Records::default(),
            committed: (0, 0),
            ready: VecDeque::new(),
            spare: Records::default(),
            batch,
            promised: None,
            turn: 0,
            epoch: 0,
            sequence: 0,
            held: 0,
            spill: None,
            spilled: 0,
            spill_at: SPILL_AT,
            in_loop: false,
            sender,
        }
    }

    /// How to write records to a file, where there is a way.
    pub(crate) fn set_codec(&mut self, codec: Option<Codec<T>>) {
        self.spill = codec.map(Spill::new);
    }

    /// Never waits for room: what there is none for stays here, beyond a bound in a file.
    pub(crate) fn set_loop(&mut self) {
        self.in_loop = true;
    }

    /// An outbox that leads nowhere.
    pub(crate) fn detached() -> Self {
        Outbox::new(channel(Capacity::default(), Arc::new(EdgeCounters::new("".into()))).0)
    }

    /// The sending end itself, before anything was emitted.
    pub(crate) fn into_sender(self) -> Sender<T> {
        self.sender
    }

    /// The buffer is full, or holds records of another kind: it is ready, and `item` starts the
    /// next one.
    #[cold]
    #[inline(never)]
    fn roll(&mut self, cx: &mut Cx, item: T) {
        if self.ready.len() >= READY || cx.chance.ends_step() {
            cx.set_full();
        }
        let mut next = std::mem::take(&mut self.spare);
        let mut room = self.batch;
        if cx.chance.is_seeded() {
            next = Records::default();
            room = cx.chance.batch(room);
        }
        next.prepare(cx.mark.carried, room);
        let full = std::mem::replace(&mut self.buffer, next);
        self.buffer.push(&cx.mark, item);
        if full.is_empty() {
            return;
        }
        cx.set_ready();
        let bytes = bytes_of(&full.items);
        // The first batch of a unit begins with what stands: it stays in memory.
        if self.ready.len() > self.committed.1 && self.held + bytes > self.spill_at {
            match &mut self.spill {
                Some(spill) => match spill.write(&full) {
                    Ok(spilled) => {
                        self.spilled += 1;
                        self.ready.push_back(Ready::Spilled(spilled));
                        self.spare = full;
                        self.spare.clear();
                        return;
                    }
                    Err(error) => cx.fail(self.failure(error)),
                },
                None if self.held + bytes > LIMIT => {
                    let item = std::any::type_name::<T>();
                    cx.fail(self.failure(SpillError::NoCodec { limit: LIMIT, item }));
                }
                None => {}
            }
        }
        self.held += bytes;
        self.ready.push_back(Ready::Records(full));
    }

    /// Takes a record in between units: it stands.
    #[inline(always)]
    pub(crate) fn put(&mut self, cx: &mut Cx, item: T) {
        if self.buffer.takes(cx) {
            self.buffer.put(&cx.mark, item);
        } else {
            self.committed = (self.buffer.len(), self.ready.len() + 1);
            self.roll(cx, item);
        }
    }

    fn failure(&self, error: SpillError) -> Failure {
        let node = self.sender.path();
        Failure { node, input: "edge", position: self.sequence, cause: Cause::Error(error.into()) }
    }

    /// Sends what is ready; see [`Part::poll_flush`]. The unit must have begun or stand.
    pub(crate) fn poll_send(&mut self, task: &mut Task<'_>, what: Sending) -> Poll<Flushed> {
        if what != Sending::Full && !self.buffer.is_empty() {
            let next = std::mem::take(&mut self.spare);
            self.make_ready(next);
        }
        match self.send_ready(task, what) {
            Poll::Pending if self.in_loop => {
                self.keep_back()?;
            }
            ready => ready!(ready)?,
        }
        self.committed = (self.buffer.len(), self.ready.len());
        Poll::Ready(Ok(()))
    }

    /// What is ready has no room in the channel, and nobody may wait for it.
    fn keep_back(&mut self) -> Flushed {
        let failed = |failure: Failure| Halt::Failed(Arc::new(failure));
        while self.held > self.spill_at {
            let last = self.ready.iter().rposition(|ready| matches!(ready, Ready::Records(_)));
            let Some(last) = last else { break };
            let Some(spill) = &mut self.spill else {
                if self.held <= LIMIT {
                    break;
                }
                let item = std::any::type_name::<T>();
                return Err(failed(self.failure(SpillError::NoCodec { limit: LIMIT, item })));
            };
            if let Ready::Records(records) = &self.ready[last] {
                let bytes = bytes_of(&records.items);
                match spill.write(records) {
                    Ok(spilled) => self.ready[last] = Ready::Spilled(spilled),
                    Err(error) => return Err(failed(self.failure(error))),
                }
                self.spilled += 1;
                self.held = self.held.saturating_sub(bytes);
            }
        }
        Ok(())
    }

    fn send_ready(&mut self, task: &mut Task<'_>, what: Sending) -> Poll<Flushed> {
        while let Some(next) = self.ready.front_mut() {
            match next {
                Ready::Records(records) => {
                    let (len, bytes) = (records.len() as u64, bytes_of(&records.items));
                    let header = Header { first: self.sequence, ..Header::default() };
                    ready!(self.sender.poll_send(task, what, header, records))?;
                    self.sequence += len;
                    self.held = self.held.saturating_sub(bytes);
                }
                Ready::Spilled(spilled) => {
                    if what != Sending::Rest {
                        ready!(self.sender.poll_ready(task))?;
                    }
                    let read = self.spill.as_mut().map(|spill| spill.read(spilled));
                    match read.unwrap_or(Ok(Records::default())) {
                        Ok(records) => {
                            self.held += bytes_of(&records.items);
                            *next = Ready::Records(records);
                        }
                        Err(error) => {
                            return Poll::Ready(Err(Halt::Failed(Arc::new(self.failure(error)))));
                        }
                    }
                    self.spilled -= 1;
                    if let (0, Some(spill)) = (self.spilled, &mut self.spill) {
                        spill.clear();
                    }
                    continue;
                }
                Ready::Control(control) => self.sender.control(control.clone()),
            }
            if let Some(Ready::Records(emptied)) = self.ready.pop_front() {
                self.spare = emptied;
            }
        }
        Poll::Ready(Ok(()))
    }

    fn make_ready(&mut self, next: Records<T>) {
        let records = std::mem::replace(&mut self.buffer, next);
        self.held += bytes_of(&records.items);
        self.ready.push_back(Ready::Records(records));
    }
}

impl<T: Send + 'static> Part for Outbox<T> {
    #[inline(always)]
    fn begin(&mut self) {
        self.committed = (self.buffer.len(), self.ready.len());
    }

    fn rollback(&mut self) {
        if broken(Broken::FailedUnitIsSent) {
            return;
        }
        let (records, batches) = self.committed;
        if self.ready.len() > batches {
            let mut undone = self.ready.drain(batches..);
            // A batch that was filled by this unit starts with what stood in the buffer before.
            if let Some(Ready::Records(first)) = undone.next() {
                self.held = self.held.saturating_sub(bytes_of(&first.items));
                self.buffer = first;
            }
            for batch in undone {
                match batch {
                    Ready::Records(records) => {
                        self.held = self.held.saturating_sub(bytes_of(&records.items));
                    }
                    Ready::Spilled(_) => self.spilled -= 1,
                    Ready::Control(_) => {}
                }
            }
        }
        self.buffer.truncate(records);
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
        if let Phase::Barrier(epoch) = phase
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
        if !self.buffer.is_empty() {
            let next = std::mem::take(&mut self.spare);
            self.make_ready(next);
        }
        self.ready.push_back(Ready::Control(control.clone()));
        self.begin();
    }

    fn pump(&mut self, _: &mut Cx) {}

    fn poll_flush(&mut self, task: &mut Task<'_>, what: Sending) -> Poll<Flushed> {
        self.poll_send(task, what)
    }

    fn accepted(&mut self) -> u64 {
        let ready = self.ready.iter().map(|ready| match ready {
            Ready::Records(records) => records.len(),
            Ready::Spilled(spilled) => spilled.records(),
            Ready::Control(_) => 0,
        });
        self.sequence + (self.buffer.len() + ready.sum::<usize>()) as u64
    }

    fn outlets(&mut self, each: &mut dyn FnMut(u64)) {
        each(self.sender.id());
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
        let fits = records.len() <= self.batch && records.len() >= self.batch.div_ceil(2);
        if !fits || cx.chance.is_seeded() {
            return false;
        }
        cx.set_ready();
        if self.ready.len() >= READY {
            cx.set_full();
        }
        if !self.buffer.is_empty() {
            let next = std::mem::take(&mut self.spare);
            self.make_ready(next);
        }
        let taken = std::mem::replace(records, std::mem::take(&mut self.spare));
        self.held += bytes_of(&taken.items);
        self.ready.push_back(Ready::Records(taken));
        self.begin();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::channel::{Message, Receiver};
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
        while let Poll::Ready(Message::Records(batch)) =
            receiver.poll_recv(&mut task, &mut Records::default())
        {
            into.extend(batch.records.items);
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
            outbox.spill_at = 64;
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
        assert_eq!((outbox.held, outbox.spilled), (0, 0));
    }

    #[test]
    fn units_stand_or_fall_as_a_whole() {
        for seed in 0..200 {
            units_stand_or_fall(false, seed);
            units_stand_or_fall(true, seed);
        }
    }
}
