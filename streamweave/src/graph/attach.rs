//! How a node is joined to what feeds it: as its kind says.

use std::fmt;
use std::sync::Arc;

use crate::engine::share::Share;
use crate::engine::{
    AnyInstance, AsyncRoot, Control, Cx, DriveAsync, DriveInlets, Exchange, Flush, Fused, Instance,
    Outbox, Phase, PopInlets, PortInlets, Stage,
};
use crate::graph::builder::{GraphBuilder, Incoming, on_worker};
use crate::graph::planned::{CallStage, SerialStage, SourceStage, SyncStage};
use crate::graph::port_list::{EdgeList, EdgeOptions, EdgeTo};
use crate::graph::wide::Wide;
use crate::node::{
    Call, Emit, Emitters, InputPort, Lifecycle, LifecycleAsync, Nested, Node, Part, Receive,
    ReceiveAsync, Routing, Source, kind,
};

/// Joins a node to the one edge that leads to its input `P`.
pub trait Attach<const P: usize, O, Kind>: InputPort<P> {
    /// What the node before it emits into.
    type Emitter: Emit<Self::Item>;
    /// Attaches the node at `path`.
    fn attach(
        self,
        builder: &mut GraphBuilder,
        path: Arc<str>,
        edge: EdgeOptions<Self::Item>,
        out: O,
    ) -> Self::Emitter;
}

impl<N, const P: usize, O> Attach<P, O, kind::Fused> for N
where
    N: Receive<P, O> + Lifecycle<O>,
    O: Emitters,
{
    type Emitter = Fused<N, P, O>;
    fn attach(
        self,
        builder: &mut GraphBuilder,
        path: Arc<str>,
        _: EdgeOptions<N::Item>,
        out: O,
    ) -> Self::Emitter {
        Fused::new(builder.instance(Arc::new(self), &path, out))
    }
}

impl<N, const P: usize, O> Attach<P, O, kind::Serial> for N
where
    N: ReceiveAsync<P, O> + LifecycleAsync<O>,
    O: Emitters,
{
    type Emitter = Outbox<N::Item>;
    fn attach(
        self,
        builder: &mut GraphBuilder,
        path: Arc<str>,
        edge: EdgeOptions<N::Item>,
        out: O,
    ) -> Self::Emitter {
        let (outbox, inlet) = builder.channel(&path, N::NAME, edge);
        let inlets = PortInlets::<N, P, ()> { inlets: vec![inlet], rest: () };
        let root = AsyncRoot(builder.instance(Arc::new(self), &path, out));
        builder.plan(path, SerialStage(Stage { root, inlets }));
        outbox
    }
}

impl<N, O> Attach<0, O, kind::Concurrent> for N
where
    N: Call<O> + Lifecycle<O>,
    O: Emitters,
{
    type Emitter = Outbox<N::Item>;
    fn attach(
        self,
        builder: &mut GraphBuilder,
        path: Arc<str>,
        edge: EdgeOptions<N::Item>,
        out: O,
    ) -> Self::Emitter {
        let (outbox, inlet) = builder.channel(&path, N::NAME, edge);
        let inlets = PortInlets::<N, 0, ()> { inlets: vec![inlet], rest: () };
        let root = builder.instance(Arc::new(self), &path, out);
        builder.plan(path, CallStage(Stage { root, inlets }));
        outbox
    }
}

impl<N, const P: usize, O> Attach<P, O, kind::Nested> for N
where
    N: Nested<O> + InputPort<P>,
    O: Emitters,
{
    type Emitter = Outbox<N::Item>;
    fn attach(
        self,
        builder: &mut GraphBuilder,
        path: Arc<str>,
        edge: EdgeOptions<N::Item>,
        mut out: O,
    ) -> Self::Emitter {
        builder.name_outputs::<N>(&path, &mut out);
        let (outbox, inlet) = builder.channel::<N::Item>(&path, N::NAME, edge);
        let mut incoming = Incoming::default();
        incoming.add(P, Box::new(inlet));
        builder.nested(&path, |builder| self.build(builder, out, incoming));
        outbox
    }
}

/// Joins a node that heads its own stage to a list of edges.
pub trait AttachMany<L: EdgeList<Self>, O, Kind>: Node {
    /// Attaches the node at `path`.
    fn attach_many(
        self,
        builder: &mut GraphBuilder,
        path: Arc<str>,
        edges: L,
        out: O,
    ) -> L::Outboxes;
}

impl<N, L, O> AttachMany<L, O, kind::Fused> for N
where
    N: Lifecycle<O>,
    O: Emitters,
    L: EdgeList<N>,
    L::Inlets: DriveInlets<Instance<N, O>>,
{
    fn attach_many(
        self,
        builder: &mut GraphBuilder,
        path: Arc<str>,
        edges: L,
        out: O,
    ) -> L::Outboxes {
        let (inlets, outboxes) = edges.open(builder, &path);
        let root = builder.instance(Arc::new(self), &path, out);
        builder.plan(path, SyncStage(Stage { root, inlets }));
        outboxes
    }
}

impl<N, L, O> AttachMany<L, O, kind::Serial> for N
where
    N: LifecycleAsync<O>,
    O: Emitters,
    L: EdgeList<N>,
    L::Inlets: DriveAsync<N, O>,
{
    fn attach_many(
        self,
        builder: &mut GraphBuilder,
        path: Arc<str>,
        edges: L,
        out: O,
    ) -> L::Outboxes {
        let (inlets, outboxes) = edges.open(builder, &path);
        let root = AsyncRoot(builder.instance(Arc::new(self), &path, out));
        builder.plan(path, SerialStage(Stage { root, inlets }));
        outboxes
    }
}

impl<N, L, O> AttachMany<L, O, kind::Concurrent> for N
where
    N: Call<O> + Lifecycle<O>,
    O: Emitters,
    L: EdgeList<N>,
    L::Inlets: PopInlets<<N as InputPort<0>>::Item>,
{
    fn attach_many(
        self,
        builder: &mut GraphBuilder,
        path: Arc<str>,
        edges: L,
        out: O,
    ) -> L::Outboxes {
        let (inlets, outboxes) = edges.open(builder, &path);
        let root = builder.instance(Arc::new(self), &path, out);
        builder.plan(path, CallStage(Stage { root, inlets }));
        outboxes
    }
}

impl<N, L, O> AttachMany<L, O, kind::Nested> for N
where
    N: Nested<O>,
    L: EdgeList<N>,
    O: Emitters,
{
    fn attach_many(
        self,
        builder: &mut GraphBuilder,
        path: Arc<str>,
        edges: L,
        mut out: O,
    ) -> L::Outboxes {
        builder.name_outputs::<N>(&path, &mut out);
        let (inlets, outboxes) = edges.open(builder, &path);
        let incoming = Incoming::of(inlets);
        builder.nested(&path, |builder| self.build(builder, out, incoming));
        outboxes
    }
}

/// Adds a node that no edge leads to.
pub trait AttachRoot<O, Kind>: Node {
    /// Attaches the node at `path`.
    fn attach_root(self, builder: &mut GraphBuilder, path: Arc<str>, out: O);
}

impl<N, O> AttachRoot<O, kind::Source> for N
where
    N: Source<O> + Lifecycle<O>,
    O: Emitters,
{
    fn attach_root(self, builder: &mut GraphBuilder, path: Arc<str>, out: O) {
        let instance = builder.instance(Arc::new(self), &path, out);
        builder.plan(path, SourceStage(instance));
    }
}

macro_rules! attach_root {
    ($($kind:ident)*) => {$(
        impl<N, O> AttachRoot<O, kind::$kind> for N
        where
            N: AttachMany<(), O, kind::$kind>,
        {
            fn attach_root(self, builder: &mut GraphBuilder, path: Arc<str>, out: O) {
                self.attach_many(builder, path, (), out);
            }
        }
    )*};
}
attach_root!(Fused Serial Concurrent Nested);

/// Joins a node of a region of workers to the one edge, from the same region, that leads to its
/// input `P`.
pub trait AttachWide<const P: usize, O, Kind>: InputPort<P> {
    /// What each worker's instance of the node before it emits into.
    type Emitter: Emit<Self::Item>;
    /// Attaches one instance a worker.
    fn attach_wide(
        self: Arc<Self>,
        builder: &mut GraphBuilder,
        path: Arc<str>,
        edge: EdgeOptions<Self::Item>,
        out: Wide<O>,
    ) -> Wide<Self::Emitter>;
}

/// The edge to input `P` from the same region.
fn region_edge<N: InputPort<P>, const P: usize>(
    edge: EdgeOptions<N::Item>,
) -> EdgeTo<N, P, N::Item> {
    let to = crate::node::In::<N, P, N::Item>::NEW.edge();
    to.codec(edge.codec).copy(edge.copy).from_region()
}

impl<N, const P: usize, O> AttachWide<P, O, kind::Fused> for N
where
    N: Receive<P, O> + Lifecycle<O>,
    O: Emitters,
{
    type Emitter = Joined<N, P, O>;
    fn attach_wide(
        self: Arc<Self>,
        builder: &mut GraphBuilder,
        path: Arc<str>,
        edge: EdgeOptions<Self::Item>,
        out: Wide<O>,
    ) -> Wide<Joined<N, P, O>> {
        if N::ROUTING == Routing::Deal {
            let mut worker = 0;
            return out.map(|out| {
                worker += 1;
                let path = on_worker(&path, worker - 1);
                Joined::Fused(Fused::new(builder.instance(Arc::clone(&self), &path, out)))
            });
        }
        let edges = (region_edge::<N, P>(edge), ());
        let (exchanges, ()) =
            AttachManyWide::<_, O, kind::Fused>::attach_many_wide(self, builder, path, edges, out);
        exchanges.map(Joined::Exchange)
    }
}

impl<N, const P: usize, O> AttachWide<P, O, kind::Serial> for N
where
    N: ReceiveAsync<P, O> + LifecycleAsync<O>,
    O: Emitters,
{
    type Emitter = Exchange<N, P>;
    fn attach_wide(
        self: Arc<Self>,
        builder: &mut GraphBuilder,
        path: Arc<str>,
        edge: EdgeOptions<Self::Item>,
        out: Wide<O>,
    ) -> Wide<Exchange<N, P>> {
        let edges = (region_edge::<N, P>(edge), ());
        AttachManyWide::<_, O, kind::Serial>::attach_many_wide(self, builder, path, edges, out).0
    }
}

impl<N, O> AttachWide<0, O, kind::Concurrent> for N
where
    N: Call<O> + Lifecycle<O>,
    O: Emitters,
{
    type Emitter = Exchange<N, 0>;
    fn attach_wide(
        self: Arc<Self>,
        builder: &mut GraphBuilder,
        path: Arc<str>,
        edge: EdgeOptions<Self::Item>,
        out: Wide<O>,
    ) -> Wide<Exchange<N, 0>> {
        let edges = (region_edge::<N, 0>(edge), ());
        AttachManyWide::<_, O, kind::Concurrent>::attach_many_wide(self, builder, path, edges, out)
            .0
    }
}

impl<N, const P: usize, O> AttachWide<P, O, kind::Nested> for N
where
    N: Nested<O> + InputPort<P>,
    O: Emitters,
{
    type Emitter = Exchange<N, P>;
    fn attach_wide(
        self: Arc<Self>,
        builder: &mut GraphBuilder,
        path: Arc<str>,
        edge: EdgeOptions<Self::Item>,
        out: Wide<O>,
    ) -> Wide<Exchange<N, P>> {
        let edges = (region_edge::<N, P>(edge), ());
        AttachManyWide::<_, O, kind::Nested>::attach_many_wide(self, builder, path, edges, out).0
    }
}

impl<N, L, O> AttachManyWide<L, O, kind::Nested> for N
where
    N: Nested<O>,
    L: EdgeList<N>,
    O: Emitters,
{
    fn attach_many_wide(
        self: Arc<Self>,
        builder: &mut GraphBuilder,
        path: Arc<str>,
        edges: L,
        mut out: Wide<O>,
    ) -> L::Exchanges {
        for (worker, out) in out.0.iter_mut().enumerate() {
            builder.name_outputs::<N>(&on_worker(&path, worker), out);
        }
        let (inlets, exchanges) = edges.open_wide(builder, &path, out.workers());
        let incoming = Wide::new(inlets).map(Incoming::of);
        // Nobody else has it.
        if let Ok(graph) = Arc::try_unwrap(self) {
            builder.nested(&path, |builder| graph.build_wide(builder, out, incoming));
        }
        exchanges
    }
}

/// Adds a node of a region of workers that no edge leads to.
pub trait AttachRootWide<O, Kind>: Node {
    /// Attaches one instance a worker.
    fn attach_root_wide(self, builder: &mut GraphBuilder, path: Arc<str>, out: Wide<O>);
}

/// Divided by its splits, if it has some. Otherwise it is refused when the graph starts: each worker would read
/// all of it.
impl<N, O> AttachRootWide<O, kind::Source> for N
where
    N: Source<O> + Lifecycle<O>,
    O: Emitters,
{
    fn attach_root_wide(self, builder: &mut GraphBuilder, path: Arc<str>, out: Wide<O>) {
        let Some(splits) = self.splits() else { return builder.refuse_source(&path) };
        let (node, shares) = (Arc::new(self), Share::divide(splits, out.workers()));
        for (worker, (out, share)) in out.0.into_iter().zip(shares).enumerate() {
            let path = on_worker(&path, worker);
            let mut instance = builder.instance(Arc::clone(&node), &path, out);
            instance.share = Some(share);
            builder.plan(path, SourceStage(instance));
        }
    }
}

macro_rules! attach_root_wide {
    ($($kind:ident)*) => {$(
        impl<N, O> AttachRootWide<O, kind::$kind> for N
        where
            N: AttachManyWide<(), O, kind::$kind>,
        {
            fn attach_root_wide(self, builder: &mut GraphBuilder, path: Arc<str>, out: Wide<O>) {
                Arc::new(self).attach_many_wide(builder, path, (), out);
            }
        }
    )*};
}
attach_root_wide!(Fused Serial Concurrent Nested);

/// Joins a node of a region of workers, whose instances head their own stages, to a list of edges.
pub trait AttachManyWide<L: EdgeList<Self>, O, Kind>: Node {
    /// Attaches one instance a worker.
    fn attach_many_wide(
        self: Arc<Self>,
        builder: &mut GraphBuilder,
        path: Arc<str>,
        edges: L,
        out: Wide<O>,
    ) -> L::Exchanges;
}

macro_rules! attach_many_wide {
    ($kind:ident, $stage:ident, $root:expr, [$($bounds:tt)*]) => {
        impl<N, L, O> AttachManyWide<L, O, kind::$kind> for N
        where
            O: Emitters,
            L: EdgeList<N>,
            $($bounds)*
        {
            fn attach_many_wide(
                self: Arc<Self>,
                builder: &mut GraphBuilder,
                path: Arc<str>,
                edges: L,
                out: Wide<O>,
            ) -> L::Exchanges {
                let (inlets, exchanges) = edges.open_wide(builder, &path, out.0.len());
                for (worker, (out, inlets)) in out.0.into_iter().zip(inlets).enumerate() {
                    let path = on_worker(&path, worker);
                    let root = $root(builder.instance(Arc::clone(&self), &path, out));
                    builder.plan(path, $stage(Stage { root, inlets }));
                }
                exchanges
            }
        }
    };
}

attach_many_wide!(Fused, SyncStage, std::convert::identity, [
    N: Lifecycle<O>, L::Inlets: DriveInlets<Instance<N, O>>,
]);
attach_many_wide!(Serial, SerialStage, AsyncRoot, [
    N: LifecycleAsync<O>, L::Inlets: DriveAsync<N, O>,
]);
attach_many_wide!(Concurrent, CallStage, std::convert::identity, [
    N: Call<O> + Lifecycle<O>, L::Inlets: PopInlets<<N as InputPort<0>>::Item>,
]);

/// A node of a region of workers as the node before it sees it: fused into it where its input
/// takes records as they come, behind an exchange where they go by key or to all. Which of both
/// is decided by the input's type, so the choice costs nothing.
#[allow(clippy::large_enum_variant, reason = "one for each edge of a worker, never moved")]
pub enum Joined<N: InputPort<P>, const P: usize, O> {
    /// Called directly.
    Fused(Fused<N, P, O>),
    /// Behind an exchange.
    Exchange(Exchange<N, P>),
}

impl<N: InputPort<P>, const P: usize, O> fmt::Debug for Joined<N, P, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Joined")
    }
}

macro_rules! either {
    ($self:ident, $part:ident => $call:expr) => {
        match $self {
            Joined::Fused($part) => $call,
            Joined::Exchange($part) => $call,
        }
    };
}

impl<N, const P: usize, O> Part for Joined<N, P, O>
where
    N: InputPort<P> + Lifecycle<O>,
    O: Emitters,
{
    #[inline(always)]
    fn begin(&mut self) {
        either!(self, part => part.begin());
    }
    fn rollback(&mut self) {
        either!(self, part => part.rollback());
    }
    fn advance(&mut self, cx: &mut Cx, phase: Phase) -> bool {
        either!(self, part => part.advance(cx, phase))
    }
    fn deadline(&mut self) -> Option<i64> {
        either!(self, part => part.deadline())
    }
    fn control(&mut self, control: &Control) {
        either!(self, part => part.control(control));
    }
    fn pump(&mut self, cx: &mut Cx) -> bool {
        either!(self, part => part.pump(cx))
    }
    fn flush(&mut self, flush: &mut Flush<'_, '_>) -> bool {
        either!(self, part => part.flush(flush))
    }
    fn accepted(&mut self) -> u64 {
        either!(self, part => part.accepted())
    }
    fn set_sender(&mut self, node: &Arc<str>, output: &str) {
        either!(self, part => part.set_sender(node, output));
    }
    fn outlets(&mut self, each: &mut dyn FnMut(u64)) {
        either!(self, part => part.outlets(each));
    }
    fn is_wanted(&mut self) -> bool {
        either!(self, part => part.is_wanted())
    }
    fn visit(&mut self, visit: &mut dyn FnMut(&mut dyn AnyInstance)) {
        either!(self, part => part.visit(visit));
    }
}

impl<N, const P: usize, O> Emit<N::Item> for Joined<N, P, O>
where
    N: Receive<P, O> + Lifecycle<O>,
    O: Emitters,
{
    const LENDS: bool = match N::ROUTING {
        Routing::Deal => <Fused<N, P, O> as Emit<N::Item>>::LENDS,
        Routing::ByKey | Routing::Broadcast => false,
    };
    #[inline(always)]
    fn emit(&mut self, cx: &mut Cx, item: N::Item) {
        either!(self, part => part.emit(cx, item));
    }
    #[inline(always)]
    fn lend(&mut self, cx: &mut Cx, item: &N::Item) {
        either!(self, part => part.lend(cx, item));
    }
}
