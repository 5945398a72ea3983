//! What asynchronous handlers can ask of their `out` on top.

use std::future::Future;
use std::time::Duration;

use crate::node::{BoxFuture, Context};

/// What the handlers of asynchronous nodes and sources can await.
pub trait AsyncContext: Context {
    /// Ready when the run's clock has moved on by `duration`, in whole milliseconds: what is left of one
    /// counts as one.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;

    /// Awaits `future`, but no longer than `limit` of the run's clock.
    ///
    /// # Errors
    /// [`TimedOut`] when the limit passed first.
    fn timeout<F: Future + Send>(
        &self,
        limit: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output, TimedOut>> + Send
    where
        F::Output: Send,
        Self: Sized,
    {
        let mut limit_passed = self.sleep(limit);
        async move {
            let mut future = std::pin::pin!(future);
            std::future::poll_fn(move |task| {
                if let std::task::Poll::Ready(output) = future.as_mut().poll(task) {
                    return std::task::Poll::Ready(Ok(output));
                }
                limit_passed.as_mut().poll(task).map(|()| Err(TimedOut { limit }))
            })
            .await
        }
    }
}

/// A future did not end within its limit.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("no answer within {limit:?}")]
pub struct TimedOut {
    /// The limit that passed.
    pub limit: Duration,
}
