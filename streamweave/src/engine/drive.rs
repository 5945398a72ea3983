//! Driving records through a part, one by one: each is a unit.
//!
//! `catch_unwind` wraps the run of units, not the single record; the cursor stays outside, so a
//! panic loses nothing but the record that caused it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::engine::Instance;
use crate::engine::cx::{Cause, Cx, Failure, Phase};
use crate::engine::spawn::panic_message;
use crate::node::{Emit, Emitters, InputPort, Lifecycle, Node, Part, Passing, Receive};

/// Records that wait to be driven.
#[derive(Debug)]
pub(crate) struct Pending<T> {
    pub(crate) records: Vec<T>,
    /// How many of `records` have been driven; only lent ones stay where they are.
    next: usize,
    /// The records stand in reverse order, to be taken off the end.
    reversed: bool,
}

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Pending { records: Vec::new(), next: 0, reversed: false }
    }
}

impl<T> Pending<T> {
    pub(crate) fn of(records: Vec<T>) -> Self {
        Pending { records, next: 0, reversed: false }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.next >= self.records.len()
    }

    /// Takes the next record out: for handlers that are awaited one by one.
    pub(crate) fn pop(&mut self) -> Option<T> {
        if !self.reversed {
            self.records.reverse();
        }
        let record = self.records.pop();
        self.reversed = !self.records.is_empty();
        record
    }
}

/// A root that takes items of type `T` by one of its ports.
pub(crate) trait Accept<T> {
    const LENDS: bool;
    fn begin(&mut self);
    fn accept(&mut self, cx: &mut Cx, item: T);
    fn accept_lent(&mut self, cx: &mut Cx, item: &T);
}

/// A tree of fused nodes, entered at its root.
pub(crate) struct Tree<'a, E>(pub(crate) &'a mut E);

impl<T, E: Emit<T>> Accept<T> for Tree<'_, E> {
    const LENDS: bool = E::LENDS;
    #[inline(always)]
    fn begin(&mut self) {
        self.0.begin();
    }
    #[inline(always)]
    fn accept(&mut self, cx: &mut Cx, item: T) {
        self.0.emit(cx, item);
    }
    #[inline(always)]
    fn accept_lent(&mut self, cx: &mut Cx, item: &T) {
        self.0.lend(cx, item);
    }
}

/// An instance entered at port `P`.
pub(crate) struct AtPort<'a, N: Node, const P: usize, O>(pub(crate) &'a mut Instance<N, O>);

impl<N, const P: usize, O> Accept<N::Item> for AtPort<'_, N, P, O>
where
    N: Receive<P, O> + Lifecycle<O>,
    O: Emitters,
{
    const LENDS: bool = <N as InputPort<P>>::Passing::LENDS;
    #[inline(always)]
    fn begin(&mut self) {
        self.0.begin();
    }
    #[inline(always)]
    fn accept(&mut self, cx: &mut Cx, item: N::Item) {
        self.0.receive::<P>(cx, item);
    }
    #[inline(always)]
    fn accept_lent(&mut self, cx: &mut Cx, item: &N::Item) {
        self.0.receive_lent::<P>(cx, item);
    }
}

/// Drives `pending` until it is empty, an outbox is full, or a unit fails.
/// A panic is left in `panicked`; the failed record has been taken, the rest has not.
#[inline]
pub(crate) fn drive<T, A: Accept<T>>(
    pending: &mut Pending<T>,
    to: &mut A,
    cx: &mut Cx,
) -> Result<(), Panicked> {
    if A::LENDS {
        let Pending { records, next, .. } = pending;
        let ran = catch_unwind(AssertUnwindSafe(|| {
            while let Some(record) = records.get(*next) {
                *next += 1;
                to.begin();
                to.accept_lent(cx, record);
                if cx.must_end() {
                    break;
                }
            }
        }));
        if pending.is_empty() {
            // Freed in one go.
            pending.records.clear();
            pending.next = 0;
        }
        return ran.map_err(|panic| Panicked(panic_message(&*panic)));
    }
    let mut drain = pending.records.drain(..);
    let ran = catch_unwind(AssertUnwindSafe(|| {
        for record in drain.by_ref() {
            to.begin();
            to.accept(cx, record);
            if cx.must_end() {
                break;
            }
        }
    }));
    if drain.len() > 0 {
        let rest = drain.collect();
        pending.records = rest;
    }
    ran.map_err(|panic| Panicked(panic_message(&*panic)))
}

/// A handler panicked with this message.
#[derive(Debug)]
pub(crate) struct Panicked(pub(crate) String);

/// Names the node that panicked: the innermost that was entered and not left.
pub(crate) fn name_panic(root: &mut dyn Part, cx: &mut Cx, panicked: Panicked) {
    let mut at: Option<(Arc<str>, &'static str, u64)> = None;
    root.visit(&mut |node| {
        if node.was_entered() {
            let (input, position) = node.doing();
            at = Some((Arc::clone(node.path()), input, position));
            node.leave();
        }
    });
    let (node, input, position) = at.unwrap_or_else(|| ("?".into(), "", 0));
    cx.fail(Failure { node, input, position, cause: Cause::Panic(panicked.0) });
}

/// Ends a step: a failed unit is undone. What stands stays in the outboxes.
pub(crate) fn settle(
    root: &mut dyn Part,
    cx: &mut Cx,
    ran: Result<(), Panicked>,
) -> Option<Failure> {
    if let Err(panicked) = ran {
        name_panic(root, cx, panicked);
    }
    let failure = cx.take_failure();
    if failure.is_some() {
        root.rollback();
        cx.timers_staged = false;
    }
    failure
}

/// Runs what `phase` makes due, unit by unit, until nothing is or the step must end.
/// Returns whether nothing is due any more.
pub(crate) fn advance(
    part: &mut dyn Part,
    cx: &mut Cx,
    phase: Phase,
) -> (bool, Result<(), Panicked>) {
    let mut done = false;
    let ran = catch_unwind(AssertUnwindSafe(|| {
        while !cx.must_end() {
            part.begin();
            if !part.advance(cx, phase) {
                done = true;
                break;
            }
        }
    }));
    (done, ran.map_err(|panic| Panicked(panic_message(&*panic))))
}
