//! `collect`: the records themselves.

use std::marker::PhantomData;

use super::Aggregate;
use crate::nodes::Storable;

/// Keeps all records. Made by [`collect`].
#[derive(Debug)]
pub struct Collect<T>(PhantomData<fn(T)>);

/// All records of a window in the order in which they came, for what cannot be summed up record
/// by record; where a record joins two sessions, those of the one that began first come first. All of
/// them are kept and saved; where windows overlap, in each.
///
/// ```
/// use streamweave::nodes::window::{Aggregate, collect};
///
/// let all = collect();
/// let mut state = all.empty();
/// all.add(&mut state, &'b');
/// all.add(&mut state, &'a');
/// assert_eq!(all.finish(&state), ['b', 'a']);
/// ```
pub fn collect<T: Storable>() -> Collect<T> {
    Collect(PhantomData)
}

impl<T: Storable> Aggregate for Collect<T> {
    type Input = T;
    type State = Vec<T>;
    type Output = Vec<T>;

    const ORDERED: bool = true;

    fn empty(&self) -> Vec<T> {
        Vec::new()
    }
    fn add(&self, state: &mut Vec<T>, record: &T) {
        state.push(record.clone());
    }
    fn combine(&self, state: &mut Vec<T>, more: &Vec<T>) {
        state.extend_from_slice(more);
    }
    fn finish(&self, state: &Vec<T>) -> Vec<T> {
        state.clone()
    }
}
