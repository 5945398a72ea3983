//! Emitters: where a node's output goes. The next node of the stage, or the sending end of an edge.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context as Task, Poll};

use crate::engine::{AnyInstance, Control, Cx, Flush, Flushed, Phase, Records, Sending};

/// A part of a stage's tree of fused nodes: everything that is done once a unit or once a step.
///
/// A *unit* happens whole or not at all; see [`Part::begin`] and [`Part::rollback`].
pub trait Part: Send + 'static {
    /// A unit starts: what came before stands. Called before every record, so it must be cheap.
    fn begin(&mut self);

    /// Undoes everything since [`Part::begin`], as if the unit had not been.
    fn rollback(&mut self);

    /// Runs the next unit that `phase` makes due, depth first in edge order.
    /// Returns whether there was one: call again after the next `begin` until it says `false`.
    fn advance(&mut self, cx: &mut Cx, phase: Phase) -> bool;

    /// The earliest processing time (milliseconds of the run's clock) at which a timer is due.
    fn deadline(&mut self) -> Option<i64>;

    /// Puts `control` into every edge that leaves this part, behind what is there.
    fn control(&mut self, control: &Control);

    /// Drives what waits in local edges (stage boundaries inside one task) through their parts.
    /// Returns whether there may ever be something to do: if not, it is not called again.
    fn pump(&mut self, cx: &mut Cx) -> bool;

    /// Sends what is in the outboxes, as `flush` says, which is told what has become of it. Returns whether
    /// to go on.
    fn flush(&mut self, flush: &mut Flush<'_, '_>) -> bool;

    /// Sends what is in the outboxes, as `what` says.
    /// Pending means that a receiver has no room: nothing more may be driven.
    fn poll_flush(&mut self, task: &mut Task<'_>, what: Sending) -> Poll<Flushed> {
        let mut flush = Flush::new(task, what);
        self.flush(&mut flush);
        flush.result
    }

    /// How many records have been handed to it, for the counters.
    fn accepted(&mut self) -> u64;

    /// Says which node hands over what this part takes, and by which output: what goes wrong in taking it is that
    /// node's failure.
    #[doc(hidden)]
    fn set_sender(&mut self, _node: &Arc<str>, _output: &str) {}

    /// Shows the channels that leave this part to `each`.
    #[doc(hidden)]
    fn outlets(&mut self, each: &mut dyn FnMut(u64));

    /// Whether what is handed to it goes anywhere.
    fn is_connected(&self) -> bool {
        true
    }

    /// Whether anybody wants what is handed to it. Who has had enough never wants more.
    fn is_wanted(&mut self) -> bool {
        true
    }

    /// Shows every node of this part to `visit`, outermost first.
    fn visit(&mut self, visit: &mut dyn FnMut(&mut dyn AnyInstance));
}

/// A part that takes items of type `T`.
pub trait Emit<T>: Part {
    /// Whether [`Emit::lend`] may be used in place of [`Emit::emit`].
    const LENDS: bool;

    /// Whether the items go anywhere.
    const CONNECTED: bool = true;

    /// Hands `item` over.
    fn emit(&mut self, cx: &mut Cx, item: T);

    /// Lends `item`. Only to be called when [`Emit::LENDS`].
    fn lend(&mut self, cx: &mut Cx, item: &T);

    /// Takes all of `records`, in between units, where it keeps them as a batch anyway; says
    /// whether it did. `records` is then empty, to be filled again.
    fn take_batch(&mut self, cx: &mut Cx, records: &mut Records<T>) -> bool {
        let _ = (cx, records);
        false
    }

    /// Hands all `items` over.
    #[inline]
    fn emit_all(&mut self, cx: &mut Cx, items: impl Iterator<Item = T>)
    where
        Self: Sized,
    {
        for item in items {
            self.emit(cx, item);
        }
    }
}

/// All emitters of a node: one part for each of its outputs.
pub trait Emitters: Send + 'static {
    /// Calls `each` for every output's emitter, in the order of declaration, until one returns
    /// `false`; returns whether all returned `true`.
    fn each<V: EachPart>(&mut self, each: &mut V) -> bool;
}

/// What [`Emitters::each`] does with each emitter.
pub trait EachPart {
    /// Returns whether to go on to the next one.
    fn part<P: Part>(&mut self, part: &mut P) -> bool;
}

impl Emitters for () {
    #[inline(always)]
    fn each<V: EachPart>(&mut self, _: &mut V) -> bool {
        true
    }
}

/// An output that goes nowhere.
#[derive(Clone, Copy, Debug)]
pub struct Unconnected;

impl Part for Unconnected {
    #[inline(always)]
    fn begin(&mut self) {}
    fn rollback(&mut self) {}
    fn advance(&mut self, _: &mut Cx, _: Phase) -> bool {
        false
    }
    fn deadline(&mut self) -> Option<i64> {
        None
    }
    fn control(&mut self, _: &Control) {}
    fn pump(&mut self, _: &mut Cx) -> bool {
        false
    }
    fn flush(&mut self, _: &mut Flush<'_, '_>) -> bool {
        true
    }
    fn accepted(&mut self) -> u64 {
        0
    }
    fn outlets(&mut self, _: &mut dyn FnMut(u64)) {}
    fn is_connected(&self) -> bool {
        false
    }
    fn is_wanted(&mut self) -> bool {
        false
    }
    fn visit(&mut self, _: &mut dyn FnMut(&mut dyn AnyInstance)) {}
}

impl<T> Emit<T> for Unconnected {
    const LENDS: bool = true;
    const CONNECTED: bool = false;
    #[inline(always)]
    fn emit(&mut self, _: &mut Cx, _: T) {}
    #[inline(always)]
    fn lend(&mut self, _: &mut Cx, _: &T) {}
}

/// An emitter for items of type `B` that can be asked to take any item.
///
/// The type check of an edge lives in one place (see [`crate::graph::check`]); the code that
/// attaches nodes must not repeat its errors, so it goes through this. The comparison of types is
/// resolved at compile time: where they are the same, as in every graph that compiles, it costs
/// nothing.
#[derive(Debug)]
pub struct Via<B, E>(E, PhantomData<fn() -> B>);

impl<B, E> Via<B, E> {
    /// Wraps an emitter for items of type `B`.
    pub fn new(emitter: E) -> Self {
        Via(emitter, PhantomData)
    }
}

macro_rules! delegate_part {
    ($($field:tt),+) => {
        #[inline(always)]
        fn begin(&mut self) {
            $(self.$field.begin();)+
        }
        fn rollback(&mut self) {
            $(self.$field.rollback();)+
        }
        fn advance(&mut self, cx: &mut Cx, phase: Phase) -> bool {
            $(self.$field.advance(cx, phase))||+
        }
        fn deadline(&mut self) -> Option<i64> {
            [$(self.$field.deadline()),+].into_iter().flatten().min()
        }
        fn control(&mut self, control: &Control) {
            $(self.$field.control(control);)+
        }
        fn pump(&mut self, cx: &mut Cx) -> bool {
            $(self.$field.pump(cx))|+
        }
        fn flush(&mut self, flush: &mut crate::engine::Flush<'_, '_>) -> bool {
            $(self.$field.flush(flush))&&+
        }
        fn accepted(&mut self) -> u64 {
            // Every one takes all records.
            [$(self.$field.accepted()),+][0]
        }
        fn set_sender(&mut self, node: &std::sync::Arc<str>, output: &str) {
            $(self.$field.set_sender(node, output);)+
        }
        fn outlets(&mut self, each: &mut dyn FnMut(u64)) {
            $(self.$field.outlets(each);)+
        }
        fn is_wanted(&mut self) -> bool {
            $(self.$field.is_wanted())||+
        }
        fn visit(&mut self, visit: &mut dyn FnMut(&mut dyn AnyInstance)) {
            $(self.$field.visit(visit);)+
        }
    };
}

impl<B: 'static, E: Part> Part for Via<B, E> {
    delegate_part!(0);
}

impl<A: 'static, B: 'static, E: Emit<B>> Emit<A> for Via<B, E> {
    const LENDS: bool = E::LENDS;
    const CONNECTED: bool = E::CONNECTED;
    #[inline(always)]
    fn emit(&mut self, cx: &mut Cx, item: A) {
        if E::LENDS {
            // It is not moved once more.
            return self.lend(cx, &item);
        }
        let mut item = Some(item);
        if let Some(item) = (&mut item as &mut dyn Any).downcast_mut::<Option<B>>()
            && let Some(item) = item.take()
        {
            self.0.emit(cx, item);
        }
    }
    #[inline(always)]
    fn lend(&mut self, cx: &mut Cx, item: &A) {
        if let Some(item) = (item as &dyn Any).downcast_ref::<B>() {
            self.0.lend(cx, item);
        }
    }
    fn take_batch(&mut self, cx: &mut Cx, records: &mut Records<A>) -> bool {
        let records = (records as &mut dyn Any).downcast_mut();
        records.is_some_and(|records| self.0.take_batch(cx, records))
    }
}

/// How a fan-out copies what it cannot lend.
pub trait Duplicate<T>: Send + 'static {
    /// A copy of `item`, where there is a way to make one.
    fn duplicate(item: &T) -> Option<T>;
}

/// Copies by `Clone`.
#[derive(Clone, Copy, Debug)]
pub struct ByClone;

/// Cannot copy: the check of the edge has already refused the graph, or every receiver borrows.
#[derive(Clone, Copy, Debug)]
pub struct NoClone;

impl<T: Clone> Duplicate<T> for ByClone {
    #[inline(always)]
    fn duplicate(item: &T) -> Option<T> {
        Some(item.clone())
    }
}

impl<T> Duplicate<T> for NoClone {
    #[inline(always)]
    fn duplicate(_: &T) -> Option<T> {
        None
    }
}

/// A fan-out to two emitters; larger ones nest as balanced trees.
///
/// Receivers that borrow are lent the record; of those that take it by value, the last gets the
/// record itself and the others get clones.
#[derive(Debug)]
pub struct Tee<A, B, H> {
    first: A,
    second: B,
    how: PhantomData<fn() -> H>,
}

impl<A, B, H> Tee<A, B, H> {
    /// Sends to both.
    pub fn new(first: A, second: B, _: H) -> Self {
        Tee { first, second, how: PhantomData }
    }
}

impl<A: Part, B: Part, H: 'static> Part for Tee<A, B, H> {
    delegate_part!(first, second);
}

impl<T, A: Emit<T>, B: Emit<T>, H: Duplicate<T>> Emit<T> for Tee<A, B, H> {
    const LENDS: bool = A::LENDS && B::LENDS;
    const CONNECTED: bool = A::CONNECTED || B::CONNECTED;
    #[inline(always)]
    fn emit(&mut self, cx: &mut Cx, item: T) {
        if A::LENDS {
            self.first.lend(cx, &item);
            self.second.emit(cx, item);
        } else if B::LENDS {
            self.second.lend(cx, &item);
            self.first.emit(cx, item);
        } else {
            if let Some(copy) = H::duplicate(&item) {
                self.first.emit(cx, copy);
            }
            self.second.emit(cx, item);
        }
    }
    #[inline(always)]
    fn lend(&mut self, cx: &mut Cx, item: &T) {
        self.first.lend(cx, item);
        self.second.lend(cx, item);
    }
}

pub(crate) use delegate_part;
