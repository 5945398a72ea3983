//! `fold`: an aggregate made of closures.

use std::fmt;
use std::marker::PhantomData;

use super::Aggregate;
use crate::nodes::Storable;

/// An aggregate made of closures. Made by [`fold`].
pub struct Fold<T, S, A, C> {
    empty: S,
    add: A,
    combine: C,
    items: PhantomData<fn(T)>,
}

impl<T, S, A, C> fmt::Debug for Fold<T, S, A, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fold")
    }
}

/// Folds the records into a copy of `empty` with `add`, and what two parts of a window have come
/// to with `combine`; see [`Aggregate`] for what `combine` must keep to.
///
/// ```
/// use streamweave::nodes::window::{Aggregate, fold};
///
/// // The bits that are set in any, and in all of the records.
/// let bits = fold(
///     (0, u8::MAX),
///     |(any, all): &mut (u8, u8), record: &u8| (*any, *all) = (*any | record, *all & record),
///     |(any, all), more| (*any, *all) = (*any | more.0, *all & more.1),
/// );
/// let mut state = bits.empty();
/// bits.add(&mut state, &0b011);
/// bits.add(&mut state, &0b110);
/// assert_eq!(bits.finish(&state), (0b111, 0b010));
/// ```
pub fn fold<T, S, A, C>(empty: S, add: A, combine: C) -> Fold<T, S, A, C>
where
    T: Send + 'static,
    S: Storable + Sync,
    A: Fn(&mut S, &T) + Send + Sync + 'static,
    C: Fn(&mut S, &S) + Send + Sync + 'static,
{
    Fold { empty, add, combine, items: PhantomData }
}

impl<T, S, A, C> Aggregate for Fold<T, S, A, C>
where
    T: Send + 'static,
    S: Storable + Sync,
    A: Fn(&mut S, &T) + Send + Sync + 'static,
    C: Fn(&mut S, &S) + Send + Sync + 'static,
{
    type Input = T;
    type State = S;
    type Output = S;

    fn empty(&self) -> S {
        self.empty.clone()
    }
    #[inline]
    fn add(&self, state: &mut S, record: &T) {
        (self.add)(state, record);
    }
    fn combine(&self, state: &mut S, more: &S) {
        (self.combine)(state, more);
    }
    fn finish(&self, state: &S) -> S {
        state.clone()
    }
}
