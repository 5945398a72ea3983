//! The checks of a graph's wiring, as types: each mistake is one error with a plain message.
//!
//! `graph!` puts calls of these into a block that never runs. What attaches nodes carries none of
//! these bounds, so no mistake is told twice.

use std::fmt;
use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use crate::node::{
    ByClone, ByRef, ByValue, Const, DeadLetter, In, InputPort, Letters, NoClone, Node, Out, Via,
    kind,
};
use crate::state::Codec;

/// The ports of a node `N`, named as the node declares them.
///
/// The types of the ports, emitters and wiring are parameters of their own: where `N` is no node
/// they cannot be told, so that the one error about it is not followed by others.
pub struct Handle<N, I, O, E, W> {
    /// Its input ports.
    pub inputs: I,
    /// Its output ports.
    pub outputs: O,
    /// Its emitters, all unconnected.
    pub open: E,
    node: PhantomData<fn() -> (N, W)>,
}

impl<N, I, O, E, W> fmt::Debug for Handle<N, I, O, E, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle")
    }
}

/// The ports of `node`.
pub fn handle<N: Node + Send + Sync>(
    _: &N,
) -> Handle<N, N::Inputs, N::Outputs, N::Open, N::Wiring> {
    Handle { inputs: Const::NEW, outputs: Const::NEW, open: Const::NEW, node: PhantomData }
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
    pub fn receivers(self) -> Receivers<None0, T> {
        Receivers(PhantomData)
    }
}

/// Checks an edge: the types of both ends must be the same.
pub fn edge<N, A: FeedsInto<B>, M, const P: usize, B>(_: &Pair<N, A, M, P, B>) {}

/// [`FeedsInto`] a node that takes each record with its key.
#[diagnostic::on_unimplemented(
    message = "cannot connect an output of `{Self}` to an input of `{Input}`",
    label = "this output carries `{Self}`, the input takes `{Input}`",
    note = "the input takes pairs of a key and a record: `key_by(|record| ..)` before it makes them; \
            windows of all records, without keys, are `window_all`"
)]
pub trait FeedsIntoKeyed<Input> {}
impl<T> FeedsIntoKeyed<T> for T {}

/// [`edge`] to a node that takes each record with its key.
pub fn edge_to_keyed<N, A: FeedsIntoKeyed<B>, M, const P: usize, B>(_: &Pair<N, A, M, P, B>) {}

/// [`FeedsInto`] a node that is made of a closure which takes a reference.
#[diagnostic::on_unimplemented(
    message = "cannot connect an output of `{Self}` to an input of `{Input}`",
    label = "this output carries `{Self}`, the input takes `{Input}`",
    note = "insert a node that converts `{Self}` to `{Input}`; where that is the closure's own `&`: \
            `map` and its like take the record by value, `|record: {Self}|`"
)]
pub trait FeedsIntoClosure<Input> {}
impl<T> FeedsIntoClosure<T> for T {}

/// [`edge`] to a node that is made of a closure which takes a reference.
pub fn edge_to_closure<N, A: FeedsIntoClosure<B>, M, const P: usize, B>(_: &Pair<N, A, M, P, B>) {}

/// That records of this type can leave the graph: what reads them may run on another thread.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot leave the graph, as it cannot be sent between threads",
    label = "what leaves the graph must be `Send` and own what it holds",
    note = "for an `Rc` take an `Arc`, for a `RefCell` a `Mutex`, for a reference what it refers to"
)]
pub trait Leaves {}
#[diagnostic::do_not_recommend]
impl<T: Send + 'static> Leaves for T {}

/// Checks an edge to an output of the graph.
pub fn leaves<N, A: Leaves>(_: &Out<N, A>) {}

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
/// More than one does.
#[derive(Debug)]
pub struct Many;

/// How many receivers take their records by value.
pub trait Count {
    /// One more.
    type Next: Count;
    /// What must be `Clone`, where the records are of type `T`.
    type Cloned<T>;
}
impl Count for None0 {
    type Next = One;
    type Cloned<T> = ();
}
impl Count for One {
    type Next = Many;
    type Cloned<T> = ();
}
impl Count for Many {
    type Next = Many;
    type Cloned<T> = T;
}

/// How a receiver changes the count `S`: `Self` is how it takes its records, and its node's kind.
/// Only what is fused can be lent a record.
pub trait Counted<S: Count> {
    /// The new count.
    type Next: Count;
}
impl<S: Count> Counted<S> for (ByRef, kind::Fused) {
    type Next = S;
}
impl<S: Count> Counted<S> for (ByRef, kind::Serial) {
    type Next = S::Next;
}
impl<S: Count> Counted<S> for (ByRef, kind::Concurrent) {
    type Next = S::Next;
}
impl<S: Count, Kind> Counted<S> for (ByValue, Kind) {
    type Next = S::Next;
}

/// The count with one more receiver: input `P` of node `M`.
pub type CountedAt<S, M, const P: usize> =
    <(<M as InputPort<P>>::Passing, <M as Node>::Kind) as Counted<S>>::Next;

impl<S: Count, T> Receivers<S, T> {
    /// One more receiver, fused behind this output: it borrows or does not.
    pub fn to<M, const P: usize, B>(self, _: In<M, P, B>) -> Receivers<CountedAt<S, M, P>, T>
    where
        M: InputPort<P>,
        (M::Passing, M::Kind): Counted<S>,
    {
        Receivers(PhantomData)
    }

    /// One more receiver in a stage of its own: records that leave a stage are handed over.
    pub fn away(self) -> Receivers<S::Next, T> {
        Receivers(PhantomData)
    }
}

/// Checks a fan-out: where more than one receiver takes its records by value, they are cloned.
pub fn fan_out<S: Count, T>(_: &Receivers<S, T>)
where
    S::Cloned<T>: FanOut,
{
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

/// What can be done with the records of an edge.
pub struct Handling<T> {
    /// How they are written to a file, where they serialize: what does not fit into memory can
    /// wait on disk.
    pub codec: Option<Codec<T>>,
    /// How one is copied that may be tried again.
    pub copy: Option<fn(&T) -> T>,
}

impl<T> fmt::Debug for Handling<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handling")
    }
}

/// Finds the [`Handling`] of an edge by the type of its port: what can do most comes first.
///
/// What is found where the type is not known yet is the first one, which then says all that it
/// needs as one mistake.
#[diagnostic::on_unimplemented(
    message = "the type of these records is known behind the graph only: it is `{T}`",
    label = "no edge and no node says what this input takes",
    note = "write the type where the node is made, `event_time::<{T}>()` or \
            `map(|record: {T}| ..)`; or derive `Clone`, `serde::Serialize` and \
            `serde::Deserialize` for it"
)]
pub trait Handled<T> {
    /// What can be done with them.
    fn handling(&self) -> Handling<T>;
}

#[diagnostic::do_not_recommend]
impl<N, const P: usize, T: Clone + Serialize + Deserialize<'static>> Handled<T> for &&&In<N, P, T> {
    fn handling(&self) -> Handling<T> {
        Handling { codec: Some(Codec::perhaps_borrowing()), copy: Some(T::clone) }
    }
}
#[diagnostic::do_not_recommend]
impl<N, const P: usize, T: Serialize + Deserialize<'static>> Handled<T> for &&In<N, P, T> {
    fn handling(&self) -> Handling<T> {
        Handling { codec: Some(Codec::perhaps_borrowing()), copy: None }
    }
}
#[diagnostic::do_not_recommend]
impl<N, const P: usize, T: Clone> Handled<T> for &In<N, P, T> {
    fn handling(&self) -> Handling<T> {
        Handling { codec: None, copy: Some(T::clone) }
    }
}
#[diagnostic::do_not_recommend]
impl<N, const P: usize, T> Handled<T> for In<N, P, T> {
    fn handling(&self) -> Handling<T> {
        Handling { codec: None, copy: None }
    }
}

/// That a record of this type can be kept until its unit stands.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is kept for the case that its unit fails, so it must be `Clone`",
    label = "the policy tries each failed `{Self}` again, or makes it a dead letter",
    note = "derive `Clone` for it, let the input borrow it (`#[input] name: &{Self}`), or write \
            `#[on_failure(skip)]`"
)]
pub trait Retriable {}
#[diagnostic::do_not_recommend]
impl<T: Clone> Retriable for T {}

/// What must be `Clone` of the records of an input, where failed ones are kept: `Self` is how it
/// takes them, and its node's kind. What is lent to a synchronous handler need not be copied.
pub trait KeptAs {
    /// What must be.
    type Copied<T>;
}
impl KeptAs for (ByRef, kind::Fused) {
    type Copied<T> = ();
}
impl KeptAs for (ByRef, kind::Serial) {
    type Copied<T> = T;
}
impl KeptAs for (ByRef, kind::Concurrent) {
    type Copied<T> = T;
}
impl KeptAs for (ByValue, kind::Fused) {
    type Copied<T> = T;
}
impl KeptAs for (ByValue, kind::Serial) {
    type Copied<T> = T;
}
impl KeptAs for (ByValue, kind::Concurrent) {
    type Copied<T> = T;
}
/// The nodes in the graph say for themselves.
impl KeptAs for (ByValue, kind::Nested) {
    type Copied<T> = ();
}

/// Checks that failed records of this input can be kept.
pub fn kept<N, const P: usize, T>(_: &In<N, P, T>)
where
    N: InputPort<P>,
    (N::Passing, N::Kind): KeptAs,
    <(N::Passing, N::Kind) as KeptAs>::Copied<T>: Retriable,
{
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

/// A value that depends on ports: where one of them is a mistake, the value's type cannot be
/// told either, and nothing that is done with it leads to a second error.
pub trait Tied<Ports> {
    /// The value's type.
    type This;
}
impl<Ports, T> Tied<Ports> for T {
    type This = T;
}

/// `value`, which depends on `ports`.
pub fn tied<Ports, T>(_: Ports, value: T) -> <T as Tied<Ports>>::This {
    value
}

/// Whether a value is a node, or the output of one, found by its type.
pub struct Checked<N>(PhantomData<fn() -> N>);

impl<N> fmt::Debug for Checked<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Checked")
    }
}

impl<N> Checked<N> {
    /// Of this value.
    pub fn of(_: &N) -> Self {
        Checked(PhantomData)
    }
}

/// Found where it is one.
pub trait NodeSound {
    /// The value, which needs the node.
    fn checked<T>(&self, value: T) -> T;
}
impl<N: Node + Send + Sync> NodeSound for Checked<N> {
    fn checked<T>(&self, value: T) -> T {
        value
    }
}
/// Of an output, where what it sends can be sent.
impl<N: Node + Send + Sync, A: Send + 'static> NodeSound for Checked<Out<N, A>> {
    fn checked<T>(&self, value: T) -> T {
        value
    }
}

/// Found where it is none, which [`handle`] has told. What is attached then is of a type that
/// nobody says, and once there was an error, rustc keeps to itself what follows from that.
pub trait NodeBroken {
    /// Nothing.
    fn checked<T, U>(&self, value: T) -> U;
}
impl<N> NodeBroken for &Checked<N> {
    fn checked<T, U>(&self, _: T) -> U {
        unreachable!("a graph with something else than a node does not compile")
    }
}

/// The emitters of a node, all unconnected.
pub fn open<N, I, O, E: Const, W>(_: &Handle<N, I, O, E, W>) -> E {
    Const::NEW
}

/// What `build` gives, which runs in a frame of its own.
pub fn apart<T>(build: impl FnOnce() -> T) -> Box<T> {
    Box::new(build())
}

/// Wraps an emitter that leads to `port`, so that it takes whatever it is given.
pub fn via<N, const P: usize, T, E>(_: In<N, P, T>, emitter: E) -> Via<T, E> {
    Via::new(emitter)
}

/// The failed records of a node, as an output.
pub fn dead_letters<N: Letters, I, O, E, W>(
    _: &Handle<N, I, O, E, W>,
) -> Out<N, DeadLetter<N::Input>> {
    Out::NEW
}

/// How many records may wait on an edge.
pub fn records(records: usize) -> usize {
    records
}

/// How many workers a region is to have.
pub fn workers(workers: usize) -> usize {
    workers
}

/// How many it is built of: the builder refuses none, and what is still to be built needs one.
pub fn width(workers: usize) -> usize {
    workers.max(1)
}

impl<N, const P: usize, T> In<N, P, T> {
    /// The graph's own input that leads to this input.
    pub fn graph_input(self) -> Out<N, T> {
        Out::NEW
    }
}

impl<N, T> Out<N, T> {
    /// The graph's own output that this output leads to.
    pub fn graph_output(self) -> In<N, 0, T> {
        In::NEW
    }
}

/// The wiring of a node before any edge.
pub fn wiring<N, I, O, E, W: Const>(_: &Handle<N, I, O, E, W>) -> W {
    Const::NEW
}

impl<N, const P: usize, T> In<N, P, T> {
    /// Marks this input as connected.
    pub fn connect<W: Connect<P>>(self, _: W) -> W::Next {
        Const::NEW
    }
}
