//! An emitter with something beside it that lives and ends with the same stage.

use std::task::{Context as Task, Poll};

use crate::engine::{AnyInstance, Control, Cx, Flushed, Phase};
use crate::node::{Emit, Part, delegate_part};

/// Emits into the first part; the second gets what is done once a unit or a step.
#[derive(Debug)]
pub struct Beside<A, B>(A, B);

impl<A, B> Beside<A, B> {
    /// `emitter`, with `beside` at its side.
    pub fn new(emitter: A, beside: B) -> Self {
        Beside(emitter, beside)
    }
}

impl<A: Part, B: Part> Part for Beside<A, B> {
    delegate_part!(0, 1);
}

impl<T, A: Emit<T>, B: Part> Emit<T> for Beside<A, B> {
    const LENDS: bool = A::LENDS;
    #[inline(always)]
    fn emit(&mut self, cx: &mut Cx, item: T) {
        self.0.emit(cx, item);
    }
    #[inline(always)]
    fn lend(&mut self, cx: &mut Cx, item: &T) {
        self.0.lend(cx, item);
    }
}
