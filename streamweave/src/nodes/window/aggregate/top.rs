//! `top` and `top_by`: the greatest few.

use std::cmp::Ordering;
use std::fmt;
use std::marker::PhantomData;

use super::Aggregate;
use crate::nodes::Storable;

/// Keeps the greatest values. Made by [`top`] and [`top_by`].
pub struct Top<T, V, F, C> {
    count: usize,
    of: F,
    compare: C,
    items: PhantomData<fn(T) -> V>,
}

impl<T, V, F, C> fmt::Debug for Top<T, V, F, C> {
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
pub fn top<T, V, F>(
    count: usize,
    of: F,
) -> Top<T, V, F, impl Fn(&V, &V) -> Ordering + Send + Sync + 'static>
where
    T: Send + 'static,
    V: Storable + Ord,
    F: Fn(&T) -> V + Send + Sync + 'static,
{
    top_by(count, of, V::cmp)
}

/// As [`top`], where `compare` says which of two values is greater: for those that have no order of their
/// own, as floats.
///
/// ```
/// use streamweave::nodes::window::{Aggregate, top_by};
///
/// let warmest = top_by(2, |celsius: &f64| *celsius, f64::total_cmp);
/// let mut state = warmest.empty();
/// for celsius in [11.25, -3.5, 14.0] {
///     warmest.add(&mut state, &celsius);
/// }
/// assert_eq!(warmest.finish(&state), [14.0, 11.25]);
/// ```
pub fn top_by<T, V, F, C>(count: usize, of: F, compare: C) -> Top<T, V, F, C>
where
    T: Send + 'static,
    V: Storable,
    F: Fn(&T) -> V + Send + Sync + 'static,
    C: Fn(&V, &V) -> Ordering + Send + Sync + 'static,
{
    Top { count, of, compare, items: PhantomData }
}

impl<T, V, F, C: Fn(&V, &V) -> Ordering> Top<T, V, F, C> {
    fn has_place_for(&self, state: &[V], value: &V) -> bool {
        let is_greater = |least| (self.compare)(value, least).is_gt();
        state.len() < self.count || state.last().is_some_and(is_greater)
    }

    fn put(&self, state: &mut Vec<V>, value: V) {
        let at = state.partition_point(|held| (self.compare)(held, &value).is_ge());
        state.insert(at, value);
        state.truncate(self.count);
    }
}

impl<T, V, F, C> Aggregate for Top<T, V, F, C>
where
    T: Send + 'static,
    V: Storable,
    F: Fn(&T) -> V + Send + Sync + 'static,
    C: Fn(&V, &V) -> Ordering + Send + Sync + 'static,
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
