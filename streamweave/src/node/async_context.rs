//! What asynchronous handlers can ask of their `out` on top.

use std::error::Error;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::time::Duration;

use crate::engine::Attempts;
use crate::node::{BoxFuture, Context, NodeError};

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
        let mut limit_passed = self.__attempts().sleep(limit);
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

    /// Asks something outside of the graph: awaits what `ask` gives, which is called anew for each
    /// attempt. As it stands it is asked once and without a limit; [`timeout`](Calling::timeout),
    /// [`retries`](Calling::retries) and [`backoff`](Calling::backoff) say otherwise.
    ///
    /// The record's unit goes on meanwhile: a barrier waits for it, and so does what comes behind the
    /// record. Where many calls are to be in flight at once, and where they are not to hold up
    /// barriers, use `#[node(async, concurrency = n)]`. In a source's `wait` a call may be given up at any
    /// time and made again, as everything there.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use streamweave::nodes::from_iter;
    /// use streamweave::prelude::*;
    ///
    /// /// What each item costs, and all so far.
    /// #[node(async)]
    /// struct Sum {
    ///     #[input] items: u64,
    ///     #[output] sums: u64,
    ///     #[state] sum: Value<u64>,
    ///     shop: Shop,
    /// }
    ///
    /// impl SumHandlers for Sum {
    ///     async fn on_items(&self, state: &mut SumState, item: u64, out: &mut impl SumOut) -> NodeResult {
    ///         let price = out
    ///             .call(|| self.shop.price(item))
    ///             .timeout(Duration::from_secs(2))
    ///             .retries(3)
    ///             .await?;
    ///         *state.sum.get_mut() += price;
    ///         out.sums(*state.sum);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// struct Shop;
    ///
    /// impl Shop {
    ///     async fn price(&self, item: u64) -> std::io::Result<u64> {
    ///         Ok(item * 100) // ask somebody
    ///     }
    /// }
    ///
    /// let graph = graph! {
    ///     items: from_iter([1, 2, 3]),
    ///     sum: Sum { shop: Shop },
    ///     items.out => sum.items,
    ///     sum.sums => graph.sums,
    /// };
    /// let mut run = graph.inline()?;
    /// run.step()?;
    /// let sums: Vec<_> = std::iter::from_fn(|| run.outputs.sums.try_recv()).collect();
    /// assert_eq!(sums, [100, 300, 600]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`CallFailed`] when no attempt was successful, with the error of the last one: [`TimedOut`]
    /// where that took too long.
    fn call<'a, F, R, T, E>(&self, ask: F) -> Calling<'a, F>
    where
        F: FnMut() -> R + Send + 'a,
        R: Future<Output = Result<T, E>> + Send + 'a,
        E: Into<NodeError>,
        Self: Sized,
    {
        Calling { ask, attempts: self.__attempts(), lent: PhantomData }
    }

    #[doc(hidden)]
    fn __attempts(&self) -> Attempts;
}

/// A call that is made when it is awaited: see [`AsyncContext::call`].
#[must_use = "a call is made when it is awaited"]
pub struct Calling<'a, F> {
    ask: F,
    attempts: Attempts,
    /// What `ask` borrows.
    lent: PhantomData<&'a ()>,
}

impl<F> fmt::Debug for Calling<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calling").field("attempts", &self.attempts).finish_non_exhaustive()
    }
}

impl<F> Calling<'_, F> {
    /// Lets an attempt take no longer than `limit` of the run's clock; then it has failed.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.attempts.options.timeout = Some(limit);
        self
    }

    /// Makes another attempt where one failed, up to `retries` times. Between them it waits: 100 ms, then
    /// twice as long each time up to 5 s, or as [`backoff`](Calling::backoff) says.
    pub fn retries(mut self, retries: u32) -> Self {
        self.attempts.options.retries = retries;
        self
    }

    /// Waits `first` before the first retry, and twice as long each time up to `longest`.
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.attempts.options.backoff = first;
        self.attempts.options.max_backoff = longest;
        self
    }
}

impl<'a, F, R, T, E> IntoFuture for Calling<'a, F>
where
    F: FnMut() -> R + Send + 'a,
    R: Future<Output = Result<T, E>> + Send + 'a,
    T: 'a,
    E: Into<NodeError> + 'a,
{
    type Output = Result<T, CallFailed>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        let Calling { mut ask, mut attempts, .. } = self;
        Box::pin(async move {
            loop {
                let error = match attempts.run(ask()).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => error,
                };
                if let Err(error) = attempts.again(error).await {
                    return Err(CallFailed { attempts: attempts.made, error });
                }
            }
        })
    }
}

/// A future did not end within its limit.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("no answer within {limit:?}")]
pub struct TimedOut {
    /// The limit that passed.
    pub limit: Duration,
}

/// A call failed, and so did all retries.
#[derive(Debug)]
pub struct CallFailed {
    /// How many attempts were made.
    pub attempts: u32,
    /// What the last one failed with.
    pub error: NodeError,
}

impl fmt::Display for CallFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.attempts {
            0 | 1 => self.error.fmt(f),
            attempts => write!(f, "{attempts} attempts failed, the last with: {}", self.error),
        }
    }
}

impl Error for CallFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.error.as_error())
    }
}
