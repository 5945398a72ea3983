//! What leaves an outbox: full batches and control in order, in memory or in a file.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context as Task, Poll, ready};

use crate::engine::channel::Sender;
use crate::engine::cx::{Cause, Failure};
use crate::engine::records::Records;
use crate::engine::sizes::Sizes;
use crate::engine::spill::{LIMIT, SPILL_AT, Spill, SpillError, Spilled};
use crate::engine::{Control, Cx, Flushed, Halt, Sending};

/// What leaves an outbox, and how.
pub(super) struct Leaving<T> {
    /// What is ready to leave, in order.
    pub(super) ready: VecDeque<Ready<T>>,
    /// An emptied buffer that came back.
    pub(super) spare: Records<T>,
    pub(super) batch: usize,
    /// Whose outbox it is, unless it is an input of the graph.
    pub(super) of: Option<Arc<str>>,
    sequence: u64,
    /// The bytes of what is ready and in memory.
    pub(super) held: usize,
    pub(super) sizes: Sizes<T>,
    /// The bytes of a batch that is large enough, however few records it has.
    large: usize,
    pub(super) spill: Option<Spill<T>>,
    /// How many ready batches are in the file.
    pub(super) spilled: usize,
    pub(super) spill_at: usize,
    pub(super) limit: usize,
    /// The edge is part of a loop, which must never wait for itself.
    pub(super) in_loop: bool,
    /// Something was sent without room for it: nothing more is taken in until there is.
    over: bool,
    pub(super) sender: Sender<T>,
}

pub(super) enum Ready<T> {
    /// With the bytes that they take.
    Records(Records<T>, usize),
    Spilled(Spilled),
    Control(Control),
}

/// So many full batches end the step.
pub(super) const READY: usize = 2;

impl<T: 'static> Leaving<T> {
    pub(super) fn new(sender: Sender<T>) -> Self {
        Leaving {
            ready: VecDeque::new(),
            spare: Records::default(),
            batch: sender.capacity().batch,
            of: None,
            sequence: 0,
            held: 0,
            sizes: Sizes::by(None),
            large: (sender.capacity().bytes / 8).max(1),
            spill: None,
            spilled: 0,
            spill_at: SPILL_AT,
            limit: LIMIT,
            in_loop: false,
            over: false,
            sender,
        }
    }

    /// A full batch is ready; returned is the next one, which `item` starts. What the unit did not
    /// begin is not all of the unit: it stays in memory.
    #[cold]
    #[inline(never)]
    pub(super) fn roll(
        &mut self,
        cx: &mut Cx,
        mut full: Records<T>,
        of_unit: bool,
        item: T,
    ) -> Records<T> {
        if self.ready.len() >= READY || cx.chance.ends_step() {
            cx.set_full();
        }
        // An empty one is only made to fit.
        let spare = if full.is_empty() { &mut full } else { &mut self.spare };
        let mut next = std::mem::take(spare);
        // The next records are as large as this one, for all that is known.
        let mut room = self.batch.min(self.large / self.sizes.of_one(&item).max(1)).max(1);
        if room < self.batch && room < next.items.capacity() {
            next = Records::default();
        }
        if cx.chance.is_seeded() {
            next = Records::default();
            room = cx.chance.batch(self.batch);
        }
        next.prepare(cx.mark.carried, room);
        next.push(&cx.mark, item);
        if full.is_empty() {
            return next;
        }
        cx.set_ready();
        let bytes = self.sizes.of(&full.items);
        // The first batch of a unit begins with what stands: it stays in memory.
        if of_unit && self.held + bytes > self.spill_at {
            match &mut self.spill {
                Some(spill) => match spill.write(&full) {
                    Ok(spilled) => {
                        self.spilled += 1;
                        self.ready.push_back(Ready::Spilled(spilled));
                        self.spare = full;
                        self.spare.clear();
                        return next;
                    }
                    Err(error) => cx.fail(self.failure_in_unit(error)),
                },
                None if self.held + bytes > self.limit => {
                    let item = std::any::type_name::<T>();
                    cx.fail(self.failure_in_unit(SpillError::NoCodec { limit: self.limit, item }));
                }
                None => {}
            }
        }
        self.held += bytes;
        self.ready.push_back(Ready::Records(full, bytes));
        next
    }

    /// Whether so many records like this one are a batch.
    pub(super) fn are_large(&self, count: usize, record: &T) -> bool {
        self.sizes.of_one(record).saturating_mul(count) > self.large
    }

    /// A batch is ready.
    pub(super) fn add(&mut self, records: Records<T>) {
        let bytes = self.sizes.of(&records.items);
        self.held += bytes;
        self.ready.push_back(Ready::Records(records, bytes));
    }

    /// Takes the last batches back, as many as the failed unit has filled; the first of them is
    /// returned.
    pub(super) fn take_back(&mut self, filled: usize) -> Records<T> {
        let standing = self.ready.len().saturating_sub(filled);
        let mut first = None;
        for batch in self.ready.drain(standing..) {
            match batch {
                Ready::Records(records, bytes) => {
                    self.held = self.held.saturating_sub(bytes);
                    first.get_or_insert(records);
                }
                Ready::Spilled(_) => self.spilled -= 1,
                Ready::Control(_) => {}
            }
        }
        if let (0, Some(spill)) = (self.spilled, &mut self.spill) {
            spill.clear();
        }
        first.unwrap_or_default()
    }

    /// How many records have been sent or are ready.
    pub(super) fn accepted(&self) -> u64 {
        let ready = self.ready.iter().map(|ready| match ready {
            Ready::Records(records, _) => records.len(),
            Ready::Spilled(spilled) => spilled.records(),
            Ready::Control(_) => 0,
        });
        self.sequence + ready.sum::<usize>() as u64
    }

    /// The failure of the unit that is under way.
    fn failure_in_unit(&self, error: SpillError) -> Failure {
        let node = self.of.as_ref().map_or_else(|| self.sender.path(), Arc::clone);
        Failure::of_sending(node, error.into())
    }

    /// The failure of nobody's unit: nothing that it concerns can be undone.
    fn failure(&self, error: SpillError) -> Failure {
        let node = self.sender.path();
        Failure::new(node, "edge", self.sequence, Cause::Error(error.into()))
    }

    /// What is ready has no room in the channel, and nobody may wait for it.
    pub(super) fn keep_back(&mut self) -> Flushed {
        let failed = |failure: Failure| Halt::Failed(Arc::new(failure));
        while self.held > self.spill_at {
            let last = self.ready.iter().rposition(|ready| matches!(ready, Ready::Records(..)));
            let Some(last) = last else { break };
            let Some(spill) = &mut self.spill else {
                if self.held <= self.limit {
                    break;
                }
                let item = std::any::type_name::<T>();
                return Err(failed(self.failure(SpillError::NoCodec { limit: self.limit, item })));
            };
            if let Ready::Records(records, bytes) = &self.ready[last] {
                let bytes = *bytes;
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

    /// Whether nothing is ahead of what comes next.
    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty() && !self.over
    }

    /// Sends `records`, which nothing is ahead of, if there is room, and leaves an empty buffer in their place.
    pub(super) fn send_now(
        &mut self,
        task: &mut Task<'_>,
        what: Sending,
        records: &mut Records<T>,
    ) -> Poll<Flushed> {
        let (len, bytes) = (records.len(), self.sizes.of(&records.items));
        ready!(self.sender.poll_send(task, what, bytes, records))?;
        fit(records, bytes, len, self.large);
        self.sequence += len as u64;
        Poll::Ready(Ok(()))
    }

    /// Sends what is ready, as far as there is room.
    pub(super) fn send(&mut self, task: &mut Task<'_>, what: Sending) -> Poll<Flushed> {
        self.over |= what == Sending::Overtaken;
        while let Some(next) = self.ready.front_mut() {
            match next {
                Ready::Records(records, bytes) => {
                    let (len, bytes) = (records.len(), *bytes);
                    ready!(self.sender.poll_send(task, what, bytes, records))?;
                    fit(records, bytes, len, self.large);
                    self.sequence += len as u64;
                    self.held = self.held.saturating_sub(bytes);
                }
                Ready::Spilled(spilled) => {
                    if what != Sending::Rest {
                        ready!(self.sender.poll_ready(task))?;
                    }
                    let read = self.spill.as_mut().map(|spill| spill.read(spilled));
                    match read.unwrap_or(Ok(Records::default())) {
                        Ok(records) => {
                            let bytes = self.sizes.of(&records.items);
                            self.held += bytes;
                            *next = Ready::Records(records, bytes);
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
            if let Some(Ready::Records(emptied, _)) = self.ready.pop_front() {
                self.spare = emptied;
            }
        }
        if self.over && what != Sending::Overtaken {
            ready!(self.sender.poll_ready(task))?;
            self.over = false;
        }
        Poll::Ready(Ok(()))
    }
}

/// What came back may have room for far more than is to be filled of records like those that were sent.
fn fit<T>(emptied: &mut Records<T>, bytes: usize, len: usize, large: usize) {
    let room = emptied.items.capacity();
    if bytes.saturating_mul(room) > (2 * large).saturating_mul(len) {
        *emptied = Records::default();
    }
}
