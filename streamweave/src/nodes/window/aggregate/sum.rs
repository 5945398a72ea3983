//! `sum`: the sum of a number of each record.

use std::fmt;
use std::marker::PhantomData;

use super::Aggregate;
use crate::nodes::Storable;

/// A number that [`sum`] can add up.
///
/// Integers wrap around at the ends of their type, so that the sum does not depend on the order
/// of the records: choose one that is wide enough. Sums of floats do depend on it, in the last
/// digits.
pub trait Summand: Storable + Default {
    /// Adds `other`.
    fn plus(&mut self, other: &Self);
}

macro_rules! integers {
    ($($int:ty),*) => {$(
        impl Summand for $int {
            #[inline]
            fn plus(&mut self, other: &Self) {
                *self = self.wrapping_add(*other);
            }
        }
    )*};
}
integers!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize);

macro_rules! floats {
    ($($float:ty),*) => {$(
        impl Summand for $float {
            #[inline]
            fn plus(&mut self, other: &Self) {
                *self += other;
            }
        }
    )*};
}
floats!(f32, f64);

/// Adds up a number of each record. Made by [`sum`].
pub struct Sum<T, V, F> {
    of: F,
    items: PhantomData<fn(T) -> V>,
}

impl<T, V, F> fmt::Debug for Sum<T, V, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sum")
    }
}

/// The sum of `of(record)`; 0 of no records.
///
/// ```
/// use streamweave::nodes::window::{Aggregate, sum};
///
/// let bytes = sum(|page: &&str| page.len() as u64);
/// let mut state = bytes.empty();
/// bytes.add(&mut state, &"four");
/// bytes.add(&mut state, &"eleven more");
/// assert_eq!(bytes.finish(&state), 15);
/// ```
pub fn sum<T, V, F>(of: F) -> Sum<T, V, F>
where
    T: Send + 'static,
    V: Summand,
    F: Fn(&T) -> V + Send + Sync + 'static,
{
    Sum { of, items: PhantomData }
}

impl<T, V, F> Aggregate for Sum<T, V, F>
where
    T: Send + 'static,
    V: Summand,
    F: Fn(&T) -> V + Send + Sync + 'static,
{
    type Input = T;
    type State = V;
    type Output = V;

    fn empty(&self) -> V {
        V::default()
    }
    #[inline]
    fn add(&self, state: &mut V, record: &T) {
        state.plus(&(self.of)(record));
    }
    fn combine(&self, state: &mut V, more: &V) {
        state.plus(more);
    }
    fn finish(&self, state: &V) -> V {
        state.clone()
    }
}
