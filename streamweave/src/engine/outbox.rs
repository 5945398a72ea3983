//! The sending end of an edge: an outbox whose records leave only when their unit stands.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::task::{Context as Task, Poll, ready};

use crate::engine::channel::{Batch, Capacity, Header, Sender, channel};
use crate::engine::{AnyInstance, Control, Cx, Gone, Phase};
use crate::node::{Emit, Part};

/// An emitter that collects records into batches and sends them to another stage.
pub struct Outbox<T> {
    /// The batch that is being filled.
    buffer: Vec<T>,
    /// How much of `buffer` stands, and how many full batches do: everything behind is undone
    /// when the unit fails.
    committed: (usize, usize),
    /// What is ready to leave, in order.
    ready: VecDeque<Ready<T>>,
    /// An emptied buffer that came back.
    spare: Vec<T>,
    batch: usize,
    sequence: u64,
    sender: Sender<T>,
}

enum Ready<T> {
    Records(Vec<T>),
    Control(Control),
}

impl<T> fmt::Debug for Outbox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outbox({} waiting)", self.buffer.len())
    }
}

impl<T: 'static> Outbox<T> {
    pub(crate) fn new(sender: Sender<T>) -> Self {
        let batch = sender.capacity().batch;
        Outbox {
            buffer: Vec::new(),
            committed: (0, 0),
            ready: VecDeque::new(),
            spare: Vec::new(),
            batch,
            sequence: 0,
            sender,
        }
    }

    /// An outbox that leads nowhere.
    pub(crate) fn detached() -> Self {
        Outbox::new(channel(Capacity::default(), Arc::default()).0)
    }

    /// The sending end itself, before anything was emitted.
    pub(crate) fn into_sender(self) -> Sender<T> {
        self.sender
    }

    /// The buffer is a full batch: it is ready, and `item` starts the next one.
    #[cold]
    #[inline(never)]
    fn roll(&mut self, item: T) {
        let mut next = std::mem::take(&mut self.spare);
        next.reserve_exact(self.batch);
        let full = std::mem::replace(&mut self.buffer, next);
        if full.capacity() > 0 {
            self.ready.push_back(Ready::Records(full));
        }
        self.buffer.push(item);
    }

    /// Sends what is ready; see [`Part::poll_flush`]. The unit must have begun or stand.
    pub(crate) fn poll_send(&mut self, task: &mut Task<'_>, all: bool) -> Poll<Result<(), Gone>> {
        if all && !self.buffer.is_empty() {
            let next = std::mem::take(&mut self.spare);
            self.ready.push_back(Ready::Records(std::mem::replace(&mut self.buffer, next)));
        }
        while let Some(next) = self.ready.front() {
            if let Ready::Records(_) = next {
                ready!(self.sender.poll_ready(task))?;
            }
            match self.ready.pop_front() {
                Some(Ready::Records(records)) => {
                    let header = Header { first: self.sequence, ..Header::default() };
                    self.sequence += records.len() as u64;
                    self.spare = self.sender.send(Batch { header, records });
                }
                Some(Ready::Control(control)) => self.sender.control(control),
                None => {}
            }
        }
        self.committed = (self.buffer.len(), 0);
        Poll::Ready(Ok(()))
    }
}

impl<T: Send + 'static> Part for Outbox<T> {
    #[inline(always)]
    fn begin(&mut self) {
        self.committed = (self.buffer.len(), self.ready.len());
    }

    fn rollback(&mut self) {
        let (records, batches) = self.committed;
        // A batch that was filled by this unit starts with what stood in the buffer before.
        if self.ready.len() > batches
            && let Some(Ready::Records(first)) = self.ready.drain(batches..).next()
        {
            self.buffer = first;
        }
        self.buffer.truncate(records);
    }

    fn advance(&mut self, _: &mut Cx, _: Phase) -> bool {
        false
    }

    fn deadline(&mut self) -> Option<i64> {
        None
    }

    fn control(&mut self, control: &Control) {
        if !self.buffer.is_empty() {
            let rest = std::mem::take(&mut self.buffer);
            self.ready.push_back(Ready::Records(rest));
        }
        self.ready.push_back(Ready::Control(control.clone()));
        self.begin();
    }

    fn pump(&mut self, _: &mut Cx) {}

    fn poll_flush(&mut self, task: &mut Task<'_>, all: bool) -> Poll<Result<(), Gone>> {
        self.poll_send(task, all)
    }

    fn visit(&mut self, _: &mut dyn FnMut(&mut dyn AnyInstance)) {}
}

impl<T: Send + 'static> Emit<T> for Outbox<T> {
    const LENDS: bool = false;

    #[inline(always)]
    fn emit(&mut self, cx: &mut Cx, item: T) {
        // What happens when the buffer is full ends the step, and so is no part of the loop that
        // drives it: what the loop counts stays in registers.
        if self.buffer.len() < self.buffer.capacity() {
            self.buffer.push(item);
        } else {
            self.roll(item);
            cx.set_full();
        }
    }

    fn lend(&mut self, _: &mut Cx, _: &T) {}
}
