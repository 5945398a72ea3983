//! `Sketch`: the distribution of many numbers in little space.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Quantiles are this near to the exact ones, relatively.
const ACCURACY: f64 = 0.01;
/// The most buckets on either side of 0: numbers 17 orders of magnitude apart.
const BUCKETS: usize = 2048;

/// Numbers counted in buckets whose borders grow by 2 %, so that each quantile is within 1 % of
/// the exact one (DDSketch: Masson, Rim and Lee, 2019).
///
/// Sketches merge without loss: what it says depends on which numbers were added, not on their
/// order. It holds at most 4,096 buckets; where more would be needed the smallest magnitudes share
/// one. Infinities and what is no number are not counted.
///
/// ```
/// use streamweave::nodes::window::Sketch;
///
/// let mut sketch = Sketch::default();
/// for n in 1..=1000 {
///     sketch.add(f64::from(n));
/// }
/// let median = sketch.quantile(0.5).unwrap();
/// assert!((median / 500.0 - 1.0).abs() < 0.01);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sketch {
    /// Buckets of the magnitudes of what is below 0, and above.
    negative: BTreeMap<i32, u64>,
    zeros: u64,
    positive: BTreeMap<i32, u64>,
}

impl Sketch {
    /// Counts a number.
    pub fn add(&mut self, number: f64) {
        if !number.is_finite() {
            return;
        }
        if number.abs() < f64::MIN_POSITIVE {
            self.zeros += 1;
            return;
        }
        let buckets = if number < 0.0 { &mut self.negative } else { &mut self.positive };
        *buckets.entry(bucket(number.abs())).or_default() += 1;
        limit(buckets);
    }

    /// Counts all that `more` has counted.
    pub fn merge(&mut self, more: &Sketch) {
        self.zeros += more.zeros;
        for (buckets, more) in
            [(&mut self.negative, &more.negative), (&mut self.positive, &more.positive)]
        {
            for (bucket, count) in more {
                *buckets.entry(*bucket).or_default() += count;
            }
            limit(buckets);
        }
    }

    /// How many numbers were counted.
    pub fn count(&self) -> u64 {
        self.zeros + self.negative.values().chain(self.positive.values()).sum::<u64>()
    }

    /// The number of rank `q * (count - 1)`, within 1 %; `None` where there are none. `q` below 0
    /// is taken as 0, above 1 as 1.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let last = self.count().checked_sub(1)?;
        let rank = (q.clamp(0.0, 1.0) * last as f64).floor() as u64;
        let below = self.negative.iter().rev().map(|(bucket, count)| (-middle(*bucket), count));
        let above = self.positive.iter().map(|(bucket, count)| (middle(*bucket), count));
        let mut passed = 0;
        below.chain([(0.0, &self.zeros)]).chain(above).find_map(|(number, count)| {
            passed += count;
            (passed > rank).then_some(number)
        })
    }
}

fn log_of_growth() -> f64 {
    ((1.0 + ACCURACY) / (1.0 - ACCURACY)).ln()
}

/// Bucket `i` holds the magnitudes above `growth^(i-1)`, up to `growth^i`.
fn bucket(magnitude: f64) -> i32 {
    (magnitude.ln() / log_of_growth()).ceil() as i32
}

/// What is equally far from both borders, relatively.
fn middle(bucket: i32) -> f64 {
    let growth = (1.0 + ACCURACY) / (1.0 - ACCURACY);
    (f64::from(bucket) * log_of_growth()).exp() * 2.0 / (1.0 + growth)
}

/// Lets the smallest magnitudes share a bucket.
fn limit(buckets: &mut BTreeMap<i32, u64>) {
    while buckets.len() > BUCKETS {
        if let Some((_, count)) = buckets.pop_first()
            && let Some(mut next) = buckets.first_entry()
        {
            *next.get_mut() += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers() -> Vec<f64> {
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as f64 / (1u64 << 31) as f64
        };
        (0..5000)
            .map(|n| match n % 10 {
                0 => 0.0,
                1..=3 => -(next() * 20.0).exp(),
                _ => (next() * 30.0 - 10.0).exp(),
            })
            .collect()
    }

    #[test]
    fn quantiles_are_within_their_accuracy() {
        let mut sorted = numbers();
        let mut sketch = Sketch::default();
        sorted.iter().for_each(|n| sketch.add(*n));
        sorted.sort_by(f64::total_cmp);
        for percent in 0..=100 {
            let q = f64::from(percent) / 100.0;
            let exact = sorted[(q * 4999.0) as usize];
            let got = sketch.quantile(q).unwrap();
            assert!((got - exact).abs() <= exact.abs() * 0.010001, "{q}: {got} for {exact}");
        }
    }

    #[test]
    fn merging_is_adding() {
        let numbers = numbers();
        let mut whole = Sketch::default();
        let mut parts = [Sketch::default(), Sketch::default(), Sketch::default()];
        for (at, n) in numbers.iter().enumerate() {
            whole.add(*n);
            parts[at % 3].add(*n);
        }
        let [mut first, second, third] = parts;
        first.merge(&third);
        first.merge(&second);
        assert_eq!(first, whole);
    }

    #[test]
    fn bounded_and_never_without_an_answer() {
        let mut sketch = Sketch::default();
        assert_eq!(sketch.quantile(0.5), None);
        for n in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            sketch.add(n);
        }
        assert_eq!(sketch.count(), 0);
        for exponent in -1074..1024 {
            sketch.add(f64::from(exponent).exp2());
            sketch.add(-1.01 * f64::from(exponent).exp2());
        }
        for extreme in [f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324] {
            sketch.add(extreme);
        }
        assert!(sketch.positive.len() <= BUCKETS && sketch.negative.len() <= BUCKETS);
        assert!(sketch.quantile(1.0).unwrap() / f64::MAX > 0.98);
    }
}
