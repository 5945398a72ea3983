//! A node fused into the stage that feeds it.

use super::*;

/// An instance fused into its source's stage: what feeds input `P` calls its handler directly.
pub struct Fused<N: Node, const P: usize, O>(Instance<N, O>);

impl<N: InputPort<P>, const P: usize, O: Emitters> Fused<N, P, O> {
    pub(crate) fn new(mut instance: Instance<N, O>) -> Self {
        instance.enter_by(N::NAME);
        Fused(instance)
    }
}

impl<N: Node, const P: usize, O> fmt::Debug for Fused<N, P, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<N: InputPort<P> + Lifecycle<O>, const P: usize, O: Emitters> Part for Fused<N, P, O> {
    delegate_part!(0);
}

impl<N: Receive<P, O> + Lifecycle<O>, const P: usize, O: Emitters> Emit<N::Item>
    for Fused<N, P, O>
{
    const LENDS: bool = <N as Receive<P, O>>::LENDS;
    #[inline(always)]
    fn emit(&mut self, cx: &mut Cx, item: N::Item) {
        self.0.receive::<P>(cx, item);
    }
    #[inline(always)]
    fn lend(&mut self, cx: &mut Cx, item: &N::Item) {
        self.0.receive_lent::<P>(cx, item);
    }
}
