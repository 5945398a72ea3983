//! A stage boundary within one task: records wait in a tray, then are driven one by one.
//!
//! It stands in front of what a source feeds, so that each of its records is a unit of its own,
//! and cuts chains that are too deep for one type.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use crate::engine::cx::{Cause, Cx, Failure, Phase};
use crate::engine::drive::{AtRoot, Pending, advance, drive, settle};
use crate::engine::records::Records;
use crate::engine::sizes::Sizes;
use crate::engine::spill::{LIMIT, SPILL_AT, Spill, SpillError, Spilled};
use crate::engine::{AnyInstance, Control, Flush};
use crate::node::{Emit, Part};
use crate::state::Codec;

/// An emitter that keeps records until the stage pumps them through what is behind.
pub struct Tray<T> {
    incoming: Records<T>,
    /// Full batches before it: one ends where the next record carries something else.
    ready: VecDeque<Ready<T>>,
    /// How much of `incoming` stands, and how many full batches do.
    committed: (usize, usize),
    pending: Pending<T>,
    /// A unit is running behind the tray: a rollback is that unit's.
    inside: bool,
    store: Box<Store<T>>,
    target: Box<dyn Target<T>>,
    /// Who fills it.
    of: Option<Arc<str>>,
}

/// A full batch that waits.
enum Ready<T> {
    /// With the bytes that they take.
    Records(Records<T>, usize),
    Spilled(Spilled),
}

/// What one unit leaves here beyond the memory that it may hold.
struct Store<T> {
    /// The bytes of the batches that are ready and in memory.
    held: usize,
    sizes: Sizes<T>,
    spill: Option<Spill<T>>,
    /// How many ready batches are in the file.
    spilled: usize,
    spill_at: usize,
    limit: usize,
}

impl<T: 'static> Store<T> {
    /// Takes in a full batch, which is empty behind it; one that is of this unit alone may have to wait
    /// in the file.
    fn put(&mut self, full: &mut Records<T>, of_unit: bool) -> Result<Ready<T>, SpillError> {
        let bytes = self.sizes.of(&full.items);
        if of_unit && self.held + bytes > self.spill_at {
            match &mut self.spill {
                Some(spill) => {
                    let spilled = spill.write(full)?;
                    self.spilled += 1;
                    full.clear();
                    return Ok(Ready::Spilled(spilled));
                }
                None if self.held + bytes > self.limit => {
                    let item = std::any::type_name::<T>();
                    return Err(SpillError::NoCodec { limit: self.limit, item });
                }
                None => {}
            }
        }
        self.held += bytes;
        Ok(Ready::Records(std::mem::take(full), bytes))
    }

    /// How many records are a batch, of which the next are as large as this one, for all that is known.
    fn room(&self, item: &T) -> usize {
        ROOM.min(LARGE / self.sizes.of_one(item).max(1)).max(1)
    }

    /// An emptied batch may have room for far more than is to be filled of records like these.
    #[inline(always)]
    fn fit(&self, emptied: &mut Records<T>, like: &[T]) {
        if const { std::mem::needs_drop::<T>() }
            && like.len() >= FEW
            && like.last().is_some_and(|last| self.room(last) < emptied.items.capacity() / 2)
        {
            *emptied = Records::default();
        }
    }

    /// Gives a batch back.
    fn take(&mut self, batch: Ready<T>) -> Result<Records<T>, SpillError> {
        match batch {
            Ready::Records(records, bytes) => {
                self.held = self.held.saturating_sub(bytes);
                Ok(records)
            }
            Ready::Spilled(spilled) => {
                let read = self.spill.as_mut().map(|spill| spill.read(&spilled));
                self.forget(&Ready::Spilled(spilled));
                read.unwrap_or(Ok(Records::default()))
            }
        }
    }

    /// A batch will not be taken.
    fn forget(&mut self, batch: &Ready<T>) {
        match batch {
            Ready::Records(_, bytes) => self.held = self.held.saturating_sub(*bytes),
            Ready::Spilled(_) => {
                self.spilled -= 1;
                if let (0, Some(spill)) = (self.spilled, &mut self.spill) {
                    spill.clear();
                }
            }
        }
    }
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
            store: Box::new(Store {
                held: 0,
                sizes: Sizes::by(None),
                spill: None,
                spilled: 0,
                spill_at: SPILL_AT,
                limit: LIMIT,
            }),
            target: Box::new(target),
            of: None,
        }
    }

    /// Says how records are written to a file when one unit leaves more than fits into memory.
    #[must_use]
    pub fn codec(mut self, codec: Option<Codec<T>>) -> Self {
        self.store.spill = codec.map(Spill::new);
        self.store.sizes = Sizes::by(codec);
        self
    }

    /// The failure of nobody's unit: told as of the node behind it.
    fn failure(&mut self, error: SpillError) -> Failure {
        let mut behind = None;
        self.target.part().visit(&mut |node| {
            behind.get_or_insert_with(|| Arc::clone(node.path()));
        });
        let node = behind.unwrap_or_else(|| "output".into());
        Failure::new(node, "edge", 0, Cause::Error(error.into()))
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, cx: &mut Cx, item: T) {
        let room = self.store.room(&item);
        self.make_room(cx, room);
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

    /// Drives what waits, until nothing does or the step must end.
    fn drive_all(&mut self, cx: &mut Cx) {
        loop {
            if cx.must_end() || (cx.promised() && !self.keep_promises(cx)) {
                return;
            }
            if self.pending.is_empty() {
                match self.ready.pop_front().map(|batch| self.store.take(batch)) {
                    Some(Ok(batch)) => self.pending.records = batch,
                    Some(Err(error)) => {
                        let failure = self.failure(error);
                        return cx.fail(failure);
                    }
                    None => {
                        std::mem::swap(&mut self.pending.records, &mut self.incoming);
                        self.store.fit(&mut self.incoming, &self.pending.records.items);
                    }
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

    /// Room for so many records that carry what those of this unit do.
    fn make_room(&mut self, cx: &mut Cx, room: usize) {
        if self.incoming.is_empty() {
            self.incoming.prepare(cx.mark.carried, room);
            return;
        }
        // The first batch of a unit begins with what stands: it stays in memory.
        let of_unit = self.ready.len() > self.committed.1;
        match self.store.put(&mut self.incoming, of_unit) {
            Ok(ready) => self.ready.push_back(ready),
            Err(error) => {
                let failure = match &self.of {
                    Some(node) => Failure::of_sending(Arc::clone(node), error.into()),
                    None => self.failure(error),
                };
                cx.fail(failure);
                self.incoming.clear();
            }
        }
        self.incoming.prepare(cx.mark.carried, room);
        if self.ready.len() >= READY {
            cx.set_full();
        }
    }
}

/// How many records a tray has room for before it ends the step.
const ROOM: usize = 2048;
/// The bytes of a batch that is large enough, however few records it has.
const LARGE: usize = SPILL_AT / 8;
/// Fewer records are not looked at.
const FEW: usize = 4;
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
                let mut filled = self.ready.drain(batches..);
                let first = filled.next();
                filled.for_each(|batch| self.store.forget(&batch));
                // What stood in `incoming` before the unit is the first of the batches it filled, which
                // is in memory.
                let first = first.map(|first| self.store.take(first));
                self.incoming = first.and_then(Result::ok).unwrap_or_default();
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

    fn pump(&mut self, cx: &mut Cx) -> bool {
        self.drive_all(cx);
        true
    }

    fn flush(&mut self, flush: &mut Flush<'_, '_>) -> bool {
        self.target.part().flush(flush)
    }

    fn set_sender(&mut self, node: &Arc<str>, output: &str) {
        self.of = Some(Arc::clone(node));
        self.target.part().set_sender(node, output);
    }

    fn accepted(&mut self) -> u64 {
        let ready = self.ready.iter().map(|batch| match batch {
            Ready::Records(records, _) => records.len(),
            Ready::Spilled(spilled) => spilled.records(),
        });
        let ready: usize = ready.sum();
        self.target.part().accepted() + (self.incoming.len() + self.pending.len() + ready) as u64
    }

    fn outlets(&mut self, each: &mut dyn FnMut(u64)) {
        self.target.part().outlets(each);
    }

    fn is_wanted(&mut self) -> bool {
        self.target.part().is_wanted()
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
    fn emit_all(&mut self, cx: &mut Cx, mut items: impl Iterator<Item = T>) {
        let carried = cx.mark.carried;
        if self.incoming.carried() != carried && self.incoming.is_empty() {
            self.incoming.prepare(carried, 0);
        }
        loop {
            let before = self.incoming.len();
            let fits = self.incoming.carried() == carried;
            let room = if fits { self.incoming.items.capacity() - before } else { 0 }.min(ROOM);
            if items.size_hint().1.is_some_and(|most| most <= room) {
                return self.incoming.extend(&cx.mark, items);
            }
            self.incoming.extend(&cx.mark, items.by_ref().take(room));
            if self.incoming.len() - before < room {
                return;
            }
            let Some(item) = items.next() else { return };
            self.grow(cx, item);
            if cx.failed() {
                return;
            }
        }
    }

    fn lend(&mut self, _: &mut Cx, _: &T) {}
}

#[cfg(test)]
mod tests;
