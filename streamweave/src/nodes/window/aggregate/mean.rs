//! `mean`: the arithmetic mean.

use std::fmt;
use std::marker::PhantomData;

use super::Aggregate;

/// The mean of a number of each record. Made by [`mean`].
pub struct Mean<T, F> {
    of: F,
    items: PhantomData<fn(T)>,
}

impl<T, F> fmt::Debug for Mean<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mean")
    }
}

/// The mean of `of(record)`; `None` of no records. Like every sum of floats it depends on the
/// order of the records in its last digits.
///
/// ```
/// use streamweave::nodes::window::{Aggregate, mean};
///
/// let mean = mean(|n: &u32| f64::from(*n));
/// let mut state = mean.empty();
/// assert_eq!(mean.finish(&state), None);
/// mean.add(&mut state, &1);
/// mean.add(&mut state, &2);
/// assert_eq!(mean.finish(&state), Some(1.5));
/// ```
pub fn mean<T, F>(of: F) -> Mean<T, F>
where
    T: Send + 'static,
    F: Fn(&T) -> f64 + Send + Sync + 'static,
{
    Mean { of, items: PhantomData }
}

impl<T, F> Aggregate for Mean<T, F>
where
    T: Send + 'static,
    F: Fn(&T) -> f64 + Send + Sync + 'static,
{
    type Input = T;
    /// Sum and count.
    type State = (f64, u64);
    type Output = Option<f64>;

    fn empty(&self) -> (f64, u64) {
        (0.0, 0)
    }
    fn add(&self, state: &mut (f64, u64), record: &T) {
        state.0 += (self.of)(record);
        state.1 += 1;
    }
    fn combine(&self, state: &mut (f64, u64), more: &(f64, u64)) {
        state.0 += more.0;
        state.1 += more.1;
    }
    fn finish(&self, (sum, count): &(f64, u64)) -> Option<f64> {
        (*count > 0).then(|| sum / *count as f64)
    }
}
