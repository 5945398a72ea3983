//! How often something has restarted, and whether it may again.

use std::collections::VecDeque;
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::supervision::{FailureAction, RestartSpec};
use crate::time::millis;

/// The first and the longest wait of what restarts without an end, where none is said: otherwise what
/// always fails would keep a core busy.
const WITHOUT_AN_END: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// When something last restarted, the earliest first, in milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Restarts(VecDeque<i64>);

impl Restarts {
    /// Counts one restart more; the wait before it. `None` where the period holds as many as there
    /// may be, unless it is then to begin again.
    pub(crate) fn again(&mut self, spec: &RestartSpec, who: &str, now: i64) -> Option<Duration> {
        if let Some(within) = spec.within {
            // A period of nothing would count no restart, and never give up.
            let within = millis(within).max(1);
            self.0.retain(|at| now.saturating_sub(*at) < within);
        }
        let goes_on = spec.then == FailureAction::Restart;
        let backoff = spec.backoff.or(goes_on.then_some(WITHOUT_AN_END));
        let made = self.0.len();
        if made >= spec.max as usize {
            if spec.then != FailureAction::Restart {
                return None;
            }
            self.0.clear();
            self.0.push_back(now);
            return Some(backoff.map_or(Duration::ZERO, |(_, longest)| longest));
        }
        self.0.push_back(now);
        Some(wait(backoff, who, made))
    }
}

/// The wait before a try, when so many have been made: it doubles, and up to a half is taken off.
pub(crate) fn wait(backoff: Option<(Duration, Duration)>, who: &str, made: usize) -> Duration {
    let Some((first, longest)) = backoff else { return Duration::ZERO };
    let doubled = first.saturating_mul(1 << made.min(30)).min(longest);
    // By its name and the count, so that a run can be repeated.
    let jitter = xxh3_64_with_seed(who.as_bytes(), made as u64) % 1024;
    let off = u32::try_from(jitter).unwrap_or(0);
    doubled - doubled / 2 * off / 1024
}
