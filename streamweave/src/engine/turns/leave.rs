//! The way out of a loop.

use crate::engine::records::Mark;
use crate::engine::turns::ChannelId;
use crate::engine::{AnyInstance, Control, Cx, Flush, Phase};
use crate::node::{Emit, Part};
use crate::time::{Promise, Rounds, Stamp};

/// An emitter for an edge that leaves a loop: what goes through it is no longer in a round.
#[derive(Debug)]
pub struct Leave<E> {
    edge: E,
    /// Of an inner loop that is left for the outer one: its place, see [`Rounds`].
    inner: Option<u32>,
}

impl<E> Leave<E> {
    /// Out of all loops.
    pub fn all(edge: E) -> Self {
        Leave { edge, inner: None }
    }

    /// Out of the inner loop at this place, into the outer one.
    pub fn inner(edge: E, place: u32) -> Self {
        Leave { edge, inner: Some(place) }
    }

    fn rounds(&self, rounds: Rounds) -> Rounds {
        match self.inner {
            None => Rounds::default(),
            Some(place) => rounds.after(place),
        }
    }

    #[inline]
    fn outside<R>(&mut self, cx: &mut Cx, emit: impl FnOnce(&mut E, &mut Cx) -> R) -> R {
        let outer = cx.mark;
        if let Some(stamp) = outer.stamp() {
            let stamp = Stamp { rounds: self.rounds(stamp.rounds), ..stamp };
            cx.mark = Mark::crossing(outer, stamp);
        }
        let result = emit(&mut self.edge, cx);
        cx.mark = outer;
        result
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
        let phase = match (phase, self.inner) {
            (Phase::Frontier(promise), None) => {
                Phase::Frontier(Promise { rounds: Rounds::default(), ..promise })
            }
            (Phase::Turn(_) | Phase::InLoop, None) => return false,
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
    fn outlets(&mut self, each: &mut dyn FnMut(ChannelId)) {
        self.edge.outlets(each);
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
