//! The ports of nodes that call: an input `input`, an output `out`, and
//! an output `errors` that they must know to be connected or not.

use std::fmt;
use std::marker::PhantomData;

use crate::graph::check::{Connect, Connected, Missing};
use crate::node::{Const, EachPart, Emit, Emitters, In, Out, Part, Unconnected};

/// The input of node `N`, which takes records of type `T`.
pub struct OneInput<N, T> {
    /// Records.
    pub input: In<N, 0, T>,
}

/// The outputs of node `N`: results of type `B`, and errors of type `E`.
pub struct OutAndErrors<N, B, E> {
    /// What the closure gives.
    pub out: Out<N, B>,
    /// Errors; where this is not connected, an error fails the record.
    pub errors: Out<N, E>,
}

impl<N, T> Const for OneInput<N, T> {
    const NEW: Self = OneInput { input: In::NEW };
}

impl<N, B, E> Const for OutAndErrors<N, B, E> {
    const NEW: Self = OutAndErrors { out: Out::NEW, errors: Out::NEW };
}

impl<N, T> fmt::Debug for OneInput<N, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneInput").field("input", &self.input).finish()
    }
}

impl<N, B, E> fmt::Debug for OutAndErrors<N, B, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OutAndErrors { out, errors } = self;
        f.debug_struct("OutAndErrors").field("out", out).field("errors", errors).finish()
    }
}

/// The emitters behind [`OutAndErrors`].
#[derive(Debug)]
pub struct ToOutAndErrors<E0, E1> {
    pub(super) out: E0,
    pub(super) errors: E1,
}

impl Const for ToOutAndErrors<Unconnected, Unconnected> {
    const NEW: Self = ToOutAndErrors { out: Unconnected, errors: Unconnected };
}

impl<E0, E1> ToOutAndErrors<E0, E1> {
    /// Connects `out`.
    pub fn out<E>(self, emitter: E) -> ToOutAndErrors<E, E1> {
        ToOutAndErrors { out: emitter, errors: self.errors }
    }
    /// Connects `errors`.
    pub fn errors<E>(self, emitter: E) -> ToOutAndErrors<E0, E> {
        ToOutAndErrors { out: self.out, errors: emitter }
    }
}

impl<E0, E1> ToOutAndErrors<E0, E1> {
    /// Sends a result to `out` or its error to `errors`; gives the error back where that is not
    /// connected.
    #[inline(always)]
    pub(super) fn send<B, E>(
        &mut self,
        cx: &mut crate::engine::Cx,
        result: Result<B, E>,
    ) -> Result<(), E>
    where
        E0: Emit<B>,
        E1: Emit<E>,
    {
        match result {
            Ok(item) => self.out.emit(cx, item),
            Err(error) if E1::CONNECTED => self.errors.emit(cx, error),
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

impl<E0: Part, E1: Part> Emitters for ToOutAndErrors<E0, E1> {
    #[inline(always)]
    fn each<V: EachPart>(&mut self, each: &mut V) -> bool {
        each.part(&mut self.out) && each.part(&mut self.errors)
    }
}

/// Whether `input` is connected.
#[derive(Debug)]
pub struct InputWiring<S0>(PhantomData<S0>);

impl Const for InputWiring<Missing> {
    const NEW: Self = InputWiring(PhantomData);
}
impl Const for InputWiring<Connected> {
    const NEW: Self = InputWiring(PhantomData);
}
impl<S0> Connect<0> for InputWiring<S0> {
    type Next = InputWiring<Connected>;
}

/// That `input` is connected.
#[diagnostic::on_unimplemented(
    message = "input `input` of this node is not connected",
    label = "its input `input` is not connected",
    note = "add an edge `.. => node.input`"
)]
pub trait InputIsConnected {}
impl InputIsConnected for Connected {}

impl<S0> InputWiring<S0> {
    #[doc(hidden)]
    pub fn complete(self)
    where
        S0: InputIsConnected,
    {
    }
}
