//! A stage boundary within one task: records wait in a tray, then are driven one by one.
//!
//! It stands in front of what a source feeds, so that each of its records is a unit of its own,
//! and cuts chains that are too deep for one type.

use std::fmt;
use std::task::{Context as Task, Poll};

use crate::engine::cx::{Cx, Phase};
use crate::engine::drive::{AtRoot, Pending, drive, settle};
use crate::engine::{AnyInstance, Control, Flushed, Sending};
use crate::node::{Emit, Part};

/// An emitter that keeps records until the stage pumps them through what is behind.
pub struct Tray<T> {
    incoming: Vec<T>,
    committed: usize,
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
            incoming: Vec::new(),
            committed: 0,
            pending: Pending::default(),
            inside: false,
            target: Box::new(target),
        }
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, item: T) {
        self.incoming.reserve(ROOM);
        self.incoming.push(item);
    }
}

/// How many records a tray has room for before it ends the step.
const ROOM: usize = 2048;

impl<T: Send + 'static> Part for Tray<T> {
    #[inline(always)]
    fn begin(&mut self) {
        self.committed = self.incoming.len();
    }

    fn rollback(&mut self) {
        if std::mem::take(&mut self.inside) {
            self.target.part().rollback();
        } else {
            self.incoming.truncate(self.committed);
        }
    }

    fn advance(&mut self, cx: &mut Cx, phase: Phase) -> bool {
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
            if cx.must_end() {
                return;
            }
            if self.pending.is_empty() {
                std::mem::swap(&mut self.pending.records, &mut self.incoming);
                self.committed = 0;
            }
            if !self.pending.is_empty() {
                self.target.drive(&mut self.pending, cx);
                if cx.failed() {
                    return;
                }
            }
            // Once for each batch: trays behind trays are not to be asked twice each.
            self.target.part().pump(cx);
            if self.pending.is_empty() && self.incoming.is_empty() {
                return;
            }
        }
    }

    fn poll_flush(&mut self, task: &mut Task<'_>, what: Sending) -> Poll<Flushed> {
        self.target.part().poll_flush(task, what)
    }

    fn accepted(&mut self) -> u64 {
        self.target.part().accepted() + (self.incoming.len() + self.pending.len()) as u64
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
        if self.incoming.len() < self.incoming.capacity() {
            self.incoming.push(item);
        } else {
            self.grow(item);
            if self.incoming.len() > ROOM {
                cx.set_full();
            }
            cx.pause();
        }
    }

    #[inline]
    fn emit_all(&mut self, _: &mut Cx, items: impl Iterator<Item = T>) {
        self.incoming.extend(items);
    }

    fn lend(&mut self, _: &mut Cx, _: &T) {}
}
