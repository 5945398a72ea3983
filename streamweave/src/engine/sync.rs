//! What threads share by hand: std's locks and atomics, or in the models (`engine/models.rs`) those of loom, which
//! tries every order in which threads can come to them.

#[cfg(not(all(test, streamweave_loom)))]
pub(crate) use {
    futures_util::task::AtomicWaker,
    std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64},
    std::sync::{Mutex, MutexGuard},
};

#[cfg(all(test, streamweave_loom))]
pub(crate) use {
    loom::sync::atomic::{AtomicBool, AtomicI64, AtomicU64},
    loom::sync::{Mutex, MutexGuard},
};

/// As that of `futures_util`, which loom's differs from in one name.
#[cfg(all(test, streamweave_loom))]
#[derive(Default)]
pub(crate) struct AtomicWaker(loom::future::AtomicWaker);

#[cfg(all(test, streamweave_loom))]
impl AtomicWaker {
    pub(crate) fn register(&self, waker: &std::task::Waker) {
        self.0.register_by_ref(waker);
    }

    pub(crate) fn wake(&self) {
        self.0.wake();
    }
}
