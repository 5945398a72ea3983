//! The run's clock: tokio's when the graph is started, the caller's own when it runs inline.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::engine::sync::{AtomicI64, AtomicU64, Mutex, MutexGuard};

/// A source of processing time, in milliseconds since the Unix epoch. Clones share the clock.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    kind: Kind,
    /// Whose clone this is: see [`Clock::of`].
    owner: usize,
}

#[derive(Clone, Debug)]
enum Kind {
    /// Wall time at the start, and tokio's clock from there on: tests that pause tokio's clock
    /// pause this one too.
    Tokio { origin: tokio::time::Instant, wall: i64 },
    /// It stands at 0, as nothing is to depend on it; who sleeps is woken by tokio's all the same.
    Standing,
    /// Set by hand.
    Manual(Arc<Manual>),
}

impl Clock {
    /// Tokio's clock, from now on. Must be called inside a tokio runtime with time enabled.
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
    pub(crate) fn tokio() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let origin = tokio::time::Instant::now();
        let wall = i64::try_from(wall.as_millis()).unwrap_or(i64::MAX);
        Clock { kind: Kind::Tokio { origin, wall }, owner: 0 }
    }

    /// A clock that stands at 0, of a deterministic run. As [`Clock::tokio`].
    pub(crate) fn standing() -> Self {
        Clock { kind: Kind::Standing, owner: 0 }
    }

    /// Whether timers may wait for it.
    pub(crate) fn moves(&self) -> bool {
        !matches!(self.kind, Kind::Standing)
    }

    /// A clock that stands still until it is moved.
    pub(crate) fn manual() -> Self {
        Clock { kind: Kind::Manual(Arc::default()), owner: 0 }
    }

    /// The same clock, as it is handed to task number `owner`: who waits for it is known by that.
    pub(crate) fn of(&self, owner: usize) -> Self {
        Clock { kind: self.kind.clone(), owner }
    }

    /// Milliseconds since the Unix epoch (of the manual clock: since it was made).
    pub(crate) fn now(&self) -> i64 {
        match &self.kind {
            Kind::Tokio { origin, wall } => {
                wall.saturating_add(i64::try_from(origin.elapsed().as_millis()).unwrap_or(i64::MAX))
            }
            Kind::Standing => 0,
            Kind::Manual(clock) => clock.now.load(Ordering::Acquire),
        }
    }

    /// Whether it goes by itself.
    pub(crate) fn ticks(&self) -> bool {
        !matches!(self.kind, Kind::Manual(_))
    }

    /// When the first of those who wait for a manual clock is due, and whose wait it is.
    pub(crate) fn next_due(&self) -> Option<(i64, usize)> {
        let Kind::Manual(clock) = &self.kind else { return None };
        clock.sleepers().first_key_value().map(|((at, _), (owner, _))| (*at, *owner))
    }

    /// Whether task number `owner` waits for a manual clock.
    pub(crate) fn is_awaited_by(&self, owner: usize) -> bool {
        let Kind::Manual(clock) = &self.kind else { return false };
        clock.sleepers().values().any(|sleeper| sleeper.0 == owner)
    }

    /// Moves a manual clock on to `at`, never back; tokio's moves by itself.
    pub(crate) fn move_to(&self, at: i64) {
        if let Kind::Manual(clock) = &self.kind {
            clock.move_to(at);
        }
    }

    /// Ready once the clock stands at `at` or later.
    pub(crate) fn sleep_until(&self, at: i64) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match &self.kind {
            Kind::Tokio { origin, wall } => {
                let millis = u64::try_from(at.saturating_sub(*wall)).unwrap_or(0);
                Box::pin(tokio::time::sleep_until(*origin + Duration::from_millis(millis)))
            }
            Kind::Standing => {
                let millis = u64::try_from(at).unwrap_or(0);
                Box::pin(tokio::time::sleep(Duration::from_millis(millis)))
            }
            Kind::Manual(clock) => {
                let id = clock.next.fetch_add(1, Ordering::Relaxed);
                Box::pin(Sleep { clock: Arc::clone(clock), owner: self.owner, key: (at, id) })
            }
        }
    }
}

/// A clock that is set by hand, and who waits for it.
#[derive(Debug, Default)]
struct Manual {
    now: AtomicI64,
    next: AtomicU64,
    /// By time and number: whose wait it is, and how to wake it.
    sleepers: Mutex<Sleepers>,
}

type Sleepers = BTreeMap<(i64, u64), (usize, Waker)>;

impl Manual {
    fn sleepers(&self) -> MutexGuard<'_, Sleepers> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn move_to(&self, at: i64) {
        let now = self.now.fetch_max(at, Ordering::AcqRel).max(at);
        let due = {
            let mut sleepers = self.sleepers();
            let later = sleepers.split_off(&(now.saturating_add(1), 0));
            std::mem::replace(&mut *sleepers, later)
        };
        due.into_values().for_each(|(_, waker)| waker.wake());
    }
}

/// Ready once a manual clock stands at a time. Woken then, so that it may be part of a set of
/// futures that only asks those that were woken.
struct Sleep {
    clock: Arc<Manual>,
    owner: usize,
    key: (i64, u64),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<()> {
        // Whatever dropping a waker does, it is not done under the lock.
        let _before = {
            let mut sleepers = self.clock.sleepers();
            if self.clock.now.load(Ordering::Acquire) >= self.key.0 {
                return Poll::Ready(());
            }
            sleepers.insert(self.key, (self.owner, task.waker().clone()))
        };
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let _waker = {
            let mut sleepers = self.clock.sleepers();
            sleepers.remove(&self.key)
        };
    }
}
