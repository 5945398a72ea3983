//! The sending end of a feedback edge: what crosses it is one round further.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as Task, Waker};

use crate::broken::{Broken, broken};
use crate::engine::cx::{Cause, Failure};
use crate::engine::records::Mark;
use crate::engine::turns::{ChannelId, Coordinator, Next, Turn, earlier};
use crate::engine::{AnyInstance, Control, Cx, Flush, Phase};
use crate::node::{Emit, Part};
use crate::time::{Promise, Rounds, Stamp};

/// How many rounds a loop may take, and what happens beyond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bound {
    /// As many as it needs.
    #[default]
    None,
    /// A record that would begin a further round fails: the loop was to converge before.
    AtMost(u32),
    /// What would begin a further round is left out: the result is that of so many rounds.
    Exactly(u32),
}

/// Which round a record is in when it crosses a feedback edge.
#[derive(Clone, Copy, Debug)]
struct Crossing {
    /// The loop's depth: 0 for an outermost one.
    depth: usize,
    /// Of an inner loop: how many are before it in the same outer loop.
    place: u32,
    bound: Bound,
}

impl Crossing {
    /// The stamp behind the edge; `None` where the bound leaves the record out.
    fn cross(&self, stamp: Stamp) -> Result<Option<Stamp>, TooMany> {
        let next = stamp.rounds.next(self.depth, self.place);
        let rounds = next.ok_or(TooMany::Counted(stamp.rounds.of(self.depth)))?;
        let round = rounds.of(self.depth);
        match self.bound {
            Bound::AtMost(most) if round > most => Err(TooMany::Bounded(most)),
            Bound::Exactly(most) if round > most => Ok(None),
            _ => Ok(Some(Stamp { rounds, ..stamp })),
        }
    }
}

/// Why a record cannot begin a further round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum TooMany {
    /// The loop was to take no more.
    #[error(
        "a record would begin round {} of a loop that is bounded to {_0}: raise `#[rounds(max = \
         ..)]`, or write `#[rounds(limit = {_0})]` if the result of so many rounds is what is wanted",
        u64::from(*_0) + 1
    )]
    Bounded(u32),
    /// No more can be counted.
    #[error(
        "a record would begin a round behind round {_0} of a loop, and no more can be counted: \
         bound the loop by `#[rounds(max = ..)]`, and look for what keeps it from converging"
    )]
    Counted(u32),
}

/// Where a cut gets its turns, and reports them.
#[derive(Debug, Default)]
pub(crate) struct Mailbox(Mutex<Mail>);

#[derive(Debug, Default)]
struct Mail {
    next: Option<Next>,
    waker: Option<Waker>,
    /// The scope's coordinator and this cut's number, once the graph is whole.
    scope: Option<(Arc<Scope>, usize)>,
    /// The depth and the place of the loop that it closes.
    crosses: (usize, u32),
}

/// The cuts of a scope and their coordinator.
#[derive(Debug)]
pub(crate) struct Scope {
    coordinator: Mutex<Coordinator>,
    cuts: Vec<Arc<Mailbox>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Scope {
    /// Gives the cuts, each with the depth and the place of its loop, a coordinator, and the first turn.
    pub(crate) fn begin(cuts: Vec<(Arc<Mailbox>, (usize, u32))>) -> Arc<Scope> {
        let (cuts, crossings): (Vec<_>, Vec<_>) = cuts.into_iter().unzip();
        let coordinator = Coordinator::new(cuts.len());
        let first = Next::Turn(coordinator.turn());
        let scope = Arc::new(Scope { coordinator: Mutex::new(coordinator), cuts });
        for (number, (mailbox, crosses)) in scope.cuts.iter().zip(crossings).enumerate() {
            let mut mail = lock(&mailbox.0);
            mail.scope = Some((Arc::clone(&scope), number));
            mail.next = Some(first);
            mail.crosses = crosses;
        }
        scope
    }

    fn report(&self, cut: usize, turn: Turn) {
        let next = lock(&self.coordinator).report(cut, turn);
        self.send(next);
    }

    fn wakes(&self) {
        let next = lock(&self.coordinator).wakes();
        self.send(next);
    }

    /// An entry that was not waited for says something: what the loop has promised until now.
    pub(crate) fn enters(&self) -> Promise {
        let (promised, next) = lock(&self.coordinator).enters();
        self.send(next);
        promised
    }

    fn send(&self, next: Option<Next>) {
        let Some(next) = next else { return };
        for mailbox in &self.cuts {
            let waker = {
                let mut mail = lock(&mailbox.0);
                mail.next = Some(next);
                mail.waker.take()
            };
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

/// An emitter for a feedback edge.
pub struct Cut<E> {
    edge: E,
    crossing: Crossing,
    mailbox: Arc<Mailbox>,
    /// The earliest stamp that has crossed since the turn was sent.
    crossed: Option<Stamp>,
    /// What the last record carried that crossed, and what it carries behind the edge: mostly the
    /// next carries the same, which is noted already as long as `crossed` says anything.
    last: (Mark, Mark),
    ended: bool,
    path: Arc<str>,
}

impl<E> fmt::Debug for Cut<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cut").field("path", &self.path).finish_non_exhaustive()
    }
}

impl<E> Cut<E> {
    pub(crate) fn new(edge: E, bound: Bound, mailbox: Arc<Mailbox>, path: Arc<str>) -> Self {
        // Which loop it is, is known when the graph is whole.
        let crossing = Crossing { depth: 0, place: 0, bound };
        let last = (Mark::default(), Mark::default());
        Cut { edge, crossing, mailbox, crossed: None, last, ended: false, path }
    }

    /// Takes note of a record that carries something else than the last one, in `crossed` and
    /// `last`; whether it crosses.
    #[inline(never)]
    fn crosses(&mut self, cx: &mut Cx) -> bool {
        if self.ended {
            let message = "a record was sent back into the loop after the loop had ended: what a \
                           node of a loop sends in `on_stop`, or when its input has ended, must \
                           leave the loop";
            self.fail(cx, message.to_owned());
            return false;
        }
        let outer = cx.mark;
        // Records without a time have the earliest there is.
        match self.crossing.cross(outer.stamp().unwrap_or(Stamp::UNTIMED)) {
            Ok(Some(stamp)) => {
                self.crossed = earlier(self.crossed, Some(stamp));
                self.last = (outer, Mark::crossing(outer, stamp));
                true
            }
            Ok(None) => false,
            Err(too_many) => {
                self.fail(cx, too_many.to_string());
                false
            }
        }
    }

    #[cold]
    fn fail(&self, cx: &mut Cx, message: String) {
        let cause = Cause::Error(message.into());
        cx.fail(Failure::new(Arc::clone(&self.path), "feedback", 0, cause));
    }
}

impl<E: Part> Cut<E> {
    /// Sends the turn that the coordinator has decided on, behind everything that has crossed.
    fn poll_turn(&mut self, task: &Task<'_>) {
        let next = {
            let mut mail = lock(&self.mailbox.0);
            if mail.next.is_none() {
                mail.waker = Some(task.waker().clone());
            }
            mail.next.take()
        };
        match next {
            Some(Next::Turn(turn)) => {
                self.crossed = None;
                self.edge.control(&Control::Turn(turn));
                lock(&self.mailbox.0).waker = Some(task.waker().clone());
            }
            Some(Next::End) => {
                self.ended = true;
                self.crossed = None;
                self.edge.control(&Control::End);
            }
            None => {}
        }
    }

    /// A turn has come round.
    fn report(&mut self, turn: Turn) {
        let raised = turn.hold.map(|hold| {
            let rounds = hold.rounds.raised(self.crossing.depth, self.crossing.place);
            Stamp { rounds, ..hold }
        });
        let crossed = self.crossed.filter(|_| !broken(Broken::CrossingForgotten));
        // So that only what comes in from outside is left.
        let nothing = broken(Broken::NothingCameBack) && crossed.is_none();
        let raised = raised.filter(|at| !nothing || at.rounds == Rounds::default().raised(0, 0));
        let hold = earlier(raised, crossed);
        if let Some((scope, number)) = self.scope() {
            scope.report(number, Turn { hold, ..turn });
        }
    }

    fn scope(&self) -> Option<(Arc<Scope>, usize)> {
        lock(&self.mailbox.0).scope.clone()
    }
}

impl<E: Part> Part for Cut<E> {
    #[inline(always)]
    fn begin(&mut self) {
        self.edge.begin();
    }
    fn rollback(&mut self) {
        self.edge.rollback();
    }
    fn advance(&mut self, cx: &mut Cx, phase: Phase) -> bool {
        cx.set_asked();
        // Its frontier is what the turns promise, not that of the stage.
        match phase {
            Phase::InLoop => {
                let (depth, place) = lock(&self.mailbox.0).crosses;
                self.crossing = Crossing { depth, place, ..self.crossing };
            }
            Phase::Turn(turn) => self.report(turn),
            // Behind all that has crossed.
            Phase::Barrier(_) | Phase::Query(_) if !self.ended => {
                return self.edge.advance(cx, phase);
            }
            Phase::Idle(false) => {
                if let Some((scope, _)) = self.scope() {
                    scope.wakes();
                }
            }
            _ => {}
        }
        false
    }
    fn deadline(&mut self) -> Option<i64> {
        None
    }
    fn control(&mut self, _: &Control) {
        // It ends when the coordinator says so, before the stage can.
    }
    fn pump(&mut self, _: &mut Cx) -> bool {
        false
    }
    fn flush(&mut self, flush: &mut Flush<'_, '_>) -> bool {
        self.poll_turn(flush.task);
        self.edge.flush(flush)
    }
    fn accepted(&mut self) -> u64 {
        self.edge.accepted()
    }
    fn set_sender(&mut self, node: &Arc<str>, output: &str) {
        self.edge.set_sender(node, output);
    }
    fn outlets(&mut self, each: &mut dyn FnMut(ChannelId)) {
        self.edge.outlets(each);
    }
    fn visit(&mut self, visit: &mut dyn FnMut(&mut dyn AnyInstance)) {
        self.edge.visit(visit);
    }
}

impl<T, E: Emit<T>> Emit<T> for Cut<E> {
    const LENDS: bool = false;

    #[inline(always)]
    fn emit(&mut self, cx: &mut Cx, item: T) {
        if cx.failed() || ((self.crossed.is_none() || cx.mark != self.last.0) && !self.crosses(cx))
        {
            return;
        }
        cx.mark = self.last.1;
        self.edge.emit(cx, item);
        cx.mark = self.last.0;
    }

    fn lend(&mut self, _: &mut Cx, _: &T) {}
}
