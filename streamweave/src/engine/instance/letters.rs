//! Where the dead letters of an instance go.

use std::marker::PhantomData;

use crate::engine::aside::Letter;
use crate::engine::cx::{Cx, Phase};
use crate::engine::{AnyInstance, Control};
use crate::node::{DeadLetter, Emit, Part, delegate_part};

/// What takes the dead letters of a node.
pub(crate) trait Letterbox: Part {
    fn post(&mut self, cx: &mut Cx, letter: Letter);
}

/// A letterbox, whatever letters it takes.
pub(super) struct Letters(pub(super) Box<dyn Letterbox>);

impl Part for Letters {
    delegate_part!(0);
}

/// Dead letters that hold records of type `T` go into this emitter.
pub(crate) struct LettersTo<T, E>(E, PhantomData<fn() -> T>);

impl<T, E> LettersTo<T, E> {
    pub(crate) fn new(emitter: E) -> Self {
        LettersTo(emitter, PhantomData)
    }
}

impl<T: 'static, E: Part> Part for LettersTo<T, E> {
    delegate_part!(0);
}

impl<T: 'static, E: Emit<DeadLetter<T>>> Letterbox for LettersTo<T, E> {
    fn post(&mut self, cx: &mut Cx, letter: Letter) {
        if let Ok(letter) = letter.downcast::<DeadLetter<T>>() {
            self.0.emit(cx, *letter);
        }
    }
}
