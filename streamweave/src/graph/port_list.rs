//! The edges that lead to a node which heads its stage, as a list of types.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::engine::{Capacity, Exchange, Inlet, Inlets, Letter, Outbox, PortInlets};
use crate::graph::builder::GraphBuilder;
use crate::graph::check::Handling;
use crate::graph::wide::Wide;
use crate::node::{About, In, InputPort, Node, Routing};
use crate::state::Codec;

/// An edge to port `P` of node `N`.
pub struct EdgeTo<N, const P: usize, T> {
    pub(crate) port: In<N, P, T>,
    pub(crate) capacity: Option<Capacity>,
    pub(crate) codec: Option<Codec<T>>,
    pub(crate) copy: Option<fn(&T) -> T>,
    pub(crate) severable: bool,
    /// The instances that send, where the node runs on workers: see [`EdgeTo::from_region`].
    pub(crate) from: Origin,
}

impl<N, const P: usize, T> fmt::Debug for EdgeTo<N, P, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EdgeTo({:?})", self.port)
    }
}

/// Where an edge to a node on workers comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// From outside the region: this many senders.
    Outside(usize),
    /// From the same region: each worker's instance sends to its own, unless it goes by key.
    Inside,
}

impl<N, const P: usize, T> In<N, P, T> {
    /// An edge to this port.
    pub fn edge(self) -> EdgeTo<N, P, T> {
        let (capacity, codec, copy, severable) = Default::default();
        EdgeTo { port: self, capacity, codec, copy, severable, from: Origin::Outside(1) }
    }
}

/// What is said of an edge, for records of type `I`.
#[derive(Debug)]
pub struct EdgeOptions<I> {
    pub(crate) capacity: Option<Capacity>,
    pub(crate) codec: Option<Codec<I>>,
    pub(crate) copy: Option<fn(&I) -> I>,
    pub(crate) letter: Option<fn(I, About) -> Option<Letter>>,
    pub(crate) severable: bool,
}

impl<I> Default for EdgeOptions<I> {
    fn default() -> Self {
        let (capacity, codec, copy, letter, severable) = Default::default();
        EdgeOptions { capacity, codec, copy, letter, severable }
    }
}

impl<I> Clone for EdgeOptions<I> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<I> Copy for EdgeOptions<I> {}

impl<N, const P: usize, T> EdgeTo<N, P, T> {
    /// What was said; `I` is `T` in every graph that compiles.
    pub(crate) fn options<I: 'static>(&self) -> EdgeOptions<I>
    where
        T: 'static,
    {
        let (codec, copy): (&dyn Any, &dyn Any) = (&self.codec, &self.copy);
        let codec = codec.downcast_ref::<Option<Codec<I>>>().copied().flatten();
        let copy = copy.downcast_ref::<Option<fn(&I) -> I>>().copied().flatten();
        let EdgeTo { capacity, severable, .. } = *self;
        EdgeOptions { capacity, codec, copy, letter: None, severable }
    }

    /// As [`EdgeTo::options`], for an inlet of the node that may have to keep records.
    pub(crate) fn options_at(&self) -> EdgeOptions<N::Item>
    where
        N: InputPort<P>,
        T: 'static,
    {
        EdgeOptions { letter: Some(N::letter), ..self.options() }
    }

    /// Bounds what may wait on this edge to `records`.
    pub fn buffer(mut self, records: usize) -> Self {
        self.capacity = Some(Capacity::records(records));
        self
    }

    /// Where what is at one end of the edge fails for good, what is at the other goes on: see
    /// [`EdgeSpec::severable`](crate::graph::EdgeSpec::severable).
    pub fn severable(mut self) -> Self {
        self.severable = true;
        self
    }

    /// Says how records are written to a file when one unit sends more than fits into memory.
    pub fn codec(mut self, codec: Option<Codec<T>>) -> Self {
        self.codec = codec;
        self
    }

    /// Says how records are copied, to be tried again after a failure.
    pub fn copy(mut self, copy: Option<fn(&T) -> T>) -> Self {
        self.copy = copy;
        self
    }

    /// Both, as found by the type of the port.
    pub fn handled(self, handling: Handling<T>) -> Self {
        self.codec(handling.codec).copy(handling.copy)
    }

    /// The edge comes from a node that runs on `workers` workers.
    pub fn from_workers(mut self, workers: usize) -> Self {
        self.from = Origin::Outside(workers);
        self
    }

    /// The edge comes from a node of the same region of workers.
    pub fn from_region(mut self) -> Self {
        self.from = Origin::Inside;
        self
    }
}

/// An edge to port `P` of one instance of node `N`, from several instances of another.
pub struct Gather<N, const P: usize, T> {
    edge: EdgeTo<N, P, T>,
    senders: usize,
}

impl<N, const P: usize, T> fmt::Debug for Gather<N, P, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gather({:?}, {} senders)", self.edge, self.senders)
    }
}

impl<N, const P: usize, T> EdgeTo<N, P, T> {
    /// The edge comes from a node on `senders` workers and leads to one instance.
    pub fn gather(self, senders: usize) -> Gather<N, P, T> {
        Gather { edge: self, senders: senders.max(1) }
    }
}

/// The receiving end of a feedback edge: see
/// [`GraphBuilder::feedback`](crate::graph::GraphBuilder::feedback).
///
/// One list of inlets for each instance of the node.
pub struct Loopback<N: InputPort<P>, const P: usize>(pub(crate) Vec<Vec<Inlet<N::Item>>>);

impl<N: InputPort<P>, const P: usize> fmt::Debug for Loopback<N, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Loopback({} instances)", self.0.len())
    }
}

/// A list of edges to node `N`: `(edge, rest)`, or `()`.
pub trait EdgeList<N: Node> {
    /// The receiving ends.
    #[doc(hidden)]
    type Inlets: Inlets;
    /// The sending ends, where each edge has one sender.
    type Outboxes;
    /// The sending ends of a node on several workers: for each edge, one a sender.
    type Exchanges;

    /// Opens one channel an edge.
    #[doc(hidden)]
    fn open(self, builder: &mut GraphBuilder, path: &Arc<str>) -> (Self::Inlets, Self::Outboxes);
    /// Opens the channels to `workers` instances.
    #[doc(hidden)]
    fn open_wide(
        self,
        builder: &mut GraphBuilder,
        path: &Arc<str>,
        workers: usize,
    ) -> (Vec<Self::Inlets>, Self::Exchanges);
}

impl<N: Node> EdgeList<N> for () {
    type Inlets = ();
    type Outboxes = ();
    type Exchanges = ();
    fn open(self, _: &mut GraphBuilder, _: &Arc<str>) -> ((), ()) {
        ((), ())
    }
    fn open_wide(self, _: &mut GraphBuilder, _: &Arc<str>, workers: usize) -> (Vec<()>, ()) {
        (vec![(); workers], ())
    }
}

impl<N, const P: usize, T: 'static, Rest> EdgeList<N> for (EdgeTo<N, P, T>, Rest)
where
    N: InputPort<P>,
    Rest: EdgeList<N>,
{
    type Inlets = PortInlets<N, P, Rest::Inlets>;
    type Outboxes = (Outbox<N::Item>, Rest::Outboxes);
    type Exchanges = (Wide<Exchange<N, P>>, Rest::Exchanges);

    fn open(self, builder: &mut GraphBuilder, path: &Arc<str>) -> (Self::Inlets, Self::Outboxes) {
        let (outbox, inlet) = builder.channel::<N::Item>(path, N::NAME, self.0.options_at());
        let (rest, outboxes) = self.1.open(builder, path);
        (PortInlets { inlets: vec![inlet], rest }, (outbox, outboxes))
    }

    fn open_wide(
        self,
        builder: &mut GraphBuilder,
        path: &Arc<str>,
        workers: usize,
    ) -> (Vec<Self::Inlets>, Self::Exchanges) {
        let options = self.0.options_at();
        let one_to_one = self.0.from == Origin::Inside && N::ROUTING == Routing::Deal;
        let senders = match self.0.from {
            Origin::Outside(senders) => senders,
            Origin::Inside => workers,
        };
        let mut inlets: Vec<Vec<Inlet<N::Item>>> = (0..workers).map(|_| Vec::new()).collect();
        let mut exchanges = Vec::with_capacity(senders);
        for sender in 0..senders {
            let mut targets = Vec::new();
            for (worker, inlets) in inlets.iter_mut().enumerate() {
                if one_to_one && worker != sender {
                    continue;
                }
                let (outbox, inlet) = builder.channel::<N::Item>(path, N::NAME, options);
                inlets.push(inlet);
                targets.push(outbox);
            }
            exchanges.push(builder.exchange(targets, workers, sender, options.capacity));
        }
        let (rests, others) = self.1.open_wide(builder, path, workers);
        let inlets = inlets
            .into_iter()
            .zip(rests)
            .map(|(inlets, rest)| PortInlets { inlets, rest })
            .collect();
        (inlets, (Wide::new(exchanges), others))
    }
}

impl<N, const P: usize, T: 'static, Rest> EdgeList<N> for (Gather<N, P, T>, Rest)
where
    N: InputPort<P>,
    Rest: EdgeList<N>,
{
    type Inlets = PortInlets<N, P, Rest::Inlets>;
    type Outboxes = (Wide<Outbox<N::Item>>, Rest::Outboxes);
    type Exchanges = (Wide<Exchange<N, P>>, Rest::Exchanges);

    fn open(self, builder: &mut GraphBuilder, path: &Arc<str>) -> (Self::Inlets, Self::Outboxes) {
        let options = self.0.edge.options_at();
        let (outboxes, inlets) =
            (0..self.0.senders).map(|_| builder.channel::<N::Item>(path, N::NAME, options)).unzip();
        let (rest, others) = self.1.open(builder, path);
        (PortInlets { inlets, rest }, (Wide::new(outboxes), others))
    }

    fn open_wide(
        self,
        builder: &mut GraphBuilder,
        path: &Arc<str>,
        workers: usize,
    ) -> (Vec<Self::Inlets>, Self::Exchanges) {
        (self.0.edge.from_workers(self.0.senders), self.1).open_wide(builder, path, workers)
    }
}

impl<N, const P: usize, Rest> EdgeList<N> for (Loopback<N, P>, Rest)
where
    N: InputPort<P>,
    Rest: EdgeList<N>,
{
    type Inlets = PortInlets<N, P, Rest::Inlets>;
    type Outboxes = ((), Rest::Outboxes);
    type Exchanges = ((), Rest::Exchanges);

    fn open(self, builder: &mut GraphBuilder, path: &Arc<str>) -> (Self::Inlets, Self::Outboxes) {
        let (rest, others) = self.1.open(builder, path);
        (PortInlets { inlets: self.0.0.into_iter().flatten().collect(), rest }, ((), others))
    }

    fn open_wide(
        self,
        builder: &mut GraphBuilder,
        path: &Arc<str>,
        workers: usize,
    ) -> (Vec<Self::Inlets>, Self::Exchanges) {
        let (rests, others) = self.1.open_wide(builder, path, workers);
        let mut inlets = self.0.0.into_iter();
        let inlets = rests
            .into_iter()
            .map(|rest| PortInlets { inlets: inlets.next().unwrap_or_default(), rest })
            .collect();
        (inlets, ((), others))
    }
}
