//! `async_map`: calls, several at once.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::Attempts;
use crate::graph::check::Missing;
use crate::node::bounds::RecordError;
use crate::node::{
    BoxFuture, BreakerOptions, ByValue, Call, CallOptions, Descriptor, Emit, InputDescriptor,
    InputPort, Letters, Lifecycle, Node, Outlet, OutputDescriptor, Routing, Unconnected, kind,
};
use crate::nodes::calls::ports::{InputWiring, OneInput, OutAndErrors, ToOutAndErrors};
use crate::{NodeError, NodeResult};

/// Calls an asynchronous function with each record. Made by [`async_map`].
pub struct AsyncMap<A, R, F> {
    f: F,
    options: CallOptions,
    /// How a record is copied for another attempt, once there may be one.
    copy: Option<fn(&A) -> A>,
    items: PhantomData<fn(A) -> R>,
}

impl<A, R, F> fmt::Debug for AsyncMap<A, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncMap").field("options", &self.options).finish_non_exhaustive()
    }
}

impl<A, R, F> AsyncMap<A, R, F> {
    /// Lets up to `calls` (at least 1) be in flight at once; 1 if this is not said.
    #[must_use]
    pub fn concurrency(mut self, calls: usize) -> Self {
        self.options.concurrency = calls.max(1);
        self
    }

    /// Sends results as they come, not in the order of their records.
    #[must_use]
    pub fn unordered(mut self) -> Self {
        self.options.ordered = false;
        self
    }

    /// Lets a call take no longer than `limit` of the run's clock; then it has failed.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.options.timeout = Some(limit);
        self
    }

    /// Makes a call that failed again, up to `retries` times. Between them it waits: 100 ms, then
    /// twice as long each time up to 5 s, or as [`AsyncMap::backoff`] says.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self
    where
        A: Clone,
    {
        self.options.retries = retries;
        self.copy = Some(A::clone);
        self
    }

    /// Waits `first` before the first retry, and twice as long each time up to `longest`.
    #[must_use]
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.options.backoff = first;
        self.options.max_backoff = longest;
        self
    }

    /// Makes no calls for as long as `open` when so many attempts have failed within a span of time,
    /// then tries one: see [`BreakerOptions`].
    #[must_use]
    pub fn breaker(mut self, failures: u32, within: Duration, open: Duration) -> Self {
        self.options.breaker = Some(BreakerOptions { failures, within, open });
        self
    }
}

/// What a call of `async_map` gives: a `Result`.
#[diagnostic::on_unimplemented(
    message = "the function of `async_map` gives a `Result`, and this one gives `{Self}`",
    label = "this function does not say how it fails",
    note = "end it with `Ok(..)`; one that never fails: `Ok::<_, NodeError>(..)`"
)]
pub trait CallResult: Send + 'static {
    /// What it gives where it does not fail.
    type Ok: Send + 'static;
    /// The result, with its error as a node's.
    fn into_result(self) -> NodeResult<Self::Ok>;
}

impl<B: Send + 'static, E: RecordError + Send + 'static> CallResult for Result<B, E> {
    type Ok = B;
    fn into_result(self) -> NodeResult<B> {
        self.map_err(RecordError::failure)
    }
}

impl<A, R, F> Node for AsyncMap<A, R, F>
where
    A: Send + 'static,
    R: Future<Output: CallResult> + Send + 'static,
    F: Fn(A) -> R + Send + Sync + 'static,
{
    type Inputs = OneInput<Self, A>;
    type Outputs = OutAndErrors<Self, <R::Output as CallResult>::Ok, NodeError>;
    type Open = ToOutAndErrors<Unconnected, Unconnected>;
    type Wiring = InputWiring<Missing>;
    type Key = ();
    type State = ();
    type Kind = kind::Concurrent;
    const SOLE_KEY: Option<&'static ()> = Some(&());

    fn new_state(&self) {}

    fn descriptor() -> Descriptor {
        let mut node = Descriptor::new("AsyncMap", module_path!());
        node.docs = "Calls an asynchronous function with each record.";
        node.inputs =
            vec![InputDescriptor { name: "input", docs: "Records.", item: "A", optional: false }];
        node.outputs = vec![
            OutputDescriptor { name: "out", docs: "Results.", item: "R::Ok", optional: false },
            OutputDescriptor { name: "errors", docs: "Errors.", item: "NodeError", optional: true },
        ];
        node
    }
}

impl<A, R, F> InputPort<0> for AsyncMap<A, R, F>
where
    A: Send + 'static,
    R: Future<Output: CallResult> + Send + 'static,
    F: Fn(A) -> R + Send + Sync + 'static,
{
    type Item = A;
    type Passing = ByValue;
    const NAME: &'static str = "input";
    const ROUTING: Routing = Routing::Deal;
}

/// A record of any input of [`AsyncMap`]: what its dead letters hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AsyncMapInput<A> {
    /// A record of `input`.
    Input(A),
}

impl<A, R, F> Letters for AsyncMap<A, R, F>
where
    A: Send + 'static,
    R: Future<Output: CallResult> + Send + 'static,
    F: Fn(A) -> R + Send + Sync + 'static,
{
    type Input = AsyncMapInput<A>;
}

impl<A, R, F, E0, E1> Call<ToOutAndErrors<E0, E1>> for AsyncMap<A, R, F>
where
    A: Send + 'static,
    R: Future<Output: CallResult> + Send + 'static,
    F: Fn(A) -> R + Send + Sync + 'static,
    E0: Emit<<R::Output as CallResult>::Ok>,
    E1: Emit<NodeError>,
{
    /// A call that failed for good is an answer too: it may go to `errors`.
    type Answer = NodeResult<<R::Output as CallResult>::Ok>;

    fn options(&self) -> CallOptions {
        self.options.clone()
    }

    fn call(
        self: Arc<Self>,
        item: A,
        mut attempts: Attempts,
    ) -> BoxFuture<'static, NodeResult<Self::Answer>> {
        Box::pin(async move {
            let mut left = Some(item);
            let mut failed = None;
            while let Some(record) = left.take() {
                if let Some(error) = failed.take()
                    && let Err(error) = attempts.again(error).await
                {
                    return Ok(Err(error));
                }
                left = self.copy.map(|copy| copy(&record));
                let answer = (self.f)(record);
                match attempts.run(async { answer.await.into_result() }).await {
                    Ok(result) => return Ok(Ok(result)),
                    Err(error) => failed = Some(error),
                }
            }
            Ok(Err(failed.unwrap_or_else(|| NodeError::new("the call was not made"))))
        })
    }

    fn complete(
        &self,
        (): &mut (),
        answer: Self::Answer,
        out: &mut Outlet<'_, (), ToOutAndErrors<E0, E1>>,
    ) -> NodeResult {
        out.to.send(out.cx, answer)
    }
}

impl<A, R, F, E0, E1> Lifecycle<ToOutAndErrors<E0, E1>> for AsyncMap<A, R, F>
where
    A: Send + 'static,
    R: Future<Output: CallResult> + Send + 'static,
    F: Fn(A) -> R + Send + Sync + 'static,
    E0: Emit<<R::Output as CallResult>::Ok>,
    E1: Emit<NodeError>,
{
}

/// Calls `f` with each record and sends what its future gives to `out`.
///
/// [`concurrency`](AsyncMap::concurrency) says how many calls are in flight at once;
/// results come in the order of their records unless it is [`unordered`](AsyncMap::unordered). A
/// call that fails, or takes longer than its [`timeout`](AsyncMap::timeout), is made again as often
/// as [`retries`](AsyncMap::retries) says; then its error goes to `errors`, or fails the record
/// where that is not connected.
///
/// ```
/// use streamweave::nodes::{async_map, from_iter};
/// use streamweave::prelude::*;
///
/// async fn price(item: u64) -> Result<u64, std::io::Error> {
///     Ok(item * 100) // ask somebody
/// }
///
/// let graph = graph! {
///     items: from_iter(1..4_u64),
///     prices: async_map(price).concurrency(8).retries(2),
///     items.out => prices.input,
///     prices.out => graph.prices,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// let prices: Vec<_> = std::iter::from_fn(|| run.outputs.prices.try_recv()).collect();
/// assert_eq!(prices, [100, 200, 300]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn async_map<A, R, F: Fn(A) -> R>(f: F) -> AsyncMap<A, R, F> {
    AsyncMap { f, options: CallOptions::default(), copy: None, items: PhantomData }
}
