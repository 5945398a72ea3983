//! `try_map`: a record becomes another, or an error.

use std::fmt;
use std::marker::PhantomData;

use crate::graph::check::Missing;
use crate::node::{
    ByValue, Descriptor, Emit, InputDescriptor, InputPort, Lifecycle, Node, Outlet,
    OutputDescriptor, Receive, Routing, Unconnected, kind,
};
use crate::nodes::ports::{InputWiring, OneInput, OutAndErrors, ToOutAndErrors};
use crate::{NodeError, NodeResult};

/// Turns each record into another, or an error. Made by [`try_map`].
pub struct TryMap<A, B, E, F> {
    f: F,
    items: PhantomData<fn(A) -> (B, E)>,
}

impl<A, B, E, F> fmt::Debug for TryMap<A, B, E, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TryMap")
    }
}

impl<A, B, E, F> Node for TryMap<A, B, E, F>
where
    A: Send + 'static,
    B: Send + 'static,
    E: Into<NodeError> + Send + 'static,
    F: Fn(A) -> Result<B, E> + Send + Sync + 'static,
{
    type Inputs = OneInput<Self, A>;
    type Outputs = OutAndErrors<Self, B, E>;
    type Open = ToOutAndErrors<Unconnected, Unconnected>;
    type Wiring = InputWiring<Missing>;
    type Key = ();
    type State = ();
    type Kind = kind::Fused;
    const SOLE_KEY: Option<&'static ()> = Some(&());

    fn new_state(&self) {}

    fn descriptor() -> Descriptor {
        let mut node = Descriptor::new("TryMap", module_path!());
        node.docs = "Turns each record into another, or an error.";
        node.inputs =
            vec![InputDescriptor { name: "input", docs: "Records.", item: "A", optional: false }];
        node.outputs = vec![
            OutputDescriptor { name: "out", docs: "Results.", item: "B", optional: false },
            OutputDescriptor { name: "errors", docs: "Errors.", item: "E", optional: true },
        ];
        node
    }
}

impl<A, B, E, F> InputPort<0> for TryMap<A, B, E, F>
where
    A: Send + 'static,
    B: Send + 'static,
    E: Into<NodeError> + Send + 'static,
    F: Fn(A) -> Result<B, E> + Send + Sync + 'static,
{
    type Item = A;
    type Passing = ByValue;
    const NAME: &'static str = "input";
    const ROUTING: Routing = Routing::Deal;
}

impl<A, B, E, F, E0, E1> Receive<0, ToOutAndErrors<E0, E1>> for TryMap<A, B, E, F>
where
    A: Send + 'static,
    B: Send + 'static,
    E: Into<NodeError> + Send + 'static,
    F: Fn(A) -> Result<B, E> + Send + Sync + 'static,
    E0: Emit<B>,
    E1: Emit<E>,
{
    #[inline(always)]
    fn receive(
        &self,
        (): &mut (),
        item: A,
        out: &mut Outlet<'_, (), ToOutAndErrors<E0, E1>>,
    ) -> NodeResult {
        out.to.send(out.cx, (self.f)(item)).map_err(Into::into)
    }
}

impl<A, B, E, F, E0, E1> Lifecycle<ToOutAndErrors<E0, E1>> for TryMap<A, B, E, F>
where
    A: Send + 'static,
    B: Send + 'static,
    E: Into<NodeError> + Send + 'static,
    F: Fn(A) -> Result<B, E> + Send + Sync + 'static,
    E0: Emit<B>,
    E1: Emit<E>,
{
}

/// Turns each record into what `f` returns for it: results go to `out`, errors to `errors`. Where
/// `errors` is not connected an error fails the record; it is never dropped.
///
/// ```
/// use streamweave::nodes::{from_iter, try_map};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     words: from_iter(["1", "x", "3"]),
///     parse: try_map(|word: &str| word.parse::<u64>()),
///     words.out => parse.input,
///     parse.out => graph.numbers,
///     parse.errors => graph.errors,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// let numbers: Vec<_> = std::iter::from_fn(|| run.outputs.numbers.try_recv()).collect();
/// assert_eq!(numbers, [1, 3]);
/// assert!(run.outputs.errors.try_recv().is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn try_map<A, B, E, F>(f: F) -> TryMap<A, B, E, F>
where
    A: Send + 'static,
    B: Send + 'static,
    E: Into<NodeError> + Send + 'static,
    F: Fn(A) -> Result<B, E> + Send + Sync + 'static,
{
    TryMap { f, items: PhantomData }
}
