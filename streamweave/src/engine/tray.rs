//! A stage boundary within one task: records wait in a tray, then are driven one by one.
//!
//! It stands in front of what a source feeds, so that each of its records is a unit of its own,
//! and cuts chains that are too deep for one type.

use std::collections::VecDeque;
use std::fmt;
use std::task::{Context as Task, Poll};

use crate::engine::cx::{Cx, Phase};
use crate::engine::drive::{AtRoot, Pending, advance, drive, settle};
use crate::engine::records::Records;
use crate::engine::{AnyInstance, Control, Flushed, Sending};
use crate::node::{Emit, Part};

/// An emitter that keeps records until the stage pumps them through what is behind.
pub struct Tray<T> {
    incoming: Records<T>,
    /// Full batches before it: one ends where the next record carries something else.
    ready: VecDeque<Records<T>>,
    /// How much of `incoming` stands, and how many full batches do.
    committed: (usize, usize),
    pending: Pending<T>,
    /// A unit is running behind the tray: a rollback is that unit's.
    inside: bool,
    target: Box<dyn Target<T>>,
}

impl<T> fmt::Debug for Tray<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tray({} waiting)", self.incoming.len())
    }
}

/// What is behind a tray, with its type forgotten: one virtual call a batch.
trait Target<T>: Send {
    /// Drives `pending` until it is empty or the step must end. A failed unit is undone, and its
    /// failure is left in `cx`.
    fn drive(&mut self, pending: &mut Pending<T>, cx: &mut Cx);
    fn part(&mut self) -> &mut dyn Part;
}

impl<T, E: Emit<T>> Target<T> for E {
    fn drive(&mut self, pending: &mut Pending<T>, cx: &mut Cx) {
        if pending.is_fresh() && self.take_batch(cx, &mut pending.records) {
            return;
        }
        let ran = drive::<T, AtRoot, E>(pending, self, cx);
        if let Some(failure) = settle(self, cx, ran) {
            cx.fail(failure);
        }
    }
    fn part(&mut self) -> &mut dyn Part {
        self
    }
}

impl<T: Send + 'static> Tray<T> {
    /// A tray in front of `target`.
    pub fn new<E: Emit<T>>(target: E) -> Self {
        Tray {
            incoming: Records::default(),
            ready: VecDeque::new(),
            committed: (0, 0),
            pending: Pending::default(),
            inside: false,
            target: Box::new(target),
        }
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, cx: &mut Cx, item: T) {
        self.make_room(cx);
        self.incoming.push(&cx.mark, item);
        cx.pause();
    }

    /// What is behind has promised something in a unit that ended a step: it takes effect before
    /// the next record there. Whether it has.
    fn keep_promises(&mut self, cx: &mut Cx) -> bool {
        let outer = cx.mark;
        let part = self.target.part();
        let (kept, ran) = advance(part, cx, Phase::Promises);
        cx.mark = outer;
        if let Some(failure) = settle(part, cx, ran) {
            cx.fail(failure);
            return false;
        }
        // The stage does the same for what is before the tray.
        cx.set_promised();
        kept
    }

    /// Room for records that carry what those of this unit do.
    fn make_room(&mut self, cx: &mut Cx) {
        if self.incoming.is_empty() {
            self.incoming.prepare(cx.mark.carried, ROOM);
            return;
        }
        let mut next = Records::default();
        next.prepare(cx.mark.carried, ROOM);
        self.ready.push_back(std::mem::replace(&mut self.incoming, next));
        if self.ready.len() >= READY {
            cx.set_full();
        }
    }
}

/// How many records a tray has room for before it ends the step.
const ROOM: usize = 2048;
/// So many batches that wait end the step.
const READY: usize = 4;

impl<T> Tray<T> {
    /// Whether nothing waits here.
    fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.incoming.is_empty() && self.ready.is_empty()
    }
}

impl<T: Send + 'static> Part for Tray<T> {
    #[inline(always)]
    fn begin(&mut self) {
        self.committed = (self.incoming.len(), self.ready.len());
    }

    fn rollback(&mut self) {
        if std::mem::take(&mut self.inside) {
            self.target.part().rollback();
        } else {
            let (records, batches) = self.committed;
            if self.ready.len() > batches {
                // What stood in `incoming` before the unit is the first of the batches it filled.
                self.incoming = self.ready.drain(batches..).next().unwrap_or_default();
            }
            self.incoming.truncate(records);
        }
    }

    fn advance(&mut self, cx: &mut Cx, phase: Phase) -> bool {
        // What waits here comes before what the phase makes due behind it.
        if !self.is_empty() {
            self.pump(cx);
            return true;
        }
        self.inside = true;
        let target = self.target.part();
        target.begin();
        let ran = target.advance(cx, phase);
        // After a failure the rollback is still to come.
        self.inside = cx.failed();
        ran
    }

    fn deadline(&mut self) -> Option<i64> {
        self.target.part().deadline()
    }

    fn control(&mut self, control: &Control) {
        self.target.part().control(control);
    }

    fn pump(&mut self, cx: &mut Cx) {
        loop {
            if cx.must_end() || (cx.promised() && !self.keep_promises(cx)) {
                return;
            }
            if self.pending.is_empty() {
                match self.ready.pop_front() {
                    Some(batch) => self.pending.records = batch,
                    None => std::mem::swap(&mut self.pending.records, &mut self.incoming),
                }
                self.begin();
            }
            if !self.pending.is_empty() {
                self.target.drive(&mut self.pending, cx);
                if cx.failed() {
                    return;
                }
            }
            // Once for each batch: trays behind trays are not to be asked twice each.
            self.target.part().pump(cx);
            if self.is_empty() {
                return;
            }
        }
    }

    fn poll_flush(&mut self, task: &mut Task<'_>, what: Sending) -> Poll<Flushed> {
        self.target.part().poll_flush(task, what)
    }

    fn accepted(&mut self) -> u64 {
        let ready: usize = self.ready.iter().map(Records::len).sum();
        self.target.part().accepted() + (self.incoming.len() + self.pending.len() + ready) as u64
    }

    fn outlets(&mut self, each: &mut dyn FnMut(u64)) {
        self.target.part().outlets(each);
    }

    fn visit(&mut self, visit: &mut dyn FnMut(&mut dyn AnyInstance)) {
        self.target.part().visit(visit);
    }
}

impl<T: Send + 'static> Emit<T> for Tray<T> {
    const LENDS: bool = false;

    #[inline(always)]
    fn emit(&mut self, cx: &mut Cx, item: T) {
        // As in an outbox.
        if self.incoming.takes(cx) {
            self.incoming.put(&cx.mark, item);
        } else {
            self.grow(cx, item);
        }
    }

    #[inline]
    fn emit_all(&mut self, cx: &mut Cx, items: impl Iterator<Item = T>) {
        if self.incoming.carried() != cx.mark.carried {
            self.make_room(cx);
        }
        self.incoming.extend(&cx.mark, items);
    }

    fn lend(&mut self, _: &mut Cx, _: &T) {}
}
