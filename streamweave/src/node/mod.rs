//! What a node is: its ports, its state, its handlers, and how they are described.
//!
//! `#[node]` implements the traits of this module. Implementing them by hand gives the same
//! powers; `examples/by_hand` does.

mod async_context;
mod at;
pub mod bounds;
mod catalogue;
mod context;
mod emit;
mod error;
mod kept;
mod lent;
mod letter;
mod outlet;
mod port;
mod timer;

use std::future::Future;
use std::sync::Arc;

pub use async_context::{AsyncContext, CallFailed, Calling, TimedOut};
pub use at::At;
pub use catalogue::{
    Descriptor, InputDescriptor, OutputDescriptor, Registered, StateDescriptor, catalogue,
};
pub use context::{AtRest, BoxFuture, Context};
pub(crate) use emit::delegate_part;
pub use emit::{
    ByClone, Duplicate, EachPart, Emit, Emitters, NoClone, Part, Tee, Unconnected, Via,
};
pub use error::{NodeError, NodeResult, TimeError};
pub use kept::Kept;
pub use letter::{About, DeadLetter, Letters};
pub use outlet::Outlet;
pub use port::{ByRef, ByValue, Const, In, Out, Passing, Routing};
pub use timer::{Timer, TimerAt};

use crate::engine::Letter;
use crate::state::{NodeState, StableKey};
use crate::time::Frontier;

/// A node: its configuration, which handlers see as `&self`.
///
/// What changes lives in [`Node::State`]; each instance of the node has its own.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a node",
    label = "this expression is not a node",
    note = "put `#[node]` on the struct or function, or implement `streamweave::Node` by hand"
)]
pub trait Node: Sized + Send + Sync + 'static {
    /// The handles of the input ports.
    type Inputs: Const;
    /// The handles of the output ports.
    type Outputs: Const;
    /// The emitters with every output unconnected; a setter a port changes that port's type.
    type Open: Const;
    /// Which required inputs are connected, as a type; see [`crate::graph::check`].
    type Wiring: Const;
    /// The type of the node's keys; `()` for a node without.
    type Key: StableKey;
    /// What the node keeps between records.
    type State: NodeState;
    /// How the node runs: [`Sync`](kind::Fused), [`Async`](kind::Serial) and so on.
    type Kind;

    /// The key that every unit of a node without keys has; `None` in a keyed node.
    const SOLE_KEY: Option<&'static Self::Key>;

    /// What the node does to the frontiers of its inputs.
    const TIMING: Timing = Timing::Passes;

    /// Whether its inputs must be strict: no record may come behind a promise.
    const STRICT: bool = false;

    /// Whether what it sends is of all its records together: refused where it runs on several workers, each
    /// of which would have a share of them.
    const SINGLE: bool = false;

    /// Whether it makes something visible only when a checkpoint that holds it is complete, in
    /// `on_complete`, or says only then that it has it: so it waits for that before it ends.
    const COMMITS: bool = false;

    /// Of a source: whether it goes on from the position that is saved with its state, and gives again
    /// what it had given behind it.
    const REWINDABLE: bool = false;

    /// Of a source that commits: whether what it has not committed is kept in memory, and gone with the
    /// process.
    const IN_MEMORY: bool = false;

    /// Of a source: the ids of the parts that it can be divided into, if it can. Its state is by these ids,
    /// and on several workers each instance reads [those that it owns](Context::owns_split).
    fn splits(&self) -> Option<Vec<String>> {
        None
    }

    /// Whether a node in this state has had enough: it wants no more records, ever. `None` for a node that always
    /// does. What feeds nobody else ends then, if it is a source or an input of the graph; what still comes is handed
    /// to the node as before.
    ///
    /// ```
    /// use streamweave::nodes::from_iter;
    /// use streamweave::prelude::*;
    ///
    /// /// Adds numbers up, until they are too many.
    /// #[node(enough = *state.sum >= self.limit)]
    /// struct UpTo {
    ///     #[input] numbers: u64,
    ///     #[output] sums: u64,
    ///     #[state] sum: Value<u64>,
    ///     limit: u64,
    /// }
    ///
    /// impl UpToHandlers for UpTo {
    ///     fn on_numbers(&self, state: &mut UpToState, n: u64, out: &mut impl UpToOut) -> NodeResult {
    ///         if *state.sum < self.limit {
    ///             *state.sum.get_mut() += n;
    ///             out.sums(*state.sum);
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let graph = graph! {
    ///     numbers: from_iter(1_u64..),
    ///     sum: UpTo { limit: 12 },
    ///     numbers.out => sum.numbers,
    ///     sum.sums => graph.sums,
    /// };
    /// let mut run = graph.inline()?;
    /// run.step()?;
    /// let sums: Vec<_> = std::iter::from_fn(|| run.outputs.sums.try_recv()).collect();
    /// assert_eq!(sums, [1, 3, 6, 10, 15]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn has_enough(&self, state: &Self::State) -> Option<bool> {
        let _ = state;
        None
    }

    /// Of a sink: whether what comes again changes nothing.
    fn is_idempotent(&self) -> bool {
        false
    }

    /// The state of a fresh instance.
    fn new_state(&self) -> Self::State;

    /// The node's name, documentation, ports and state fields.
    fn descriptor() -> Descriptor;

    /// A timer whose unit has failed as a dead letter; `None` for a node without dead letters.
    fn timer_letter(timer: Timer<Self::Key>, about: About) -> Option<Letter> {
        let _ = (timer, about);
        None
    }
}

/// What a node does to the frontiers of its inputs: the values of [`Node::TIMING`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timing {
    /// Passes them on, once everything that was due before has been sent.
    #[default]
    Passes,
    /// Makes promises of its own, without exception: a source of what is in order.
    Promises,
    /// Makes promises of its own from a guess: what comes behind them is late.
    Estimates,
    /// Passes them on, and settles what is late: nothing that it sends is, but what leaves by an
    /// output called `late`, or `late_` and something.
    Settles,
}

impl Timing {
    /// Whether the node's promises are its own.
    pub(crate) fn is_own(self) -> bool {
        matches!(self, Timing::Promises | Timing::Estimates)
    }
}

/// The ways in which a node can run: the values of [`Node::Kind`].
pub mod kind {
    /// Synchronous handlers ([`Receive`](super::Receive)): fused into the stage that feeds it.
    #[derive(Debug)]
    pub struct Fused;
    /// Asynchronous handlers, one record at a time ([`ReceiveAsync`](super::ReceiveAsync)).
    #[derive(Debug)]
    pub struct Serial;
    /// Many calls in flight ([`Call`](super::Call)).
    #[derive(Debug)]
    pub struct Concurrent;
    /// No inputs: produces by itself ([`Source`](super::Source)).
    #[derive(Debug)]
    pub struct Source;
    /// A graph with declared ports ([`Nested`](super::Nested)).
    #[derive(Debug)]
    pub struct Nested;
}

/// Input port number `P` of a node: everything about it that does not depend on what comes after.
pub trait InputPort<const P: usize>: Node {
    /// What the port takes.
    type Item: Send + 'static;
    /// Whether it takes its records by value or lent.
    type Passing: Passing;
    /// The port's name.
    const NAME: &'static str;
    /// How records find their instance on several workers.
    const ROUTING: Routing;

    /// The stable hash of the record's key; only asked where the routing is [`Routing::ByKey`].
    fn key_hash(item: &Self::Item) -> u64 {
        let _ = item;
        0
    }

    /// A copy of the record; only asked where the routing is [`Routing::Broadcast`].
    fn copy(item: &Self::Item) -> Option<Self::Item> {
        let _ = item;
        None
    }

    /// A record whose unit has failed as a dead letter; `None` for a node without dead letters.
    fn letter(item: Self::Item, about: About) -> Option<Letter> {
        let _ = (item, about);
        None
    }
}

/// The synchronous handler of input port `P`, compiled against the emitters `O` behind the node.
pub trait Receive<const P: usize, O>: InputPort<P> {
    /// Whether records may be lent.
    const LENDS: bool = <Self::Passing as Passing>::LENDS;

    /// Handles a record that is handed over.
    ///
    /// # Errors
    /// Whatever the handler returns: the unit fails and is undone.
    fn receive(
        &self,
        state: &mut Self::State,
        item: Self::Item,
        out: &mut Outlet<'_, Self::Key, O>,
    ) -> NodeResult;

    /// Handles a record that is lent; only called when [`Receive::LENDS`].
    ///
    /// # Errors
    /// As [`Receive::receive`].
    fn receive_lent(
        &self,
        state: &mut Self::State,
        item: &Self::Item,
        out: &mut Outlet<'_, Self::Key, O>,
    ) -> NodeResult {
        let _ = (state, item, out);
        Err(NodeError::new("this input takes its records by value"))
    }
}

/// The handlers of a synchronous node that no record asks for.
pub trait Lifecycle<O>: Node {
    /// Before the first record, and again after a restart.
    ///
    /// # Errors
    /// Whatever the handler returns.
    fn on_start(&self, state: &mut Self::State, out: &mut Outlet<'_, Self::Key, O>) -> NodeResult {
        let _ = (state, out);
        Ok(())
    }

    /// A timer is due.
    ///
    /// # Errors
    /// Whatever the handler returns.
    fn on_timer(
        &self,
        state: &mut Self::State,
        timer: Timer<Self::Key>,
        out: &mut Outlet<'_, Self::Key, O>,
    ) -> NodeResult {
        let _ = (state, timer, out);
        Ok(())
    }

    /// The node's frontier has risen; every timer before it has fired.
    ///
    /// # Errors
    /// Whatever the handler returns.
    fn on_frontier(
        &self,
        state: &mut Self::State,
        frontier: Frontier,
        out: &mut Outlet<'_, Self::Key, O>,
    ) -> NodeResult {
        let _ = (state, frontier, out);
        Ok(())
    }

    /// After the last record; what it still sends comes before the end.
    ///
    /// # Errors
    /// Whatever the handler returns.
    fn on_stop(&self, state: &mut Self::State, out: &mut Outlet<'_, Self::Key, O>) -> NodeResult {
        let _ = (state, out);
        Ok(())
    }

    /// A checkpoint is about to be taken, of everything so far: the barrier of this number, which counts anew in
    /// each run.
    ///
    /// # Errors
    /// Whatever the handler returns.
    fn on_checkpoint(
        &self,
        state: &mut Self::State,
        checkpoint: u64,
        out: &mut Outlet<'_, Self::Key, O>,
    ) -> NodeResult {
        let _ = (state, checkpoint, out);
        Ok(())
    }

    /// The checkpoints up to this one are complete.
    ///
    /// # Errors
    /// Whatever the handler returns.
    fn on_complete(
        &self,
        state: &mut Self::State,
        checkpoint: u64,
        out: &mut Outlet<'_, Self::Key, O>,
    ) -> NodeResult {
        let _ = (state, checkpoint, out);
        Ok(())
    }
}

/// The asynchronous handler of input port `P`: one record at a time.
pub trait ReceiveAsync<const P: usize, O>: InputPort<P> {
    /// Handles a record; the unit ends when the future does.
    fn receive(
        &self,
        state: &mut Self::State,
        item: Self::Item,
        out: &mut Outlet<'_, Self::Key, O>,
    ) -> impl Future<Output = NodeResult> + Send;
}

/// The handlers of an asynchronous node that no record asks for.
pub trait LifecycleAsync<O>: Node {
    /// Before the first record, and again after a restart.
    fn on_start(
        &self,
        state: &mut Self::State,
        out: &mut Outlet<'_, Self::Key, O>,
    ) -> impl Future<Output = NodeResult> + Send;

    /// A timer is due.
    fn on_timer(
        &self,
        state: &mut Self::State,
        timer: Timer<Self::Key>,
        out: &mut Outlet<'_, Self::Key, O>,
    ) -> impl Future<Output = NodeResult> + Send;

    /// The node's frontier has risen; every timer before it has fired.
    fn on_frontier(
        &self,
        state: &mut Self::State,
        frontier: Frontier,
        out: &mut Outlet<'_, Self::Key, O>,
    ) -> impl Future<Output = NodeResult> + Send;

    /// After the last record; what it still sends comes before the end.
    fn on_stop(
        &self,
        state: &mut Self::State,
        out: &mut Outlet<'_, Self::Key, O>,
    ) -> impl Future<Output = NodeResult> + Send;

    /// A checkpoint is about to be taken, of everything so far.
    fn on_checkpoint(
        &self,
        state: &mut Self::State,
        checkpoint: u64,
        out: &mut Outlet<'_, Self::Key, O>,
    ) -> impl Future<Output = NodeResult> + Send;

    /// The checkpoints up to this one are complete.
    fn on_complete(
        &self,
        state: &mut Self::State,
        checkpoint: u64,
        out: &mut Outlet<'_, Self::Key, O>,
    ) -> impl Future<Output = NodeResult> + Send;
}

/// A node with many calls in flight: `call` touches no state, `complete` is the unit.
pub trait Call<O>: InputPort<0> {
    /// What a call gives.
    type Answer: Send + 'static;

    /// How many calls, in which order, and what happens to one that fails.
    fn options(&self) -> CallOptions;

    /// Makes the call for a record, with its retries: see [`Attempts`](crate::engine::Attempts).
    fn call(
        self: Arc<Self>,
        item: Self::Item,
        attempts: crate::engine::Attempts,
    ) -> BoxFuture<'static, NodeResult<Self::Answer>>;

    /// Takes the answer.
    ///
    /// # Errors
    /// Whatever the handler returns.
    fn complete(
        &self,
        state: &mut Self::State,
        answer: Self::Answer,
        out: &mut Outlet<'_, Self::Key, O>,
    ) -> NodeResult;
}

/// The options of a node with many calls in flight.
#[derive(Clone, Debug)]
pub struct CallOptions {
    /// The most calls in flight at once; at least 1.
    pub concurrency: usize,
    /// Whether answers are taken in the order of their records.
    pub ordered: bool,
    /// The longest a call may take; `None` for no limit.
    pub timeout: Option<std::time::Duration>,
    /// How often a failed call is made again.
    pub retries: u32,
    /// The wait before the first retry; it doubles from one to the next.
    pub backoff: std::time::Duration,
    /// The longest wait between retries.
    pub max_backoff: std::time::Duration,
    /// When no calls are made for a while; `None` for never.
    pub breaker: Option<BreakerOptions>,
}

/// One call at a time, in order, made once and without a limit. Where there are retries, 100 ms before
/// the first and up to 5 s.
impl Default for CallOptions {
    fn default() -> Self {
        CallOptions {
            concurrency: 1,
            ordered: true,
            timeout: None,
            retries: 0,
            backoff: std::time::Duration::from_millis(100),
            max_backoff: std::time::Duration::from_secs(5),
            breaker: None,
        }
    }
}

/// A circuit breaker. After so many failed attempts in a span of time, retries among them, no attempt
/// is made for a while: all wait, and so does what feeds the node. Then one is made, and if it succeeds all
/// go on, otherwise they wait again. Each worker has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerOptions {
    /// So many failures, at least 1.
    pub failures: u32,
    /// Within so long.
    pub within: std::time::Duration,
    /// So long no attempt is made.
    pub open: std::time::Duration,
}

/// Whether a source has more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    /// At once: call `next` again.
    Now,
    /// Not now: call `wait`, then `next`.
    Later,
    /// Never: the source has ended.
    End,
}

/// A node without inputs. One call of `next` is one unit: position and records commit together.
pub trait Source<O>: Node {
    /// Sends a bounded batch. What may be long in coming is not awaited here, where nothing that
    /// was sent before can leave: return [`More::Later`] and await it in [`Source::wait`].
    fn next(
        &self,
        state: &mut Self::State,
        out: &mut Outlet<'_, Self::Key, O>,
    ) -> impl Future<Output = NodeResult<More>> + Send;

    /// Ready when `next` may have something. Where the stage has something else to do it is dropped at
    /// whatever it awaits, and called anew behind that: a barrier, a question, a timer, the end.
    ///
    /// A sleep that it was in then ([`sleep`](AsyncContext::sleep)) goes on, where the wait that takes its place
    /// begins with one of the same length: that is over when the other would have been. So one that sleeps for a
    /// second each time it is called comes to its end under a checkpoint every half second. Whatever else is longer
    /// than the time between two checkpoints has to go by when it is over ([`Context::now`], kept in scratch), as
    /// it begins anew each time: several sleeps one after the other, a `timeout`, a `call`, and any of them in a
    /// deterministic run, whose clock stands.
    fn wait(
        &self,
        state: &mut Self::State,
        out: &mut Outlet<'_, Self::Key, O>,
    ) -> impl Future<Output = NodeResult> + Send;
}

/// A graph with declared ports: a node whose ports are edges.
pub trait Nested<O>: Node {
    /// Adds the graph's nodes to `builder`. `incoming` are the edges that lead to its inputs.
    fn build(
        self,
        builder: &mut crate::graph::GraphBuilder,
        out: O,
        incoming: crate::graph::Incoming,
    );

    /// As [`build`](Nested::build), with each node on as many workers as there are emitters.
    fn build_wide(
        self,
        builder: &mut crate::graph::GraphBuilder,
        out: crate::graph::Wide<O>,
        incoming: crate::graph::Wide<crate::graph::Incoming>,
    );
}
