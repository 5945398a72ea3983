//! What a handler can ask of its `out`, besides sending: time, key, timers, the clock.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::{Cx, Timers};
use crate::node::{NodeError, NodeResult};
use crate::state::StableKey;
use crate::time::{Frontier, LogicalTime};

/// A future in a box, as the context hands them out.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What every handler can ask of its `out`.
pub trait Context: Send {
    /// The key type of the node; `()` for a node without keys.
    type Key;

    /// The time of the current record or timer; `None` where the stream is not timed.
    fn time(&self) -> Option<LogicalTime>;

    /// The node's frontier; `None` before there is one.
    fn frontier(&self) -> Option<Frontier>;

    /// The key of the current record or timer; `None` in a node without keys, for a broadcast
    /// record, and in `on_start`, `on_frontier` and `on_stop`.
    fn key(&self) -> Option<&Self::Key>;

    /// The run's clock: milliseconds since the Unix epoch.
    fn now(&self) -> i64;

    /// Asks for `on_timer` with the current key. Timers with the same key, name and time are one.
    /// Takes effect when the unit does. Does nothing when there is no current key.
    fn set_timer(&mut self, name: &'static str, at: TimerAt);

    /// Takes back a timer of the current key; does nothing if there is none.
    fn cancel_timer(&mut self, name: &'static str, at: TimerAt);

    /// Runs `task` beside the stage; its error or panic is this node's failure.
    ///
    /// # Errors
    /// When the graph does not run on a tokio runtime, or is simulated.
    fn spawn(&mut self, task: BoxFuture<'static, NodeResult>) -> NodeResult;
}

/// What the handlers of asynchronous nodes and sources can await.
pub trait AsyncContext: Context {
    /// Ready when the run's clock has moved on by `duration`.
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

/// When a timer is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimerAt {
    /// When the node's frontier is past this time.
    Event(LogicalTime),
    /// When the run's clock stands at this many milliseconds since the Unix epoch.
    Clock(i64),
}

/// A timer that came due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timer<K> {
    /// The key that was current when it was set.
    pub key: K,
    /// Its name.
    pub name: &'static str,
    /// When it was due.
    pub at: TimerAt,
}

/// A node's `out`: its emitters, and the context of the current unit.
///
/// The macro implements the node's own `..Out` trait for it. `K` is the key type of the node and
/// `O` its emitters.
pub struct Outlet<'a, K, O> {
    /// The state of the step.
    pub cx: &'a mut Cx,
    /// The emitters.
    pub to: &'a mut O,
    pub(crate) timers: &'a mut Timers<K>,
    pub(crate) node: &'a Arc<str>,
    pub(crate) key: Option<&'a K>,
}

impl<K, O> fmt::Debug for Outlet<'_, K, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outlet").field("node", self.node).finish_non_exhaustive()
    }
}

impl<K, O> Outlet<'_, K, O> {
    /// The same outlet while the record with `key` is handled.
    #[inline(always)]
    pub fn keyed<'b>(&'b mut self, key: &'b K) -> Outlet<'b, K, O> {
        Outlet { cx: self.cx, to: self.to, timers: self.timers, node: self.node, key: Some(key) }
    }
}

impl<K: StableKey, O: Send> Context for Outlet<'_, K, O> {
    type Key = K;

    fn time(&self) -> Option<LogicalTime> {
        self.cx.time
    }

    fn frontier(&self) -> Option<Frontier> {
        self.cx.frontier
    }

    fn key(&self) -> Option<&K> {
        self.key
    }

    fn now(&self) -> i64 {
        self.cx.clock.now()
    }

    fn set_timer(&mut self, name: &'static str, at: TimerAt) {
        if let Some(key) = self.key {
            self.timers.stage(Timer { key: key.clone(), name, at }, true);
            self.cx.set_staged();
        }
    }

    fn cancel_timer(&mut self, name: &'static str, at: TimerAt) {
        if let Some(key) = self.key {
            self.timers.stage(Timer { key: key.clone(), name, at }, false);
            self.cx.set_staged();
        }
    }

    fn spawn(&mut self, task: BoxFuture<'static, NodeResult>) -> NodeResult {
        if self.cx.chance.is_seeded() {
            return Err(NodeError::new(
                "a simulation cannot run tasks that a node spawns: await in the handler instead",
            ));
        }
        self.cx.spawned.spawn(Arc::clone(self.node), task)
    }
}

impl<K: StableKey, O: Send> AsyncContext for Outlet<'_, K, O> {
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        self.cx.clock.sleep_until(self.cx.clock.now().saturating_add(millis))
    }
}

impl<T: Context + ?Sized> Context for &mut T {
    type Key = T::Key;

    fn time(&self) -> Option<LogicalTime> {
        (**self).time()
    }
    fn frontier(&self) -> Option<Frontier> {
        (**self).frontier()
    }
    fn key(&self) -> Option<&Self::Key> {
        (**self).key()
    }
    fn now(&self) -> i64 {
        (**self).now()
    }
    fn set_timer(&mut self, name: &'static str, at: TimerAt) {
        (**self).set_timer(name, at);
    }
    fn cancel_timer(&mut self, name: &'static str, at: TimerAt) {
        (**self).cancel_timer(name, at);
    }
    fn spawn(&mut self, task: BoxFuture<'static, NodeResult>) -> NodeResult {
        (**self).spawn(task)
    }
}

impl<T: AsyncContext + ?Sized> AsyncContext for &mut T {
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        (**self).sleep(duration)
    }
}
