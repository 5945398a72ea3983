//! `quantiles`: medians and percentiles.

use std::fmt;
use std::marker::PhantomData;

use super::{Aggregate, Sketch};

/// Estimates quantiles. Made by [`quantiles`].
pub struct Quantiles<T, F, const N: usize> {
    of: F,
    quantiles: [f64; N],
    items: PhantomData<fn(T)>,
}

impl<T, F, const N: usize> fmt::Debug for Quantiles<T, F, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Quantiles").field(&self.quantiles).finish()
    }
}

/// The quantiles asked for of `of(record)`, each within 1 % of the exact value of its rank;
/// `None` of no records. A window holds a [`Sketch`], not the numbers.
///
/// ```
/// use streamweave::nodes::window::{Aggregate, quantiles};
///
/// let latency = quantiles(|millis: &u32| f64::from(*millis), [0.5, 0.99]);
/// let mut state = latency.empty();
/// assert_eq!(latency.finish(&state), None);
/// for millis in 1..=100 {
///     latency.add(&mut state, &millis);
/// }
/// let [median, p99] = latency.finish(&state).unwrap();
/// assert!((median - 50.0).abs() < 0.51 && (p99 - 99.0).abs() < 1.0);
/// ```
pub fn quantiles<T, F, const N: usize>(of: F, quantiles: [f64; N]) -> Quantiles<T, F, N>
where
    T: Send + 'static,
    F: Fn(&T) -> f64 + Send + Sync + 'static,
{
    Quantiles { of, quantiles, items: PhantomData }
}

impl<T, F, const N: usize> Aggregate for Quantiles<T, F, N>
where
    T: Send + 'static,
    F: Fn(&T) -> f64 + Send + Sync + 'static,
{
    type Input = T;
    type State = Sketch;
    type Output = Option<[f64; N]>;

    fn empty(&self) -> Sketch {
        Sketch::default()
    }
    fn add(&self, state: &mut Sketch, record: &T) {
        state.add((self.of)(record));
    }
    fn combine(&self, state: &mut Sketch, more: &Sketch) {
        state.merge(more);
    }
    fn finish(&self, state: &Sketch) -> Option<[f64; N]> {
        (state.count() > 0).then(|| self.quantiles.map(|q| state.quantile(q).unwrap_or(0.0)))
    }
}
