//! `distinct`: how many different values.

use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

use super::Aggregate;
use crate::nodes::Storable;

/// Counts different values. Made by [`distinct`].
pub struct Distinct<T, V, F> {
    of: F,
    items: PhantomData<fn(T) -> V>,
}

impl<T, V, F> fmt::Debug for Distinct<T, V, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Distinct")
    }
}

/// How many different values of `of(record)` there are, exactly: they are all kept.
///
/// ```
/// use streamweave::nodes::window::{Aggregate, distinct};
///
/// let visitors = distinct(|(client, _): &(u32, &str)| *client);
/// let mut state = visitors.empty();
/// for visit in [(1, "/"), (2, "/"), (1, "/a")] {
///     visitors.add(&mut state, &visit);
/// }
/// assert_eq!(visitors.finish(&state), 2);
/// ```
pub fn distinct<T, V, F>(of: F) -> Distinct<T, V, F>
where
    T: Send + 'static,
    V: Storable + Ord,
    F: Fn(&T) -> V + Send + Sync + 'static,
{
    Distinct { of, items: PhantomData }
}

impl<T, V, F> Aggregate for Distinct<T, V, F>
where
    T: Send + 'static,
    V: Storable + Ord,
    F: Fn(&T) -> V + Send + Sync + 'static,
{
    type Input = T;
    type State = BTreeSet<V>;
    type Output = u64;

    fn empty(&self) -> BTreeSet<V> {
        BTreeSet::new()
    }
    fn add(&self, state: &mut BTreeSet<V>, record: &T) {
        state.insert((self.of)(record));
    }
    fn combine(&self, state: &mut BTreeSet<V>, more: &BTreeSet<V>) {
        state.extend(more.iter().cloned());
    }
    fn finish(&self, state: &BTreeSet<V>) -> u64 {
        state.len() as u64
    }
}
