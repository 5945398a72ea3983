//! `count`: how many records.

use std::marker::PhantomData;

use super::Aggregate;

/// Counts records. Made by [`count`].
#[derive(Debug)]
pub struct Count<T>(PhantomData<fn(T)>);

/// How many records a window has.
///
/// ```
/// use streamweave::nodes::window::{Aggregate, count};
///
/// let count = count();
/// let mut state = count.empty();
/// count.add(&mut state, &"a record");
/// assert_eq!(count.finish(&state), 1);
/// ```
pub fn count<T: Send + 'static>() -> Count<T> {
    Count(PhantomData)
}

impl<T: Send + 'static> Aggregate for Count<T> {
    type Input = T;
    type State = u64;
    type Output = u64;

    fn empty(&self) -> u64 {
        0
    }
    #[inline]
    fn add(&self, state: &mut u64, _: &T) {
        *state += 1;
    }
    fn combine(&self, state: &mut u64, more: &u64) {
        *state += more;
    }
    fn finish(&self, state: &u64) -> u64 {
        *state
    }
}
