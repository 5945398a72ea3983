//! The typed builder: what `graph!` expands to, and what a program can do by hand.
//!
//! Nodes are attached from the sinks to the sources: each gets the emitters of what comes after
//! it, and gives back the emitter that what comes before it needs.

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use crate::engine::{
    Bound, Capacity, Counters, Cut, Edge, EdgeCounters, Exchange, FeedbackEdge, Inlet, Inlets,
    Instance, Letterbox, LettersTo, Mailbox, NodeCounters, Outbox, Routes, Stage, StageCounters,
    Tray, channel,
};
use crate::graph::attach::{
    Attach, AttachMany, AttachManyWide, AttachRoot, AttachRootWide, AttachWide,
};
use crate::graph::flow::{NodeTiming, base, input_place, output_place};
use crate::graph::graph::Graph;
use crate::graph::guarantees::End;
use crate::graph::handles::{Input, Output, OutputMerge};
use crate::graph::planned::{Planned, PlannedStage, SourceStage, SyncStage};
use crate::graph::port_list::{EdgeList, EdgeOptions, EdgeTo, Loopback};
use crate::graph::spec::{GraphSpec, GroupSpec, NodeSpec};
use crate::graph::wide::Wide;
use crate::node::{
    DeadLetter, EachPart, Emit, Emitters, In, InputPort, Lifecycle, Node, Out, OutputDescriptor,
    Part, Source,
};
use crate::state::Codec;
use crate::supervision::{Strategy, SupervisionPolicy};

/// Builds a graph, from its sinks to its sources.
pub struct GraphBuilder {
    pub(crate) name: String,
    prefix: String,
    pub(crate) planned: Vec<Planned>,
    pub(crate) counters: Counters,
    pub(crate) edges: Vec<Arc<dyn Edge>>,
    capacity: Capacity,
    pub(crate) undo: bool,
    pub(crate) spec: GraphSpec,
    /// What takes the dead letters of the instances that are still to be attached, by path.
    letters: BTreeMap<Arc<str>, VecDeque<Box<dyn Letterbox>>>,
    pub(crate) refusals: Vec<String>,
    pub(crate) timings: Vec<NodeTiming>,
    /// The nodes that records come from, and end at.
    pub(crate) ends: Vec<(Arc<str>, End)>,
    /// The feedback edges.
    pub(crate) cuts: Vec<FeedbackEdge>,
    /// The edges that what is at one end of them goes on without.
    pub(crate) severable: Vec<u64>,
    /// The edges of the graph's own inputs.
    pub(crate) input_edges: Vec<Arc<dyn Edge>>,
    /// The outputs that lead nowhere, and are not declared so.
    pub(crate) unread: Vec<String>,
    /// The graph's outputs, which learn when it starts how their edges become one.
    pub(crate) output_merges: Vec<OutputMerge>,
}

impl fmt::Debug for GraphBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GraphBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}

impl GraphBuilder {
    /// An empty graph called `name`.
    pub fn new(name: impl Into<String>) -> Self {
        GraphBuilder {
            name: name.into(),
            prefix: String::new(),
            planned: Vec::new(),
            counters: Counters::default(),
            edges: Vec::new(),
            capacity: Capacity::default(),
            undo: false,
            spec: GraphSpec::default(),
            letters: BTreeMap::new(),
            refusals: Vec::new(),
            timings: Vec::new(),
            ends: Vec::new(),
            cuts: Vec::new(),
            severable: Vec::new(),
            input_edges: Vec::new(),
            unread: Vec::new(),
            output_merges: Vec::new(),
        }
    }

    /// How much may wait on each edge that does not say so itself.
    pub fn set_capacity(&mut self, capacity: Capacity) {
        self.capacity = capacity;
    }

    /// Logs changes of state, so that a failed unit is undone exactly. On by itself where a
    /// policy keeps state after a failure.
    pub fn set_undo(&mut self, on: bool) {
        self.undo = on;
    }

    /// What the graph says about itself: nodes, edges, groups and policies. Nested graphs add
    /// theirs to it, under their own path.
    pub fn set_spec(&mut self, mut spec: GraphSpec) {
        self.undo |= spec.is_supervised();
        spec.prefix(&self.prefix);
        self.refusals.extend(spec.refuses());
        self.spec.nodes.extend(spec.nodes);
        self.spec.edges.extend(spec.edges);
        self.spec.groups.extend(spec.groups);
    }

    /// Attaches a node that has one incoming edge: fused into what feeds it where it can be.
    pub fn attach<N, const P: usize, T: 'static, O>(
        &mut self,
        node: N,
        path: &str,
        edge: EdgeTo<N, P, T>,
        out: O,
    ) -> N::Emitter
    where
        N: Node + Attach<P, O, <N as Node>::Kind>,
    {
        let path = self.path(path);
        node.attach(self, path, edge.options(), out)
    }

    /// Attaches a node that heads its own stage, with an inlet for each of `edges`:
    /// `(port.edge(), (other.edge(), ()))`.
    pub fn attach_many<N, L, O>(&mut self, node: N, path: &str, edges: L, out: O) -> L::Outboxes
    where
        N: Node + AttachMany<L, O, <N as Node>::Kind>,
        L: EdgeList<N>,
    {
        let path = self.path(path);
        node.attach_many(self, path, edges, out)
    }

    /// Attaches a node that no edge leads to: a source, or a node whose inputs may stay
    /// unconnected.
    pub fn root<N, O>(&mut self, node: N, path: &str, out: O)
    where
        N: Node + AttachRoot<O, <N as Node>::Kind>,
    {
        let path = self.path(path);
        node.attach_root(self, path, out);
    }

    /// As [`GraphBuilder::root`], for a node of a region of workers.
    pub fn root_wide<N, O>(&mut self, node: N, path: &str, out: Wide<O>)
    where
        N: Node + AttachRootWide<O, <N as Node>::Kind>,
    {
        let path = self.path(path);
        node.attach_root_wide(self, path, out);
    }

    /// Where the dead letters of the node at `path` go, which is attached next; on workers, those of
    /// its next instance.
    pub fn dead_letters<N, T, E>(&mut self, path: &str, _: Out<N, DeadLetter<T>>, emitter: E)
    where
        T: Send + 'static,
        E: Emit<DeadLetter<T>>,
    {
        let letters = Box::new(LettersTo::<T, E>::new(emitter));
        self.letters.entry(self.path(path)).or_default().push_back(letters);
    }

    /// Says what happens when a unit of the node at `path` fails. It must head its own stage
    /// ([`GraphBuilder::attach_many`]), and so must what it feeds; of a nested graph it is said before that is
    /// attached.
    pub fn set_supervision(&mut self, path: &str, policy: SupervisionPolicy) {
        let path = self.path(path).to_string();
        self.spec.nodes.push(NodeSpec { path, policy, ..NodeSpec::default() });
        self.undo = true;
    }

    /// Makes a supervision unit of what is under `path`: which of its members restart when one
    /// fails, and how often. As [`GraphBuilder::set_supervision`] for each of them.
    pub fn set_supervision_group(
        &mut self,
        path: &str,
        strategy: Strategy,
        policy: SupervisionPolicy,
    ) {
        let (path, strategy) = (self.path(path).to_string(), Some(strategy));
        self.spec.groups.push(GroupSpec { path, strategy, policy, ..GroupSpec::default() });
        self.undo = true;
    }

    pub(crate) fn refuse_source(&mut self, path: &Arc<str>) {
        self.refusals.push(format!(
            "`{path}` is a source that has no splits to be divided by, so that each of several workers \
             would read all of it: take it out of `#[workers(..)]`, and let an edge lead from it to what is \
             on workers; a source of your own says by what it is divided, `#[node(source, splits = ..)]`"
        ));
    }

    /// Dead letters of what takes none.
    pub(crate) fn refuse_letters(&mut self) {
        let left = self.letters.iter().filter(|(_, letters)| !letters.is_empty());
        self.refusals.extend(left.map(|(path, _)| {
            format!(
                "`{path}` is a graph, whose records are those of the nodes in it: write \
                 `#[on_failure(dead_letter)]` there, and let the letters leave by an output"
            )
        }));
    }

    /// Attaches a node of a region of workers that has one incoming edge, from the same region.
    pub fn attach_wide<N, const P: usize, T, O>(
        &mut self,
        node: N,
        path: &str,
        edge: EdgeTo<N, P, T>,
        out: Wide<O>,
    ) -> Wide<N::Emitter>
    where
        N: Node + AttachWide<P, O, <N as Node>::Kind>,
        T: 'static,
    {
        let path = self.path(path);
        Arc::new(node).attach_wide(self, path, edge.options(), out)
    }

    /// Attaches a node of a region of workers that heads its own stages.
    pub fn attach_many_wide<N, L, O>(
        &mut self,
        node: N,
        path: &str,
        edges: L,
        out: Wide<O>,
    ) -> L::Exchanges
    where
        N: Node + AttachManyWide<L, O, <N as Node>::Kind>,
        L: EdgeList<N>,
    {
        let path = self.path(path);
        Arc::new(node).attach_many_wide(self, path, edges, out)
    }

    /// Attaches a source.
    pub fn source<N, O>(&mut self, node: N, path: &str, out: O)
    where
        N: Source<O> + Lifecycle<O>,
        O: Emitters,
    {
        let path = self.path(path);
        let instance = self.instance(Arc::new(node), &path, out);
        self.plan(path, SourceStage(instance));
    }

    /// Gives what is behind `port` a task of its own: a boundary.
    pub fn boundary<N, const P: usize, T: 'static, E>(
        &mut self,
        path: &str,
        port: In<N, P, T>,
        emitter: E,
    ) -> Outbox<N::Item>
    where
        N: InputPort<P>,
        E: Emit<N::Item>,
    {
        self.boundary_with(path, port.edge(), emitter)
    }

    /// As [`GraphBuilder::boundary`], with the bound of the edge.
    pub fn boundary_with<N, const P: usize, T: 'static, E>(
        &mut self,
        path: &str,
        edge: EdgeTo<N, P, T>,
        emitter: E,
    ) -> Outbox<N::Item>
    where
        N: InputPort<P>,
        E: Emit<N::Item>,
    {
        let path = self.path(path);
        let (outbox, inlet) = self.channel::<N::Item>(&path, N::NAME, edge.options());
        self.plan(path, SyncStage(Stage { root: emitter, inlets: vec![inlet] }));
        outbox
    }

    /// Cuts a deep chain at an edge: a stage boundary within the same task. What one unit leaves there
    /// beyond 32 MiB waits in a file, where the edge has a codec. Where a policy is over what is behind it, that
    /// has a task of its own.
    pub fn cut<N, const P: usize, T: 'static, E>(
        &mut self,
        edge: EdgeTo<N, P, T>,
        mut emitter: E,
    ) -> Tray<N::Item>
    where
        N: InputPort<P>,
        E: Emit<N::Item>,
    {
        let options: EdgeOptions<N::Item> = edge.options();
        let mut head = None;
        emitter.visit(&mut |node| {
            head.get_or_insert_with(|| Arc::clone(node.path()));
        });
        // A policy is over what heads a stage, as its inlets keep the records.
        match head.filter(|head| self.spec.supervises(base(head))) {
            Some(path) => {
                let (outbox, inlet) = self.channel::<N::Item>(&path, N::NAME, options);
                self.plan(path, SyncStage(Stage { root: emitter, inlets: vec![inlet] }));
                Tray::new(outbox)
            }
            None => Tray::new(emitter),
        }
        .codec(options.codec)
    }

    /// A feedback edge to the node at `path` with `senders` senders: made before anything else, because
    /// what it leads to comes before what it comes from.
    pub fn feedback<N, const P: usize, T: 'static>(
        &mut self,
        path: &str,
        edge: EdgeTo<N, P, T>,
        senders: usize,
        back: Back,
    ) -> (Wide<Cut<Outbox<N::Item>>>, Loopback<N, P>)
    where
        N: InputPort<P>,
    {
        let path = self.path(path);
        let (cuts, inlets) = (0..senders.max(1))
            .map(|_| {
                let (mut outbox, inlet) =
                    self.channel::<N::Item>(&path, N::NAME, edge.options_at());
                outbox.set_loop();
                (self.cut_edge(&path, outbox, back), inlet)
            })
            .unzip();
        (Wide::new(cuts), Loopback(vec![inlets]))
    }

    /// As [`GraphBuilder::feedback`], to a node of a region of `workers` workers.
    pub fn feedback_wide<N, const P: usize, T: 'static>(
        &mut self,
        path: &str,
        edge: EdgeTo<N, P, T>,
        senders: usize,
        workers: usize,
        back: Back,
    ) -> (Wide<Cut<Exchange<N, P>>>, Loopback<N, P>)
    where
        N: InputPort<P>,
    {
        let path = self.path(path);
        let options = edge.options_at();
        let mut inlets: Vec<Vec<Inlet<N::Item>>> = (0..workers).map(|_| Vec::new()).collect();
        let cuts = (0..senders.max(1)).map(|sender| {
            let targets = inlets.iter_mut().map(|inlets| {
                let (outbox, inlet) = self.channel::<N::Item>(&path, N::NAME, options);
                inlets.push(inlet);
                outbox
            });
            let targets = targets.collect();
            let mut exchange = self.exchange(targets, workers, sender, options.capacity);
            exchange.set_loop();
            self.cut_edge(&path, exchange, back)
        });
        (Wide::new(cuts.collect()), Loopback(inlets))
    }

    fn cut_edge<E: Part>(&mut self, path: &Arc<str>, mut edge: E, back: Back) -> Cut<E> {
        let mailbox = Arc::<Mailbox>::default();
        let mut channels = Vec::new();
        edge.outlets(&mut |channel| channels.push(channel));
        self.cuts.push(FeedbackEdge {
            path: Arc::clone(path),
            graph: self.prefix.clone(),
            mailbox: Arc::clone(&mailbox),
            channels,
            depth: back.depth.min(1),
        });
        Cut::new(edge, back.bound, mailbox, Arc::clone(path))
    }

    /// An input of the graph that feeds `emitter`, which leads to `port`.
    pub fn input<N, const P: usize, T: 'static, E>(
        &mut self,
        name: &str,
        edge: EdgeTo<N, P, T>,
        emitter: E,
    ) -> Input<N::Item>
    where
        N: InputPort<P>,
        E: Emit<N::Item>,
    {
        let outbox = self.boundary_with(&format!("graph.{name}"), edge, emitter);
        self.input_edge(name, outbox)
    }

    /// An input of the graph that leads to a node which heads its own stage.
    pub fn input_edge<T: Send + 'static>(&mut self, name: &str, edge: Outbox<T>) -> Input<T> {
        let input = Input::new(name, edge);
        self.input_edges.push(input.edge());
        input
    }

    /// An output of the graph: the edge that leads to it, and what its caller reads.
    pub fn output<N, T: Send + 'static>(
        &mut self,
        name: &str,
        port: Out<N, T>,
        buffer: Option<usize>,
    ) -> (Outbox<T>, Output<T>) {
        let (mut outboxes, output) = self.output_many(name, port, 1, buffer);
        (outboxes.0.pop().unwrap_or_else(Outbox::detached), output)
    }

    /// As [`GraphBuilder::output`], where `senders` edges lead to it: nodes, or the instances of
    /// one on workers.
    pub fn output_many<N, T: Send + 'static>(
        &mut self,
        name: &str,
        _: Out<N, T>,
        senders: usize,
        buffer: Option<usize>,
    ) -> (Wide<Outbox<T>>, Output<T>) {
        let path: Arc<str> = format!("graph.{name}").into();
        let (outboxes, receivers) = (0..senders.max(1))
            .map(|_| {
                let (sender, mut receiver) =
                    channel(self.capacity(buffer.map(Capacity::records)), self.edge(&path, ""));
                receiver.discard_on_drop();
                self.edges.push(sender.edge());
                (Outbox::new(sender), receiver)
            })
            .unzip();
        let frontier = Arc::default();
        self.counters.outputs.push((Arc::clone(&path), Arc::clone(&frontier)));
        let output = Output::new(receivers, frontier);
        self.output_merges.push(output.merge(path));
        (Wide::new(outboxes), output)
    }

    /// An input of a nested graph: what comes in by the edges of the outer graph goes to `emitter`,
    /// which leads to `port`.
    pub fn nested_input<N, const P: usize, T, E>(
        &mut self,
        name: &str,
        _: In<N, P, T>,
        inlets: Vec<Inlet<N::Item>>,
        mut emitter: E,
    ) where
        N: InputPort<P>,
        E: Emit<N::Item>,
    {
        let (path, place) = (self.path(name), input_place(&self.prefix, name));
        emitter.set_sender(&self.path("graph"), name);
        self.plan_at(path, place, SyncStage(Stage { root: emitter, inlets }));
    }

    /// As [`GraphBuilder::nested_input`], of a graph on workers.
    pub fn nested_input_wide<N, const P: usize, T, E>(
        &mut self,
        name: &str,
        _: In<N, P, T>,
        inlets: Wide<Vec<Inlet<N::Item>>>,
        emitters: Wide<E>,
    ) where
        N: InputPort<P>,
        E: Emit<N::Item>,
    {
        let path = self.path(name);
        for (worker, (inlets, mut root)) in inlets.zip(emitters).0.into_iter().enumerate() {
            root.set_sender(&on_worker(&self.path("graph"), worker), name);
            let (path, place) = (on_worker(&path, worker), input_place(&self.prefix, name));
            self.plan_at(path, place, SyncStage(Stage { root, inlets }));
        }
    }

    /// An output of a nested graph: `senders` edges of the inner graph lead to `emitter`, with
    /// room for `buffer` records each.
    pub fn nested_output<N, T, E>(
        &mut self,
        name: &str,
        _: Out<N, T>,
        codec: Option<Codec<T>>,
        senders: usize,
        buffer: Option<usize>,
        emitter: E,
    ) -> Wide<Outbox<T>>
    where
        T: Send + 'static,
        E: Emit<T>,
    {
        let path = self.path(name);
        self.nested_output_at(path, name, codec, senders, buffer, emitter)
    }

    /// As [`GraphBuilder::nested_output`], of a graph on workers, each with an edge of each of `EDGES`.
    pub fn nested_output_wide<N, T, E, const EDGES: usize>(
        &mut self,
        name: &str,
        _: Out<N, T>,
        codec: Option<Codec<T>>,
        buffer: Option<usize>,
        emitters: Wide<E>,
    ) -> [Wide<Outbox<T>>; EDGES]
    where
        T: Send + 'static,
        E: Emit<T>,
    {
        let path = self.path(name);
        let mut edges = [(); EDGES].map(|()| Wide::new(Vec::new()));
        for (worker, emitter) in emitters.0.into_iter().enumerate() {
            let path = on_worker(&path, worker);
            let outboxes = self.nested_output_at(path, name, codec, EDGES, buffer, emitter);
            edges.iter_mut().zip(outboxes.0).for_each(|(edge, outbox)| edge.0.push(outbox));
        }
        edges
    }

    fn nested_output_at<T: Send + 'static>(
        &mut self,
        path: Arc<str>,
        name: &str,
        codec: Option<Codec<T>>,
        senders: usize,
        buffer: Option<usize>,
        emitter: impl Emit<T>,
    ) -> Wide<Outbox<T>> {
        let capacity = buffer.map(Capacity::records);
        let options = EdgeOptions { capacity, codec, ..EdgeOptions::default() };
        let (outboxes, inlets): (_, Vec<Inlet<T>>) =
            (0..senders.max(1)).map(|_| self.channel::<T>(&path, "out", options)).unzip();
        let place = output_place(&self.prefix, name);
        self.plan_at(path, place, SyncStage(Stage { root: emitter, inlets }));
        Wide::new(outboxes)
    }

    /// Builds what `build` attaches under `path`.
    pub(crate) fn nested<R>(&mut self, path: &Arc<str>, build: impl FnOnce(&mut Self) -> R) -> R {
        let outer = std::mem::replace(&mut self.prefix, format!("{path}/"));
        let built = build(self);
        self.prefix = outer;
        built
    }

    /// The graph, with the handles of its own inputs and outputs.
    pub fn finish<I, O>(self, inputs: I, outputs: O) -> Graph<I, O> {
        Graph::new(self, inputs, outputs)
    }

    fn path(&self, path: &str) -> Arc<str> {
        format!("{}{path}", self.prefix).into()
    }

    fn capacity(&self, capacity: Option<Capacity>) -> Capacity {
        capacity.unwrap_or(self.capacity)
    }

    fn edge(&mut self, path: &Arc<str>, port: &str) -> Arc<EdgeCounters> {
        let path = if port.is_empty() { Arc::clone(path) } else { format!("{path}.{port}").into() };
        let counters = Arc::new(EdgeCounters::new(path));
        self.counters.edges.push(Arc::clone(&counters));
        counters
    }

    /// A channel to port `port` of the node at `path`.
    pub(crate) fn channel<T: Send + 'static>(
        &mut self,
        path: &Arc<str>,
        port: &str,
        options: EdgeOptions<T>,
    ) -> (Outbox<T>, Inlet<T>) {
        let counters = self.edge(path, port);
        let (sender, receiver) = channel(self.capacity(options.capacity), counters);
        self.edges.push(sender.edge());
        if options.severable {
            self.severable.push(receiver.id());
        }
        let mut outbox = Outbox::new(sender);
        outbox.set_codec(options.codec);
        let mut inlet = Inlet::new(receiver);
        inlet.codec = options.codec;
        inlet.aside.copy = options.copy;
        inlet.aside.letter = options.letter;
        (outbox, inlet)
    }

    /// An exchange to `targets`, for the sender with this number.
    pub(crate) fn exchange<N: InputPort<P>, const P: usize>(
        &mut self,
        targets: Vec<Outbox<N::Item>>,
        workers: usize,
        sender: usize,
        capacity: Option<Capacity>,
    ) -> Exchange<N, P> {
        let routes = Routes::even(u16::try_from(workers).unwrap_or(u16::MAX));
        Exchange::new(targets, routes, sender, self.capacity(capacity).batch)
    }

    pub(crate) fn instance<N: Node, O: Emitters>(
        &mut self,
        node: Arc<N>,
        path: &Arc<str>,
        mut out: O,
    ) -> Instance<N, O> {
        let counters = Arc::new(NodeCounters::default());
        let (timing, strict) = (N::TIMING, N::STRICT);
        self.timings.push(NodeTiming { path: Arc::clone(path), timing, strict });
        self.ends.extend(End::of(&*node).map(|end| (Arc::clone(path), end)));
        if self.name_outputs::<N>(path, &mut out) {
            self.counters.sinks.push(Arc::clone(path));
        }
        self.counters.nodes.push((Arc::clone(path), Arc::clone(&counters)));
        let mut letters = self.letters.get_mut(base(path)).and_then(VecDeque::pop_front);
        letters.iter_mut().for_each(|letters| letters.set_sender(path, "dead_letters"));
        Instance::new(node, Arc::clone(path), out, letters, counters)
    }

    /// Tells what takes the outputs of a node whose they are. Of those that lead nowhere what they are given is
    /// dropped, which is said when the graph starts; whether all do.
    pub(crate) fn name_outputs<N: Node>(
        &mut self,
        path: &Arc<str>,
        out: &mut impl Emitters,
    ) -> bool {
        let declared = N::descriptor().outputs;
        let mut outputs = Outputs { of: path, outputs: declared, open: Vec::new() };
        out.each(&mut outputs);
        for (output, open) in outputs.outputs.iter().zip(&outputs.open) {
            let unread = format!("{}.{}", base(path), output.name);
            if *open && !output.optional && !self.unread.contains(&unread) {
                self.unread.push(unread);
            }
        }
        outputs.open.iter().all(|open| *open)
    }

    pub(crate) fn plan(&mut self, path: Arc<str>, stage: impl PlannedStage) {
        let place = base(&path).to_owned();
        self.plan_at(path, place, stage);
    }

    /// A stage, and its place in the flow of times.
    fn plan_at(&mut self, path: Arc<str>, place: String, stage: impl PlannedStage) {
        let counters = Arc::new(StageCounters::default());
        self.counters.stages.push((Arc::clone(&path), Arc::clone(&counters)));
        self.planned.push(Planned::new(path, place, counters, stage));
    }
}

/// Which loop a feedback edge closes: see [`GraphBuilder::feedback`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Back {
    /// How many loops of the same graph are around the loop: 0 or 1.
    pub depth: usize,
    /// How many rounds it may take.
    pub bound: Bound,
}

/// The outputs of a node: each is told whose it is, and which are unconnected is noted.
struct Outputs<'a> {
    of: &'a Arc<str>,
    outputs: Vec<OutputDescriptor>,
    open: Vec<bool>,
}
impl EachPart for Outputs<'_> {
    fn part<P: Part>(&mut self, part: &mut P) -> bool {
        part.set_sender(
            self.of,
            self.outputs.get(self.open.len()).map_or("out", |output| output.name),
        );
        self.open.push(!part.is_connected());
        true
    }
}

/// The instance of the node at `path` on `worker`.
pub(crate) fn on_worker(path: &Arc<str>, worker: usize) -> Arc<str> {
    format!("{path}#{worker}").into()
}

/// The edges of the outer graph that lead to a nested one.
#[derive(Default)]
pub struct Incoming(Vec<Vec<Box<dyn Any + Send>>>);

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(Vec::len)).finish()
    }
}

impl Incoming {
    pub(crate) fn of(inlets: impl Inlets) -> Self {
        let mut incoming = Incoming::default();
        inlets.by_port(&mut |port, inlet| incoming.add(port, inlet));
        incoming
    }

    pub(crate) fn add(&mut self, port: usize, inlet: Box<dyn Any + Send>) {
        let ports = self.0.len().max(port + 1);
        self.0.resize_with(ports, Vec::new);
        self.0[port].push(inlet);
    }

    /// What leads to input number `port`, whose records are of type `T`.
    pub fn take<T: Send + 'static>(&mut self, port: usize) -> Vec<Inlet<T>> {
        let inlets = self.0.get_mut(port).map(std::mem::take).unwrap_or_default();
        inlets.into_iter().filter_map(|inlet| inlet.downcast().ok()).map(|inlet| *inlet).collect()
    }
}

impl Wide<Incoming> {
    /// What leads to input number `port` of each worker's graph.
    pub fn take_port<T: Send + 'static>(&mut self, port: usize) -> Wide<Vec<Inlet<T>>> {
        Wide(self.0.iter_mut().map(|incoming| incoming.take(port)).collect())
    }
}
