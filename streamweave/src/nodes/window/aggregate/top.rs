//! `top`: the greatest few.

use std::fmt;
use std::marker::PhantomData;

use super::Aggregate;
use crate::nodes::Storable;

/// Keeps the greatest values. Made by [`top`].
pub struct Top<T, V, F> {
    count: usize,
    of: F,
    items: PhantomData<fn(T) -> V>,
}

impl<T, V, F> fmt::Debug for Top<T, V, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Top({})", self.count)
    }
}

/// The `count` greatest values of `of(record)`, greatest first, equal ones as often as they come.
/// To rank records by one of their fields, put it in front: `(score, name)`.
///
/// ```
/// use streamweave::nodes::window::{Aggregate, top};
///
/// let slowest = top(2, |(path, millis): &(&str, u64)| (*millis, path.to_string()));
/// let mut state = slowest.empty();
/// for request in [("/a", 20), ("/b", 5), ("/c", 70)] {
///     slowest.add(&mut state, &request);
/// }
/// assert_eq!(slowest.finish(&state), [(70, "/c".to_owned()), (20, "/a".to_owned())]);
/// ```
pub fn top<T, V, F>(count: usize, of: F) -> Top<T, V, F>
where
    T: Send + 'static,
    V: Storable + Ord,
    F: Fn(&T) -> V + Send + Sync + 'static,
{
    Top { count, of, items: PhantomData }
}

impl<T, V: Ord, F> Top<T, V, F> {
    fn has_place_for(&self, state: &[V], value: &V) -> bool {
        state.len() < self.count || state.last().is_some_and(|least| value > least)
    }

    fn put(&self, state: &mut Vec<V>, value: V) {
        let at = state.partition_point(|held| *held >= value);
        state.insert(at, value);
        state.truncate(self.count);
    }
}

impl<T, V, F> Aggregate for Top<T, V, F>
where
    T: Send + 'static,
    V: Storable + Ord,
    F: Fn(&T) -> V + Send + Sync + 'static,
{
    type Input = T;
    type State = Vec<V>;
    type Output = Vec<V>;

    fn empty(&self) -> Vec<V> {
        Vec::new()
    }
    fn add(&self, state: &mut Vec<V>, record: &T) {
        let value = (self.of)(record);
        if self.has_place_for(state, &value) {
            self.put(state, value);
        }
    }
    fn combine(&self, state: &mut Vec<V>, more: &Vec<V>) {
        for value in more {
            if self.has_place_for(state, value) {
                self.put(state, value.clone());
            }
        }
    }
    fn finish(&self, state: &Vec<V>) -> Vec<V> {
        state.clone()
    }
}
