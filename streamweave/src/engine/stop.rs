//! Telling sources to stop.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as Task, Poll, Waker};

/// A switch that all sources of a run watch. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct StopSignal(Arc<Mutex<(bool, Vec<Waker>)>>);

impl StopSignal {
    pub(crate) fn set(&self) {
        let wakers = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.0 = true;
            std::mem::take(&mut state.1)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Ready once it is set.
    pub(crate) fn poll(&self, task: &Task<'_>) -> Poll<()> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.0 {
            return Poll::Ready(());
        }
        if !state.1.iter().any(|waker| waker.will_wake(task.waker())) {
            state.1.push(task.waker().clone());
        }
        Poll::Pending
    }
}
