//! What a node cannot make anew, kept over its restarts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An instance's scratch: it takes what there is when it needs it first, and puts it back when it goes.
/// By then the scratch of a restart is there, which had nothing to take when it was made.
#[derive(Debug)]
pub(crate) struct Lent<T> {
    home: Arc<Mutex<Option<T>>>,
    taken: Option<T>,
}

impl<T> Lent<T> {
    /// Nothing yet, of what is at `home`.
    pub(crate) fn from(home: &Arc<Mutex<Option<T>>>) -> Self {
        Lent { home: Arc::clone(home), taken: None }
    }

    fn home(&self) -> MutexGuard<'_, Option<T>> {
        // Nothing panics while the lock is held.
        self.home.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It, unless another instance has it.
    pub(crate) fn get(&mut self) -> Option<&mut T> {
        if self.taken.is_none() {
            let taken = self.home().take();
            self.taken = taken;
        }
        self.taken.as_mut()
    }

    /// Another, in place of it.
    pub(crate) fn set(&mut self, item: T) -> &mut T {
        self.taken.insert(item)
    }

    /// What this instance has is gone.
    pub(crate) fn take(&mut self) -> Option<T> {
        self.get();
        self.taken.take()
    }
}

impl<T> Drop for Lent<T> {
    fn drop(&mut self) {
        if let Some(item) = self.taken.take() {
            *self.home() = Some(item);
        }
    }
}
