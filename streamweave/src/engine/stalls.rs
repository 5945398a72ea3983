//! For how long stages have not looked for input, as those behind them must know whose idle clock counts.

use std::sync::PoisonError;
use std::task::{Context as Task, Waker};

use crate::engine::sync::{Mutex, MutexGuard};

/// For how long some stage before another one has not looked for input, whatever was there.
#[derive(Debug, Default)]
pub(crate) struct Stalls(Mutex<Stalled>);

#[derive(Debug, Default)]
struct Stalled {
    /// How many of them do not look now, and since when some do not.
    stages: usize,
    since: i64,
    /// For how long it was so before.
    total: i64,
    waker: Option<Waker>,
}

impl Stalls {
    fn lock(&self) -> MutexGuard<'_, Stalled> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more does not look.
    pub(crate) fn begin(&self, now: i64) {
        let mut stalled = self.lock();
        if stalled.stages == 0 {
            stalled.since = now;
        }
        stalled.stages += 1;
    }

    /// One looks again.
    pub(crate) fn end(&self, now: i64) {
        let mut stalled = self.lock();
        stalled.stages -= 1;
        if stalled.stages == 0 {
            stalled.total += now - stalled.since;
            let waker = stalled.waker.take();
            drop(stalled);
            waker.into_iter().for_each(Waker::wake);
        }
    }

    /// For how long it was so in all. `None` while it is so: the task is woken when it no longer is.
    pub(crate) fn total(&self, task: &Task<'_>) -> Option<i64> {
        let mut stalled = self.lock();
        if stalled.stages > 0 {
            stalled.waker = Some(task.waker().clone());
            return None;
        }
        Some(stalled.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where two are stalled at once, that is one time.
    #[test]
    fn what_overlaps_counts_once() {
        let (stalls, task) = (Stalls::default(), Task::from_waker(Waker::noop()));
        stalls.begin(10);
        stalls.begin(20);
        assert_eq!(stalls.total(&task), None);
        stalls.end(30);
        assert_eq!(stalls.total(&task), None);
        stalls.end(45);
        assert_eq!(stalls.total(&task), Some(35));
        stalls.begin(50);
        stalls.end(60);
        assert_eq!(stalls.total(&task), Some(45));
    }
}
