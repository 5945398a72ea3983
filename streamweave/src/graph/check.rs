//! The checks of a graph's wiring, as types: each mistake is one error with a plain message.
//!
//! `graph!` puts calls of these into a block that never runs. What attaches nodes carries none of
//! these bounds, so no mistake is told twice.

use std::fmt;
use std::marker::PhantomData;

use crate::node::{ByClone, ByRef, ByValue, Const, In, InputPort, NoClone, Node, Out};

/// The ports of a node, named as the node declares them, and the node itself.
pub struct Handle<N: Node> {
    /// Its input ports.
    pub inputs: N::Inputs,
    /// Its output ports.
    pub outputs: N::Outputs,
    /// Its emitters, all unconnected.
    pub open: N::Open,
}

impl<N: Node> fmt::Debug for Handle<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle")
    }
}

/// The ports of `node`.
pub fn handle<N: Node>(_: &N) -> Handle<N> {
    Handle { inputs: Const::NEW, outputs: Const::NEW, open: Const::NEW }
}

/// That an output of this type may be connected to an input of type `Input`.
#[diagnostic::on_unimplemented(
    message = "cannot connect an output of `{Self}` to an input of `{Input}`",
    label = "this output carries `{Self}`, the input takes `{Input}`",
    note = "insert a node that converts `{Self}` to `{Input}`"
)]
pub trait FeedsInto<Input> {}
impl<T> FeedsInto<T> for T {}

/// Both ends of an edge.
pub struct Pair<N, A, M, const P: usize, B>(Out<N, A>, In<M, P, B>);

impl<N, A, M, const P: usize, B> fmt::Debug for Pair<N, A, M, P, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} => {:?}", self.0, self.1)
    }
}

impl<N, T> Out<N, T> {
    /// This output and the input that it leads to.
    pub fn pair<M, const P: usize, B>(self, to: In<M, P, B>) -> Pair<N, T, M, P, B> {
        Pair(self, to)
    }

    /// The receivers of this output, counted: see [`Receivers::to`].
    pub fn fan_out(self) -> Receivers<None0, T> {
        Receivers(PhantomData)
    }
}

/// Checks an edge: the types of both ends must be the same.
pub fn edge<N, A: FeedsInto<B>, M, const P: usize, B>(_: &Pair<N, A, M, P, B>) {}

/// That a record of this type may be sent to more than one input that takes it by value.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is sent to more than one input, so it must be `Clone`",
    label = "fan-out clones each `{Self}`",
    note = "derive `Clone` for it, or let the inputs borrow it: `#[input] name: &{Self}`"
)]
pub trait FanOut {}
#[diagnostic::do_not_recommend]
impl<T: Clone> FanOut for T {}

/// The receivers of an output so far, of which `S` take their records by value.
pub struct Receivers<S, T>(PhantomData<fn() -> (S, T)>);

impl<S, T> fmt::Debug for Receivers<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receivers")
    }
}

/// No receiver takes its records by value.
#[derive(Debug)]
pub struct None0;
/// One does.
#[derive(Debug)]
pub struct One;

/// How the count changes with a receiver that takes its records as `Passing` says.
pub trait Count<S, Passing> {
    /// The new count.
    type Next;
}
impl<S, T> Count<S, ByRef> for Receivers<S, T> {
    type Next = S;
}
impl<T> Count<None0, ByValue> for Receivers<None0, T> {
    type Next = One;
}
impl<T> Count<One, ByValue> for Receivers<One, T> {
    type Next = One;
}

impl<S, T> Receivers<S, T> {
    /// One more receiver, that borrows or does not.
    pub fn to<M: InputPort<P>, const P: usize, B>(
        self,
        _: In<M, P, B>,
    ) -> Receivers<<Self as Count<S, M::Passing>>::Next, T>
    where
        Self: Count<S, M::Passing>,
    {
        Receivers(PhantomData)
    }
}

impl<T: FanOut> Receivers<One, T> {
    /// One more receiver that takes its records by value.
    pub fn another(self) -> Self {
        self
    }
}

/// How a fan-out clones, found by the type of the port: by `Clone` where there is one.
pub trait HowByClone {
    /// How.
    fn how(&self) -> ByClone;
}
impl<N, T: Clone> HowByClone for Out<N, T> {
    fn how(&self) -> ByClone {
        ByClone
    }
}

/// Found when [`HowByClone`] is not: the check has already told the user.
pub trait HowNot {
    /// Not at all.
    fn how(&self) -> NoClone;
}
impl<N, T> HowNot for &Out<N, T> {
    fn how(&self) -> NoClone {
        NoClone
    }
}

/// A required input that is connected.
#[derive(Debug)]
pub struct Connected;
/// A required input that is not.
#[derive(Debug)]
pub struct Missing;

/// The wiring of a node once its input number `P` is connected.
pub trait Connect<const P: usize> {
    /// The new wiring.
    type Next: Const;
}

/// The wiring of a node before any edge.
pub fn wiring<N: Node>(_: &Handle<N>) -> N::Wiring {
    Const::NEW
}

impl<N, const P: usize, T> In<N, P, T> {
    /// Marks this input as connected.
    pub fn connect<W: Connect<P>>(self, _: W) -> W::Next {
        Const::NEW
    }
}
