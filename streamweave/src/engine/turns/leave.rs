//! The way out of a loop.

use std::sync::Arc;

use crate::engine::records::Mark;
use crate::engine::turns::{ChannelId, Leaves};
use crate::engine::{AnyInstance, Control, Cx, Flush, Phase};
use crate::node::{Emit, Part};
use crate::time::{Promise, Rounds};

/// An emitter for an edge that may leave a loop: what goes through it is no longer in a round then.
///
/// Whether it does is known when the graph starts, from the channels that the edge leads to.
#[derive(Debug)]
pub struct Leave<E> {
    edge: E,
    leaves: Option<Leaves>,
}

impl<E> Leave<E> {
    /// Out of whatever loop `edge` leads.
    pub fn new(edge: E) -> Self {
        Leave { edge, leaves: None }
    }

    #[inline]
    fn outside<R>(&mut self, cx: &mut Cx, emit: impl FnOnce(&mut E, &mut Cx) -> R) -> R {
        let Some(leaves) = self.leaves else { return emit(&mut self.edge, cx) };
        let outer = cx.mark;
        cx.mark = leaves.mark(outer);
        let result = emit(&mut self.edge, cx);
        cx.mark = outer;
        result
    }
}

impl Leaves {
    /// What a record carries behind the border.
    pub(crate) fn mark(self, mark: Mark) -> Mark {
        let Some(mut stamp) = mark.stamp() else { return mark };
        stamp.rounds = match self {
            Leaves::All => Rounds::default(),
            Leaves::Inner(place) => stamp.rounds.after(place),
        };
        Mark::crossing(mark, stamp)
    }

    /// What is said behind it.
    pub(crate) fn control(self, control: Control) -> Control {
        match (self, control) {
            (_, Control::Frontier(promise)) => Control::Frontier(self.promise(promise)),
            // Turns stay in the loop; they promise as frontiers do.
            (Leaves::All, Control::Turn(turn)) => Control::Frontier(self.promise(turn.promise)),
            (_, control) => control,
        }
    }

    /// What is promised behind it.
    fn promise(self, promise: Promise) -> Promise {
        match self {
            Leaves::All => Promise { rounds: Rounds::default(), ..promise },
            Leaves::Inner(_) => promise,
        }
    }
}

impl<E: Part> Part for Leave<E> {
    #[inline(always)]
    fn begin(&mut self) {
        self.edge.begin();
    }
    fn rollback(&mut self) {
        self.edge.rollback();
    }
    fn advance(&mut self, cx: &mut Cx, phase: Phase) -> bool {
        if phase == Phase::InLoop {
            let mut channels = Vec::new();
            self.edge.outlets(&mut |channel| channels.push(channel));
            self.leaves = cx.looped.leaves(&channels);
        }
        let phase = match (phase, self.leaves) {
            (Phase::Frontier(promise), Some(leaves)) => Phase::Frontier(leaves.promise(promise)),
            (Phase::Turn(_) | Phase::InLoop, Some(Leaves::All)) => return false,
            (phase, _) => phase,
        };
        self.edge.advance(cx, phase)
    }
    fn deadline(&mut self) -> Option<i64> {
        self.edge.deadline()
    }
    fn control(&mut self, control: &Control) {
        self.edge.control(control);
    }
    fn pump(&mut self, cx: &mut Cx) -> bool {
        self.edge.pump(cx)
    }
    fn flush(&mut self, flush: &mut Flush<'_, '_>) -> bool {
        self.edge.flush(flush)
    }
    fn accepted(&mut self) -> u64 {
        self.edge.accepted()
    }
    fn is_connected(&self) -> bool {
        self.edge.is_connected()
    }
    fn set_sender(&mut self, node: &Arc<str>, output: &str) {
        self.edge.set_sender(node, output);
    }
    fn outlets(&mut self, each: &mut dyn FnMut(ChannelId)) {
        self.edge.outlets(each);
    }
    fn is_wanted(&mut self) -> bool {
        self.edge.is_wanted()
    }
    fn visit(&mut self, visit: &mut dyn FnMut(&mut dyn AnyInstance)) {
        self.edge.visit(visit);
    }
}

impl<T, E: Emit<T>> Emit<T> for Leave<E> {
    const LENDS: bool = E::LENDS;
    const CONNECTED: bool = E::CONNECTED;
    #[inline]
    fn emit(&mut self, cx: &mut Cx, item: T) {
        self.outside(cx, |edge, cx| edge.emit(cx, item));
    }
    #[inline]
    fn lend(&mut self, cx: &mut Cx, item: &T) {
        self.outside(cx, |edge, cx| edge.lend(cx, item));
    }
}
