//! `Pace`: how long a stage works before it lets others run.

use std::future::Future;
use std::pin::pin;
use std::task::Context as Task;
use std::time::Duration;

use tokio::runtime::RuntimeFlavor;

use crate::broken::{Broken, broken};
use crate::engine::metrics::Stopwatch;

/// After so much work a stage lets the other tasks of its thread run, and looks for what it is told.
pub(crate) const TURN: Duration = Duration::from_micros(500);

/// Whether tasks run on several threads here.
pub(crate) fn has_threads() -> bool {
    tokio::runtime::Handle::try_current()
        .is_ok_and(|runtime| runtime.runtime_flavor() != RuntimeFlavor::CurrentThread)
}

/// Has the task that is polled run again behind the others of its thread, and behind a look at timers and sockets.
///
/// With several threads that look is left to tokio, which has one of them look every so many tasks: what
/// `yield_now` puts off waits for this thread alone, and would for as long as another handler blocks it.
pub(crate) fn give_way(task: &Task<'_>) {
    if has_threads()
        || pin!(tokio::task::yield_now()).poll(&mut Task::from_waker(task.waker())).is_ready()
    {
        task.waker().wake_by_ref();
    }
}

/// Counts the records of a step, and looks at the clock where it knows from those before that they may take
/// a turn: so nothing is measured between fast ones. Where the clock does not tick there is no limit.
#[derive(Debug)]
pub(crate) struct Pace {
    turn: Duration,
    step: Option<Stopwatch>,
    /// How many may run before the clock is looked at again.
    left: usize,
    /// How many of those before would have filled a turn.
    fits: usize,
    ran: usize,
    phases: usize,
    /// What the steps of this turn took, in nanoseconds.
    worked: u64,
}

/// Until something is known.
const FEW: usize = 8;

impl Pace {
    pub(crate) fn new(turn: Duration) -> Self {
        Pace { turn, step: None, left: usize::MAX, fits: FEW, ran: 0, phases: 0, worked: 0 }
    }

    /// A step begins, timed where the clock ticks.
    pub(crate) fn begin(&mut self, step: Option<Stopwatch>) {
        self.left = if step.is_some() { self.fits } else { usize::MAX };
        self.ran = 0;
        self.step = step;
    }

    /// How many units may run until [`Pace::is_over`] is to be asked.
    #[inline(always)]
    pub(crate) fn left(&self) -> usize {
        self.left
    }

    /// So many have been handled: whether the step is to end.
    #[inline(always)]
    pub(crate) fn is_over(&mut self, units: usize) -> bool {
        self.ran += units;
        self.left = self.left.saturating_sub(units);
        self.left == 0 && self.look()
    }

    #[cold]
    #[inline(never)]
    fn look(&mut self) -> bool {
        let nanos = self.step.as_ref().map_or(0, Stopwatch::nanos);
        self.learn(nanos);
        self.left = self.fits;
        Duration::from_nanos(nanos) >= self.turn
    }

    /// A unit that no record asked for has run, of which nothing is learnt: whether the step is to end.
    pub(crate) fn is_over_with_phase(&mut self) -> bool {
        self.phases = (self.phases + 1) % FEW;
        let nanos = if self.phases == 0 { self.step.as_ref().map(Stopwatch::nanos) } else { None };
        Duration::from_nanos(nanos.unwrap_or(0)) >= self.turn && !broken(Broken::BusyForLong)
    }

    /// The units that have run took so long.
    fn learn(&mut self, nanos: u64) {
        if self.ran > 0 && !broken(Broken::BusyForLong) {
            let fits = (self.ran as u64).saturating_mul(self.turn.as_nanos() as u64) / nanos.max(1);
            self.fits = (fits as usize).clamp(1, self.fits.saturating_mul(8));
        }
    }

    /// The step has ended, after so long.
    pub(crate) fn end(&mut self, nanos: u64) {
        self.learn(nanos);
        self.step = None;
        self.worked += nanos;
    }

    /// Whether the turn has lasted long enough; then the next one begins.
    pub(crate) fn turn_is_over(&mut self) -> bool {
        let over = Duration::from_nanos(self.worked) >= self.turn && !broken(Broken::BusyForLong);
        if over {
            self.worked = 0;
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::{Poll, Wake};

    use tokio::runtime::{Builder, Runtime};

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    /// Whether who gives way is woken before its thread has got to anything else.
    fn at_once(runtime: &Runtime) -> bool {
        let gives_way = async {
            poll_fn(|_| {
                let woken = Arc::new(Woken::default());
                give_way(&Task::from_waker(&Arc::clone(&woken).into()));
                Poll::Ready(woken.0.load(Ordering::SeqCst))
            })
            .await
        };
        #[allow(clippy::disallowed_methods, reason = "there is no engine here")]
        runtime.block_on(async { tokio::spawn(gives_way).await.unwrap() })
    }

    #[test]
    fn no_thread_that_is_blocked_holds_who_gave_way_on_it() {
        assert!(at_once(&Builder::new_multi_thread().worker_threads(2).build().unwrap()));
    }

    #[test]
    fn one_thread_looks_at_the_system_first() {
        assert!(!at_once(&Builder::new_current_thread().build().unwrap()));
    }
}
