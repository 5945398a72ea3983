//! Latencies of many requests as a quantile sketch.

use std::fmt;

use serde::{Deserialize, Serialize};
use sketches_ddsketch::DDSketch;

/// A DDSketch with a relative error of 1 % and at most 2048 bins, which spans more than 17 orders
/// of magnitude; it stays empty, and small, where the log has no request times.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Latency(Option<Box<DDSketch>>);

/// Quantiles in milliseconds, each within 1 % of the exact value at rank `q * (n - 1)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Quantiles {
    pub(crate) p50_ms: f64,
    pub(crate) p90_ms: f64,
    pub(crate) p99_ms: f64,
}

impl Latency {
    /// Counts a request that took this many microseconds.
    #[inline]
    pub(crate) fn add(&mut self, micros: u64) {
        self.0.get_or_insert_default().add(micros as f64);
    }

    /// Takes over what another sketch has counted.
    pub(crate) fn merge(&mut self, other: &Self) {
        let Some(theirs) = &other.0 else { return };
        match &mut self.0 {
            // All sketches have the same settings: a merge cannot fail.
            Some(ours) => ours.merge(theirs).unwrap_or_default(),
            none => *none = Some(theirs.clone()),
        }
    }

    /// None if nothing was counted.
    pub(crate) fn quantiles(&self) -> Option<Quantiles> {
        let at = |q| Some(self.0.as_ref()?.quantile(q).ok()?? / 1000.0);
        Some(Quantiles { p50_ms: at(0.5)?, p90_ms: at(0.9)?, p99_ms: at(0.99)? })
    }
}

impl fmt::Debug for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Latency").field(&self.quantiles()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_to_the_whole() {
        let (mut whole, mut even, mut odd) = <(Latency, Latency, Latency)>::default();
        for micros in 0..10_000 {
            whole.add(micros);
            if micros % 2 == 0 { &mut even } else { &mut odd }.add(micros);
        }
        let mut merged = Latency::default();
        assert_eq!(merged.quantiles(), None);
        merged.merge(&even);
        merged.merge(&odd);
        merged.merge(&Latency::default());
        assert_eq!(merged.quantiles(), whole.quantiles());
        assert!((whole.quantiles().unwrap().p90_ms / 8.999 - 1.0).abs() < 0.0101);
    }
}
