//! A circuit breaker: calls to what keeps failing wait until it has had time to recover.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use crate::broken::{Broken, broken};
use crate::engine::Clock;
use crate::node::BreakerOptions;
use crate::time::millis;

/// The breaker of one instance of a node with calls in flight.
#[derive(Debug)]
pub(crate) struct Breaker {
    path: Arc<str>,
    options: BreakerOptions,
    circuit: Mutex<Circuit>,
}

#[derive(Debug)]
struct Circuit {
    state: State,
    /// When the last attempts failed, while it is closed.
    failed: VecDeque<i64>,
    /// Who waits for the trial's end.
    waiting: Vec<Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Attempts are made.
    Closed,
    /// None is made until then.
    Open { until: i64 },
    /// One is made, which decides.
    Trying,
}

/// What an attempt is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Admission {
    Go { is_trial: bool },
    WaitUntil(i64),
    WaitForTrial,
}

impl Circuit {
    fn admit(&mut self, now: i64) -> Admission {
        match self.state {
            State::Closed => Admission::Go { is_trial: false },
            State::Open { until } if now < until => Admission::WaitUntil(until),
            State::Open { .. } => {
                self.state = State::Trying;
                Admission::Go { is_trial: true }
            }
            State::Trying => Admission::WaitForTrial,
        }
    }

    /// An attempt is over; whether the circuit has opened or closed by it.
    fn ends(
        &mut self,
        is_trial: bool,
        has_failed: bool,
        now: i64,
        options: &BreakerOptions,
    ) -> bool {
        // What began before it opened decides nothing any more.
        if !is_trial && self.state != State::Closed {
            return false;
        }
        if !has_failed {
            self.state = State::Closed;
            return is_trial;
        }
        self.failed.push_back(now);
        let since = now.saturating_sub(millis(options.within));
        while self.failed.front().is_some_and(|at| *at < since) {
            self.failed.pop_front();
        }
        let opens = is_trial || self.failed.len() >= options.failures.max(1) as usize;
        if opens {
            self.failed.clear();
            self.state = State::Open { until: now.saturating_add(millis(options.open)) };
        }
        opens
    }
}

/// An attempt that is being made.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    breaker: &'a Breaker,
    clock: &'a Clock,
    is_trial: bool,
    is_over: bool,
}

impl Breaker {
    pub(crate) fn new(path: Arc<str>, options: BreakerOptions) -> Self {
        let circuit =
            Circuit { state: State::Closed, failed: VecDeque::new(), waiting: Vec::new() };
        Breaker { path, options, circuit: Mutex::new(circuit) }
    }

    fn lock(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ready when an attempt may be made.
    pub(crate) async fn admit<'a>(&'a self, clock: &'a Clock) -> Attempt<'a> {
        // Of a clock that stands only the waits are known.
        let mut waited_until = i64::MIN;
        loop {
            let admission = self.lock().admit(clock.now().max(waited_until));
            match admission {
                Admission::Go { is_trial } => {
                    return Attempt { breaker: self, clock, is_trial, is_over: false };
                }
                Admission::WaitUntil(until) => {
                    clock.sleep_until(until).await;
                    waited_until = until;
                }
                Admission::WaitForTrial => {
                    poll_fn(|task| {
                        let mut circuit = self.lock();
                        if circuit.state != State::Trying {
                            return Poll::Ready(());
                        }
                        circuit.waiting.push(task.waker().clone());
                        Poll::Pending
                    })
                    .await;
                }
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut Circuit) -> bool) -> bool {
        let (changed, waiting) = {
            let mut circuit = self.lock();
            (change(&mut circuit), std::mem::take(&mut circuit.waiting))
        };
        waiting.into_iter().for_each(Waker::wake);
        changed
    }
}

impl Attempt<'_> {
    /// The attempt is over.
    pub(crate) fn ends(mut self, has_failed: bool) {
        self.is_over(has_failed);
    }

    fn is_over(&mut self, has_failed: bool) {
        self.is_over = true;
        let Breaker { path, options, .. } = self.breaker;
        let (is_trial, now) = (self.is_trial, self.clock.now());
        if self.breaker.change(|circuit| circuit.ends(is_trial, has_failed, now, options)) {
            match has_failed {
                true => {
                    tracing::warn!(node = %path, wait = ?options.open, "its calls keep failing: none is made for a while")
                }
                false => tracing::info!(node = %path, "a call has succeeded: calls are made again"),
            }
        }
    }
}

/// One that panics has failed. The next one is the trial, where one was given up.
impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        if std::thread::panicking() && !broken(Broken::PanicIsNoFailedCall) {
            self.is_over(true);
        } else if self.is_trial {
            self.breaker.change(|circuit| {
                circuit.state = State::Open { until: i64::MIN };
                false
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const OPTIONS: BreakerOptions = BreakerOptions {
        failures: 2,
        within: Duration::from_millis(10),
        open: Duration::from_millis(100),
    };

    #[test]
    fn so_many_failures_in_time_open_it_and_one_success_closes_it() {
        let mut circuit =
            Circuit { state: State::Closed, failed: VecDeque::new(), waiting: Vec::new() };
        let go = |is_trial| Admission::Go { is_trial };
        assert!(!circuit.ends(false, true, 0, &OPTIONS));
        // Too long ago by now.
        assert!(!circuit.ends(false, true, 11, &OPTIONS));
        assert!(!circuit.ends(false, false, 12, &OPTIONS));
        assert_eq!(circuit.admit(13), go(false));
        assert!(circuit.ends(false, true, 21, &OPTIONS));
        assert_eq!(circuit.admit(120), Admission::WaitUntil(121));
        // One that began before.
        assert!(!circuit.ends(false, false, 120, &OPTIONS));
        assert_eq!(circuit.admit(121), go(true));
        assert_eq!(circuit.admit(121), Admission::WaitForTrial);
        assert!(circuit.ends(true, true, 130, &OPTIONS));
        assert_eq!(circuit.admit(230), go(true));
        assert!(circuit.ends(true, false, 231, &OPTIONS));
        assert_eq!(circuit.admit(231), go(false));
        assert!(!circuit.ends(false, true, 232, &OPTIONS));
    }
}
