//! What sources are told from outside: to stop, and to send a barrier.

use std::sync::{Arc, PoisonError};
use std::task::{Context as Task, Waker};

use crate::engine::sync::{Mutex, MutexGuard};

/// What all sources of a run watch. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signals(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    stop: bool,
    epoch: u64,
    watching: Vec<Waker>,
}

impl Signals {
    fn lock(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, tell: impl FnOnce(&mut Told)) {
        let watching = {
            let mut told = self.lock();
            tell(&mut told);
            std::mem::take(&mut told.watching)
        };
        watching.into_iter().for_each(Waker::wake);
    }

    /// Sources are to stop.
    pub(crate) fn stop(&self) {
        self.tell(|told| told.stop = true);
    }

    /// Sources are to send the barrier of this epoch.
    pub(crate) fn barrier(&self, epoch: u64) {
        self.tell(|told| told.epoch = epoch);
    }

    /// Whether to stop, and the last epoch that a barrier was asked for; the task is woken when
    /// that changes.
    pub(crate) fn watch(&self, task: &Task<'_>) -> (bool, u64) {
        let mut told = self.lock();
        if !told.watching.iter().any(|waker| waker.will_wake(task.waker())) {
            told.watching.push(task.waker().clone());
        }
        (told.stop, told.epoch)
    }
}
