//! The run's clock: tokio's when the graph is started, the caller's own when it runs inline.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A source of processing time, in milliseconds since the Unix epoch. Clones share the clock.
#[derive(Clone, Debug)]
pub(crate) struct Clock(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// Wall time at the start, and tokio's clock from there on: tests that pause tokio's clock
    /// pause this one too.
    Tokio { origin: tokio::time::Instant, wall: i64 },
    /// Set by hand.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// Tokio's clock, from now on. Must be called inside a tokio runtime with time enabled.
    pub(crate) fn tokio() -> Self {
        #[allow(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Clock(Kind::Tokio {
            origin: tokio::time::Instant::now(),
            wall: i64::try_from(wall.as_millis()).unwrap_or(i64::MAX),
        })
    }

    /// A clock that stands still until it is moved.
    pub(crate) fn manual() -> Self {
        Clock(Kind::Manual(Arc::new(AtomicI64::new(0))))
    }

    /// Milliseconds since the Unix epoch (of the manual clock: since it was made).
    pub(crate) fn now(&self) -> i64 {
        match &self.0 {
            Kind::Tokio { origin, wall } => {
                wall.saturating_add(i64::try_from(origin.elapsed().as_millis()).unwrap_or(i64::MAX))
            }
            Kind::Manual(now) => now.load(Ordering::Acquire),
        }
    }

    /// Whether it goes by itself.
    pub(crate) fn ticks(&self) -> bool {
        matches!(self.0, Kind::Tokio { .. })
    }

    /// Moves a manual clock on; tokio's moves by itself.
    pub(crate) fn advance(&self, by: Duration) {
        if let Kind::Manual(now) = &self.0 {
            now.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::AcqRel);
        }
    }

    /// Ready once the clock stands at `at` or later. On a manual clock it is polled again when
    /// the caller steps the graph.
    pub(crate) fn sleep_until(&self, at: i64) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match &self.0 {
            Kind::Tokio { origin, wall } => {
                let millis = u64::try_from(at.saturating_sub(*wall)).unwrap_or(0);
                Box::pin(tokio::time::sleep_until(*origin + Duration::from_millis(millis)))
            }
            Kind::Manual(now) => {
                let now = Arc::clone(now);
                Box::pin(std::future::poll_fn(move |_| {
                    if now.load(Ordering::Acquire) >= at {
                        std::task::Poll::Ready(())
                    } else {
                        std::task::Poll::Pending
                    }
                }))
            }
        }
    }
}
