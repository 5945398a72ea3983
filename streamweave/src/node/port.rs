//! Ports as values: what `graph!` names when it writes `a.out => b.input`.

use std::fmt;
use std::marker::PhantomData;

/// A value that a type has without being given anything: handles are made of these.
pub trait Const {
    /// The value.
    const NEW: Self;
}

impl Const for () {
    const NEW: Self = ();
}

/// The handle of input port number `P` of node `N`, which takes items of type `T`.
pub struct In<N, const P: usize, T>(PhantomData<fn() -> (N, T)>);

/// The handle of an output port of node `N`, which carries items of type `T`.
pub struct Out<N, T>(PhantomData<fn() -> (N, T)>);

impl<N, const P: usize, T> In<N, P, T> {
    /// The handle; it holds nothing.
    pub const NEW: Self = In(PhantomData);
}

impl<N, T> Out<N, T> {
    /// The handle; it holds nothing.
    pub const NEW: Self = Out(PhantomData);
}

impl<N, const P: usize, T> Clone for In<N, P, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<N, const P: usize, T> Copy for In<N, P, T> {}

impl<N, T> Clone for Out<N, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<N, T> Copy for Out<N, T> {}

impl<N, const P: usize, T> fmt::Debug for In<N, P, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "In<{}>", std::any::type_name::<T>())
    }
}

impl<N, T> fmt::Debug for Out<N, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Out<{}>", std::any::type_name::<T>())
    }
}

/// How an input takes its records.
pub trait Passing {
    /// Whether the record is lent (`&T`) rather than handed over (`T`).
    const LENDS: bool;
}

/// The record is handed over: `orders: Order`.
#[derive(Debug)]
pub struct ByValue;

/// The record is lent: `orders: &Order`.
#[derive(Debug)]
pub struct ByRef;

impl Passing for ByValue {
    const LENDS: bool = false;
}
impl Passing for ByRef {
    const LENDS: bool = true;
}

/// How records find their instance when a node runs on several workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routing {
    /// To any instance: dealt out in batches, order not kept.
    Deal,
    /// To the instance that owns the record's key group.
    ByKey,
    /// To every instance.
    Broadcast,
}
