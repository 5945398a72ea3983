//! Driving records through a part, one by one: each is a unit.
//!
//! `catch_unwind` wraps the run of units, not the single record; the cursor stays outside, so a
//! panic loses nothing but the record that caused it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::vec::Drain;

use crate::broken::{Broken, broken};
use crate::engine::Instance;
use crate::engine::aside::{Aside, Failed};
use crate::engine::cx::{Cause, Cx, Failure, Phase, SENDING};
use crate::engine::records::{Carried, Mark, Records, Stamps};
use crate::engine::spawn::panic_message;
use crate::node::{Emit, Emitters, Lifecycle, Part, Receive};
use crate::state::StateError;

/// Records that wait to be driven.
#[derive(Debug)]
pub(crate) struct Pending<T> {
    pub(crate) records: Records<T>,
    /// How many of `records` have been driven; only lent ones stay where they are.
    next: usize,
    /// The records stand in reverse order, to be taken off the end.
    reversed: bool,
}

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Pending { records: Records::default(), next: 0, reversed: false }
    }
}

impl<T> Pending<T> {
    pub(crate) fn of(records: Records<T>) -> Self {
        Pending { records, next: 0, reversed: false }
    }

    /// Other records have been put in.
    pub(crate) fn begin(&mut self) {
        self.next = 0;
        self.reversed = false;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.next >= self.records.len()
    }

    /// Whether none has been driven yet.
    pub(crate) fn is_fresh(&self) -> bool {
        self.next == 0 && !self.reversed
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len() - self.next
    }

    /// The records that have not been driven, in their order.
    pub(crate) fn left(&self) -> impl Iterator<Item = (Mark, &T)> {
        let (items, len) = (&self.records.items, self.records.len());
        (self.next..len).map(move |index| {
            let at = if self.reversed { len - 1 - index } else { index };
            (self.records.mark_of_left(index), &items[at])
        })
    }

    /// As [`Pending::pop`], of a record that has not been tried yet.
    pub(crate) fn pop_first(&mut self) -> Option<Failed<T>> {
        self.pop().map(|(record, mark)| (record, mark, 0))
    }

    /// Takes the next record out: for handlers that are awaited one by one.
    pub(crate) fn pop(&mut self) -> Option<(T, Mark)> {
        if !self.reversed {
            self.records.items.reverse();
        }
        let mark = self.records.first_mark();
        let record = self.records.items.pop();
        self.reversed = !self.records.is_empty();
        record.map(|record| (record, mark))
    }
}

/// A root that takes items of type `T` by its input `Port`.
pub(crate) trait Accept<T, Port>: Part {
    const LENDS: bool;
    /// Called before a run of units.
    fn enter(&mut self) {}
    fn accept(&mut self, cx: &mut Cx, item: T);
    fn accept_lent(&mut self, cx: &mut Cx, item: &T);
}

/// The one input of a tree of fused nodes: its root.
pub(crate) struct AtRoot;

impl<T, E: Emit<T>> Accept<T, AtRoot> for E {
    const LENDS: bool = E::LENDS;
    #[inline(always)]
    fn accept(&mut self, cx: &mut Cx, item: T) {
        self.emit(cx, item);
    }
    #[inline(always)]
    fn accept_lent(&mut self, cx: &mut Cx, item: &T) {
        self.lend(cx, item);
    }
}

/// Input `P` of a node that heads its stage.
pub(crate) struct AtPort<const P: usize>;

impl<N, const P: usize, O> Accept<N::Item, AtPort<P>> for Instance<N, O>
where
    N: Receive<P, O> + Lifecycle<O>,
    O: Emitters,
{
    const LENDS: bool = <N as Receive<P, O>>::LENDS;
    fn enter(&mut self) {
        self.enter_by(N::NAME);
    }
    #[inline(always)]
    fn accept(&mut self, cx: &mut Cx, item: N::Item) {
        self.receive::<P>(cx, item);
    }
    #[inline(always)]
    fn accept_lent(&mut self, cx: &mut Cx, item: &N::Item) {
        self.receive_lent::<P>(cx, item);
    }
}

/// Drives `pending` until it is empty, an outbox is full, or a unit fails. A record whose unit
/// failed has been taken, the rest has not.
pub(crate) fn drive<T, Port, A: Accept<T, Port>>(
    pending: &mut Pending<T>,
    to: &mut A,
    cx: &mut Cx,
) -> Result<(), Panicked> {
    cx.mark.carried = pending.records.carried();
    let ran = run_all(pending, to, cx);
    cx.mark.carried = Carried::NOTHING;
    ran
}

fn run_all<T, Port, A: Accept<T, Port>>(
    pending: &mut Pending<T>,
    to: &mut A,
    cx: &mut Cx,
) -> Result<(), Panicked> {
    if A::LENDS {
        let Pending { records, next, .. } = pending;
        let ran = caught(|| {
            while *next < records.len() {
                to.enter();
                let (items, stamps) = records.lend(*next);
                let begun = *next;
                let end = items.len().min(begun.saturating_add(cx.pace.left()));
                run_lent(&items[..end], stamps, next, to, cx);
                keep_pace(*next - begun, cx);
                if !unit_stands(to, cx) {
                    break;
                }
            }
        });
        if pending.is_empty() {
            // Freed in one go.
            pending.records.clear();
            pending.next = 0;
        }
        return ran;
    }
    loop {
        let (mut drain, mut stamps) = pending.records.drain(cx.pace.left());
        let ran = caught(|| {
            let mut stands = true;
            while stands && drain.len() > 0 {
                to.enter();
                let begun = drain.len();
                stamps = run(&mut drain, stamps, to, cx);
                keep_pace(begun - drain.len(), cx);
                stands = unit_stands(to, cx);
            }
            stands
        });
        let rest = drain.collect();
        pending.records.keep(rest);
        if pending.records.is_empty() {
            pending.records.clear();
            return ran.map(drop);
        }
        if !ran? {
            return Ok(());
        }
    }
}

/// So many records have been handled: the step ends where that is enough.
#[inline(always)]
fn keep_pace(units: usize, cx: &mut Cx) {
    if cx.pace.is_over(units) {
        cx.set_full();
    }
}

/// Units, until something is to be done in between.
///
/// The records and the nodes are parameters of a function of its own, so that the compiler knows
/// them to be apart and keeps what the nodes count in registers. The stamps are taken in a loop
/// around it: where there are none, nothing is done for them between one record and the next.
#[inline(never)]
fn run<'a, T, Port, A: Accept<T, Port>>(
    records: &mut Drain<'_, T>,
    mut stamps: Stamps<'a>,
    to: &mut A,
    cx: &mut Cx,
) -> Stamps<'a> {
    cx.set_stamped();
    loop {
        stamps.next_into(&mut cx.mark);
        for record in &mut *records {
            to.begin();
            to.accept(cx, record);
            if cx.unit_ends_run() {
                break;
            }
        }
        if cx.interrupted() || records.len() == 0 {
            return stamps;
        }
    }
}

/// As [`run`], for records that are lent.
#[inline(never)]
fn run_lent<T, Port, A: Accept<T, Port>>(
    records: &[T],
    mut stamps: Stamps<'_>,
    next: &mut usize,
    to: &mut A,
    cx: &mut Cx,
) {
    cx.set_stamped();
    let mut records = records[*next..].iter();
    loop {
        stamps.next_into(&mut cx.mark);
        for record in &mut records {
            *next += 1;
            to.begin();
            to.accept_lent(cx, record);
            if cx.unit_ends_run() {
                break;
            }
        }
        if cx.interrupted() || records.len() == 0 {
            return;
        }
    }
}

/// As [`drive`], where each record is kept until its unit stands: the one that fails is put aside.
pub(crate) fn drive_kept<T, Port, A: Accept<T, Port>>(
    pending: &mut Pending<T>,
    aside: &mut Aside<T>,
    to: &mut A,
    cx: &mut Cx,
) -> Result<(), Panicked> {
    while let Some((record, mark, tries)) = aside.take_again().or_else(|| pending.pop_first()) {
        to.enter();
        cx.mark = mark;
        let mut kept = Some(record);
        let (mut is_copied, mut has_run) = (A::LENDS, false);
        let ran = caught(|| {
            to.begin();
            note_taken(to, cx);
            let copy = kept.as_ref().filter(|_| !A::LENDS).and_then(|record| aside.copy_of(record));
            is_copied = true;
            match copy {
                Some(copy) => to.accept(cx, copy),
                None if A::LENDS => kept.iter().for_each(|record| to.accept_lent(cx, record)),
                None => kept.take().into_iter().for_each(|record| to.accept(cx, record)),
            }
            has_run = !cx.has_failure();
            keep_pace(1, cx);
            unit_stands(to, cx);
        });
        if !is_copied {
            enter_first(to);
        }
        if let Some(record) = kept.filter(|_| !has_run) {
            aside.put(record, mark, tries);
        }
        cx.mark.carried = Carried::NOTHING;
        ran?;
        if cx.must_end() {
            break;
        }
    }
    Ok(())
}

/// Runs it; a panic in it is told, not passed on.
pub(crate) fn caught<T>(run: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| Panicked(panic_message(&*panic)))
}

/// A record could not even be handed over, as its copy panicked: it is the first node's all the same.
#[cold]
fn enter_first(root: &mut dyn Part) {
    let mut is_first = true;
    root.visit(&mut |node| {
        if std::mem::take(&mut is_first) {
            node.take_panicked();
        }
    });
}

/// A handler panicked with this message.
#[derive(Debug)]
pub(crate) struct Panicked(pub(crate) String);

impl Panicked {
    /// It did so while it was asked for its bytes: it refuses.
    pub(crate) fn in_serialize(self) -> StateError {
        StateError::encode(format_args!("panicked: {}", self.0))
    }
}

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
    cx.fail(Failure::new(node, input, position, Cause::Panic(panicked.0)));
}

/// Names the record at which a node failed in sending: the one that it has taken last, as nothing is handed
/// over behind a failure.
fn name_record(root: &mut dyn Part, failure: &mut Arc<Failure>) {
    let Some(failure) = Arc::get_mut(failure).filter(|failure| failure.input == SENDING) else {
        return;
    };
    root.visit(&mut |node| {
        if *node.path() == failure.node {
            (failure.input, failure.position) = node.doing();
        }
    });
}

/// A unit has run: what it staged applies, and what it promised. Whether the step goes on.
#[inline(never)]
fn unit_stands(root: &mut dyn Part, cx: &mut Cx) -> bool {
    if !cx.interrupted() {
        return true;
    }
    commit(root, cx);
    if cx.promised() && !cx.must_end() {
        keep_promises(root, cx);
    }
    !cx.must_end()
}

/// The unit stands, unless it failed: what it staged applies.
fn commit(root: &mut dyn Part, cx: &mut Cx) {
    if !cx.failed() && cx.take_staged() {
        root.visit(&mut |node| node.commit_agenda());
    }
}

/// What nodes promise, or no longer hold, becomes the frontier of what is behind them: at once, so
/// that the place of a promise among the records never depends on how they were cut into batches.
/// If the step must end meanwhile, the rest comes first in the next one.
fn keep_promises(root: &mut dyn Part, cx: &mut Cx) {
    let outer = cx.mark;
    while cx.promised() && !cx.must_end() {
        cx.clear_promised();
        if !run_phase(root, cx, Phase::Promises) {
            cx.set_promised();
        }
    }
    cx.mark = outer;
}

/// Units of `phase`, until nothing is due or the step must end; whether nothing is due any more.
fn run_phase(part: &mut dyn Part, cx: &mut Cx, phase: Phase) -> bool {
    while !cx.must_end() {
        part.begin();
        note_taken(part, cx);
        if !part.advance(cx, phase) {
            return true;
        }
        commit(part, cx);
    }
    false
}

/// Where a policy decides about failures, what the nodes take from now on may come again.
fn note_taken(root: &mut dyn Part, cx: &Cx) {
    if cx.supervised {
        root.visit(&mut |node| node.note_taken());
    }
}

/// Ends a step: a failed unit is undone. What stands stays in the outboxes.
pub(crate) fn settle(
    root: &mut dyn Part,
    cx: &mut Cx,
    ran: Result<(), Panicked>,
) -> Option<Arc<Failure>> {
    if let Err(panicked) = ran
        && !broken(Broken::SwallowedPanic)
    {
        name_panic(root, cx, panicked);
    }
    let mut failure = cx.take_failure();
    if let Some(failure) = &mut failure {
        name_record(root, failure);
        root.rollback();
        cx.take_staged();
    } else {
        commit(root, cx);
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
    let ran = caught(|| {
        done = run_phase(part, cx, phase);
        if done && cx.promised() {
            keep_promises(part, cx);
        }
    });
    (done, ran)
}

#[cfg(test)]
mod tests;
