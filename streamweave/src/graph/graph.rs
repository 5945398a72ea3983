//! A graph that has been built and does not run yet.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::{Chance, Counters, Edge, FeedbackEdge, Merging, TURN, Wiring, assemble};
use crate::graph::builder::GraphBuilder;
use crate::graph::error::StartError;
use crate::graph::flow::{Flow, NodeTiming, base};
use crate::graph::guarantees::{self, End, Guarantee, PathGuarantee, Required};
use crate::graph::handles::OutputMerge;
use crate::graph::inline::Inline;
use crate::graph::mode::ExecutionMode;
use crate::graph::parts::Parts;
use crate::graph::planned::Planned;
use crate::graph::restore::owned;
use crate::graph::run::Running;
use crate::graph::snapshot::Snapshot;
use crate::graph::spec::GraphSpec;
use crate::supervision::{OnFailure, Reports, Supervision, Supervisor};

/// A built graph; `I` and `O` hold the handles of its own inputs and outputs.
pub struct Graph<I, O> {
    pub(crate) name: String,
    pub(crate) planned: Vec<Planned>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) edges: Vec<Arc<dyn Edge>>,
    pub(crate) undo: bool,
    pub(crate) inputs: I,
    pub(crate) outputs: O,
    pub(super) spec: GraphSpec,
    refusals: Vec<String>,
    timings: Vec<NodeTiming>,
    ends: Vec<(Arc<str>, End)>,
    required: Required,
    cuts: Vec<FeedbackEdge>,
    pub(super) severable: Vec<u64>,
    /// What fails by itself.
    pub(super) parts: Parts,
    pub(crate) flow: Flow,
    pub(crate) mode: ExecutionMode,
    pub(crate) watchdog: Option<Duration>,
    pub(crate) turn: Duration,
    unread: Vec<String>,
    output_merges: Vec<OutputMerge>,
    pub(crate) input_edges: Vec<Arc<dyn Edge>>,
    pub(crate) reports: Reports,
    pub(super) restored: bool,
    /// State that no node has is not refused.
    pub(super) carries: bool,
    /// Such state, which is part of every snapshot.
    pub(crate) carried: Snapshot,
}

/// In less a stage may not get to its work.
const SHORTEST_TURN: Duration = Duration::from_micros(10);

impl<I, O> fmt::Debug for Graph<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph")
            .field("name", &self.name)
            .field("stages", &self.planned)
            .finish_non_exhaustive()
    }
}

impl<I, O> Graph<I, O> {
    pub(crate) fn new(mut builder: GraphBuilder, inputs: I, outputs: O) -> Self {
        builder.refuse_letters();
        Graph {
            name: builder.name,
            planned: builder.planned,
            counters: Arc::new(builder.counters),
            edges: builder.edges,
            undo: builder.undo,
            inputs,
            outputs,
            spec: builder.spec,
            refusals: builder.refusals,
            timings: builder.timings,
            ends: builder.ends,
            required: Required::default(),
            cuts: builder.cuts,
            severable: builder.severable,
            parts: Parts::default(),
            flow: Flow::default(),
            mode: ExecutionMode::default(),
            watchdog: None,
            turn: TURN,
            unread: builder.unread,
            output_merges: builder.output_merges,
            input_edges: builder.input_edges,
            reports: Reports::new().1,
            restored: false,
            carries: false,
            carried: Snapshot::default(),
        }
    }

    /// The graph's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its nodes, edges, groups and policies, as declared.
    pub fn spec(&self) -> &GraphSpec {
        &self.spec
    }

    /// How many stages, and so tasks, the graph has.
    pub fn stages(&self) -> usize {
        self.planned.len()
    }

    /// The outputs of nodes and nested graphs that are connected to nothing and not declared `#[output(optional)]`, as
    /// `node.port`: what they are given is dropped. When the graph starts, each is told as a warning
    /// (`tracing`).
    ///
    /// ```
    /// use streamweave::nodes::{for_each, split};
    /// use streamweave::prelude::*;
    ///
    /// let graph = graph! {
    ///     even: split(|n: &u64| n % 2 == 0),
    ///     show: for_each(|n: u64| println!("{n}")),
    ///     graph.numbers => even.input,
    ///     even.yes => show.input,
    /// };
    /// assert_eq!(graph.unread(), ["even.no"]);
    /// ```
    pub fn unread(&self) -> &[String] {
        &self.unread
    }

    /// Logs changes of state, so that a failed unit is undone exactly. On by itself where a
    /// policy keeps state after a failure.
    pub fn set_undo(&mut self, on: bool) {
        self.undo = on;
    }

    /// Says how the graph runs: see [`ExecutionMode`].
    pub fn set_mode(&mut self, mode: ExecutionMode) {
        self.mode = mode;
    }

    /// Once started, the graph stops with a report ([`Cause::Hung`](crate::engine::Cause::Hung), whatever
    /// the policies say) when a step of a stage takes longer than `limit`: a record, a timer or a batch of
    /// a source, and with it what other records of its batch take. An asynchronous handler is part of its
    /// step, with all that it awaits; calls in flight have their own `timeout`, and a source that waits
    /// is left alone.
    ///
    /// A handler that blocks its thread keeps that thread: what is reported is that it does. On a runtime
    /// with one thread nobody is left to notice.
    pub fn set_watchdog(&mut self, limit: Duration) {
        self.watchdog = Some(limit);
    }

    /// How long each stage works before it lets the other tasks of its thread run, and looks for barriers and
    /// whether it is to stop: half a millisecond unless said. Shorter, others wait less; longer, the system is
    /// asked less often what else there is to do; ten microseconds at least. One record's unit is never broken off.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streamweave::nodes::{for_each, from_iter};
    /// use streamweave::prelude::*;
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    /// # runtime.block_on(async {
    /// let mut graph = graph! {
    ///     numbers: from_iter(0..1_000_u64),
    ///     each: for_each(|_: u64| {}),
    ///     numbers.out => each.input,
    /// };
    /// // In a service that answers others on the same thread.
    /// graph.set_turn(Duration::from_micros(50));
    /// graph.start()?.drain().await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_turn(&mut self, turn: Duration) {
        self.turn = turn.max(SHORTEST_TURN);
    }

    /// What holds of the records between each source and sink that are connected when the graph
    /// takes checkpoints and is restored from the last. State counts every record that is not lost
    /// once, in any case.
    ///
    /// ```
    /// use streamweave::graph::Guarantee;
    /// use streamweave::io::{FileLines, Line, PartFiles};
    /// use streamweave::nodes::filter;
    /// use streamweave::prelude::*;
    ///
    /// let mut graph = graph! {
    ///     lines: FileLines::new("in.log"),
    ///     errors: filter(|line: &Line| line.text.contains("error")),
    ///     kept: PartFiles::by("errors", |line: &Line| line.text.clone()),
    ///     lines.lines => errors.input,
    ///     errors.out => [kept.records, graph.seen],
    /// };
    /// let holds: Vec<_> =
    ///     graph.guarantees().into_iter().map(|path| (path.to.clone(), path.guarantee())).collect();
    /// assert_eq!(holds, [
    ///     ("graph.seen".to_owned(), Guarantee::Nothing),
    ///     ("kept".to_owned(), Guarantee::ExactlyOnce),
    /// ]);
    /// // Asked for, and then refused when it starts: what the output holds is in no checkpoint.
    /// graph.require(Guarantee::ExactlyOnce);
    /// assert!(graph.inline().unwrap_err().to_string().contains("allow_loss(\"graph.seen\")"));
    /// ```
    pub fn guarantees(&self) -> Vec<PathGuarantee> {
        guarantees::paths(&self.spec, &self.timings, &self.ends)
    }

    /// The graph does not start ([`StartError::NotGuaranteed`]) unless as much holds on each of its
    /// paths: see [`Graph::guarantees`].
    pub fn require(&mut self, guarantee: Guarantee) {
        self.required.guarantee = Some(guarantee);
    }

    /// Where more is [required](Graph::require): what this source or input (`graph.orders`) gives may
    /// be lost, or what this output (`graph.breaches`) has not handed over yet, or what is in the state
    /// of this node, which a policy restarts without it (`#[restart(state = "fresh")]`).
    pub fn allow_loss(&mut self, from: impl Into<String>) {
        self.required.losses.insert(from.into());
    }

    /// Where more is [required](Graph::require): what reaches this sink or output (`graph.breaches`)
    /// may be seen again.
    pub fn allow_duplicates(&mut self, to: impl Into<String>) {
        self.required.duplicates.insert(to.into());
    }

    /// Refuses a graph that takes in what it could not have again after a failure, or gives out what it would give
    /// again.
    pub(crate) fn check_restart(&self) -> Result<(), StartError> {
        let (graph, paths) = (self.name.clone(), self.guarantees());
        let reason = self.required.refuses_restart(&paths);
        reason.map_or(Ok(()), |reason| Err(StartError::NotGuaranteed { graph, reason }))
    }

    /// Starts the graph on the caller's tokio runtime: one task a stage.
    ///
    /// # Errors
    /// When there is no runtime, or the graph asks for what this version does not run.
    pub fn start(self) -> Result<Running<I, O>, StartError> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(StartError::NoRuntime { graph: self.name });
        }
        let graph = self.check()?;
        Ok(Running::start(graph))
    }

    /// A graph that the caller steps on its own thread: push records, step, read the outputs.
    /// Its clock stands still until it is advanced.
    ///
    /// # Errors
    /// When the graph asks for what this version does not run.
    pub fn inline(self) -> Result<Inline<I, O>, StartError> {
        self.inline_with(Chance::default())
    }

    /// As [`Graph::inline`]; with a seed `chance` decides what may go in more than one way.
    pub(crate) fn inline_with(self, chance: Chance) -> Result<Inline<I, O>, StartError> {
        let graph = self.check()?;
        Ok(Inline::new(graph, chance))
    }

    /// State is saved by paths, so each is that of one node only.
    fn refuse_alike(&mut self) -> Result<(), StartError> {
        let (mut paths, mut twice) = (std::collections::BTreeSet::new(), None);
        for stage in &mut self.planned {
            stage.part().visit(&mut |node| {
                if !paths.insert(Arc::clone(node.path())) {
                    twice.get_or_insert_with(|| base(node.path()).to_owned());
                }
            });
        }
        let Some(path) = twice else { return Ok(()) };
        let reason = format!(
            "two nodes are at the path `{path}`, by which their state is saved: give one of them, or the \
             group or nested graph that it is in, another name"
        );
        Err(StartError::Unsupported { graph: self.name.clone(), reason })
    }

    /// What is one for the node as a whole is not divided over workers.
    fn refuse_single(&mut self) -> Result<(), StartError> {
        let mut refused = None;
        for stage in &mut self.planned {
            stage.part().visit(&mut |node| {
                if let Some(field) = node.undivided_field() {
                    let reason = format!(
                        "`{}` is a source that is divided by its splits, and its state field `{field}` is \
                         not: make it a `Keyed<String, _>`, by their ids",
                        base(node.path())
                    );
                    refused = Some(StartError::Unsupported { graph: self.name.clone(), reason });
                }
                // The second instance tells that there are several.
                if refused.is_some() || !node.path().ends_with("#1") {
                    return;
                }
                let (graph, path) = (self.name.clone(), base(node.path()).into());
                refused = if node.is_single() {
                    Some(StartError::WholeOnWorkers { graph, node: path })
                } else {
                    let field = node.single_field();
                    field.map(|field| StartError::SingleOnWorkers { graph, node: path, field })
                };
            });
        }
        refused.map_or(Ok(()), Err)
    }

    /// Puts the stages under the supervisors that the graph declares; none could do anything where a panic
    /// `aborts` the process.
    fn supervise(mut self, aborts: bool) -> Result<Self, StartError> {
        if aborts {
            return Err(StartError::PanicAborts { graph: self.name });
        }
        let heads = self.planned.iter().map(|stage| base(&stage.path).into()).collect();
        let supervisor = Supervisor::new(&self.spec, heads);
        for stage in &mut self.planned {
            let keeps = supervisor.keeps(base(&stage.path));
            // What stands at a border only has nothing that could fail.
            let mut nodes = Vec::new();
            stage.part().visit(&mut |node| nodes.push(Arc::clone(node.path())));
            if keeps && !nodes.is_empty() && !stage.keep() {
                let (graph, node) = (self.name, Arc::clone(&stage.path));
                return Err(StartError::NotKept { graph, node });
            }
            if let [source_node, node, ..] = &nodes[..]
                && stage.is_source()
                && supervisor.treatment(base(source_node)) != OnFailure::Stop
            {
                let (graph, source_node, node) = (self.name, source_node.clone(), node.clone());
                return Err(StartError::BehindSource { graph, source_node, node });
            }
        }
        let paths = self.planned.iter().map(|stage| Arc::clone(&stage.path)).collect();
        let (sender, reports) = Reports::new();
        let supervision = Supervision::new(supervisor, paths, sender);
        for (number, stage) in self.planned.iter_mut().enumerate() {
            stage.supervise(supervision.clone(), number);
        }
        self.reports = reports;
        Ok(self)
    }

    /// What is connected by edges that are not severable fails by itself.
    fn divide(mut self) -> Result<Self, StartError> {
        let wirings: Vec<_> = self.planned.iter_mut().map(Planned::wiring).collect();
        let is_severable = |channel: &u64| self.severable.contains(channel);
        let mut behind: Vec<usize> = (0..wirings.len())
            .filter(|stage| wirings[*stage].inlets.iter().any(is_severable))
            .collect();
        let mut next = 0;
        while let Some(stage) = behind.get(next).copied() {
            let outlets = &wirings[stage].outlets;
            let leads = |other: &Wiring| other.inlets.iter().any(|inlet| outlets.contains(inlet));
            let fed: Vec<_> = (0..wirings.len()).filter(|other| leads(&wirings[*other])).collect();
            behind.extend(
                fed.into_iter().filter(|other| !behind.contains(other)).collect::<Vec<_>>(),
            );
            next += 1;
        }
        let closes = |channel: &u64| self.cuts.iter().any(|cut| cut.channels.contains(channel));
        if let Some(stage) = behind.iter().find(|stage| wirings[**stage].inlets.iter().any(closes))
        {
            let reason = format!(
                "a severable edge leads to `{}`, which is in a loop: that would never come to its end \
                 without what was to come in; take `#[severable]` off",
                self.planned[*stage].path
            );
            return Err(StartError::Unsupported { graph: self.name, reason });
        }
        let outputs: Vec<_> =
            self.output_merges.iter().map(|output| output.edges.clone()).collect();
        let heads = self.planned.iter().map(|stage| base(&stage.path));
        let stages: Vec<_> = heads.zip(&wirings).collect();
        let edges = [&self.edges[..], &self.input_edges].concat();
        self.parts = Parts::new(&stages, &outputs, &self.severable, &edges);
        for (stage, wiring) in self.planned.iter_mut().zip(&wirings) {
            stage.set_severable(wiring.inlets.iter().map(is_severable).collect());
        }
        Ok(self)
    }

    /// Whatever has several edges takes their records in an order of their own.
    fn make_deterministic(mut self) -> Result<Self, StartError> {
        let wirings: Vec<_> = self.planned.iter_mut().map(Planned::wiring).collect();
        let merging_at = |path: &str, place: &str, edges: usize| match self.flow.merge(place) {
            Some(order) => Ok(Merging { is_deterministic: true, order }),
            None if edges < 2 => Ok(Merging { is_deterministic: true, ..Merging::default() }),
            None => Err(StartError::Unordered { graph: self.name.clone(), node: path.into() }),
        };
        for (stage, wiring) in self.planned.iter_mut().zip(wirings) {
            let merging = merging_at(&stage.path, &stage.place, wiring.inlets.len())?;
            stage.set_merging(merging);
        }
        self.edges.iter().for_each(|edge| edge.keep_frontiers());
        for output in &self.output_merges {
            let merging = merging_at(&output.path, &output.path, output.edges.len())?;
            // A graph starts once.
            let _ = output.order.set(merging.order);
        }
        Ok(self)
    }

    /// Why no barrier goes through this graph, if none does.
    pub(crate) fn barred(&mut self) -> Option<String> {
        let stage = self.planned.iter_mut().find_map(|stage| {
            let path = Arc::clone(&stage.path);
            (!stage.can_save()).then_some(path)
        })?;
        Some(format!(
            "records on their way to `{stage}`, in a loop or put aside by a deterministic run, are \
             part of it and cannot be saved: derive serde's `Serialize` and `Deserialize` for their \
             type"
        ))
    }

    fn check(mut self) -> Result<Self, StartError> {
        if let Some(reason) = self.refusals.pop() {
            return Err(StartError::Unsupported { graph: self.name, reason });
        }
        if let Some(reason) = self.required.refuses(&self.guarantees()) {
            return Err(StartError::NotGuaranteed { graph: self.name, reason });
        }
        self.refuse_alike()?;
        match Flow::of(&self.spec, &self.timings) {
            Ok(flow) => self.flow = flow,
            Err(reason) => return Err(StartError::Untimely { graph: self.name, reason }),
        }
        for output in &self.unread {
            tracing::warn!(
                graph = self.name,
                output,
                "output `{output}` of graph `{}` is connected to nothing, so what it is given is \
                 dropped: add an edge, or declare it as `#[output(optional)]`",
                self.name
            );
        }
        self.refuse_single()?;
        if self.mode == ExecutionMode::Deterministic {
            self = self.make_deterministic()?;
        }
        if let Some(stage) = self.planned.iter().find(|stage| stage.was_merged_otherwise()) {
            let reason = format!(
                "the state that it was given is that of a deterministic run, which had put aside \
                 what was on its way to `{}` in another order: set the mode to deterministic, and \
                 let `#[in_turn]` be where it was",
                stage.path
            );
            return Err(StartError::Unsupported { graph: self.name, reason });
        }
        if self.mode == ExecutionMode::Deterministic {
            // When something fails does not depend on the data alone.
            self.severable.clear();
        }
        if self.spec.is_supervised() || !self.severable.is_empty() {
            self = self.supervise(cfg!(panic = "abort"))?;
        }
        if !self.cuts.is_empty() {
            let wiring: Vec<_> = self.planned.iter_mut().map(Planned::wiring).collect();
            let looped = match assemble(&wiring, &self.cuts) {
                Ok(looped) => looped,
                Err(reason) => return Err(StartError::Unsupported { graph: self.name, reason }),
            };
            let closes = |channel: &u64| self.cuts.iter().any(|cut| cut.channels.contains(channel));
            for ((stage, looped), wiring) in self.planned.iter_mut().zip(looped).zip(&wiring) {
                stage.set_looped(looped);
                stage.set_feedback(wiring.inlets.iter().map(closes).collect());
            }
        }
        if !self.severable.is_empty() {
            self = self.divide()?;
        }
        self.tell_producers();
        let undo = self.undo;
        for stage in &mut self.planned {
            stage.part().visit(&mut |node| node.set_undo(undo));
        }
        self.open_state()?;
        self.carried.descent.repeatable = guarantees::is_repeatable(&self.guarantees());
        Ok(self)
    }

    /// Says of each edge which stage sends by it, and in which life of the graph, and of each stage which send to it.
    fn tell_producers(&mut self) {
        let mut producers = BTreeMap::new();
        for stage in &mut self.planned {
            let probe = Arc::clone(&stage.probe);
            stage.part().outlets(&mut |channel| {
                producers.insert(channel, Arc::clone(&probe));
            });
        }
        let attempt = self.carried.descent.attempt;
        self.planned.iter_mut().for_each(|stage| stage.attempt = attempt);
        let attempt = u32::try_from(attempt).unwrap_or(u32::MAX);
        for edge in &self.edges {
            edge.set_attempt(attempt);
            let producer = producers.get(&edge.id());
            producer.into_iter().for_each(|producer| edge.set_producer(Arc::clone(producer)));
        }
        for stage in &mut self.planned {
            let inlets = stage.wiring().inlets;
            let before = inlets.iter().filter_map(|channel| producers.get(channel));
            stage.probe.set_before(before.map(Arc::downgrade).collect());
        }
    }

    /// Opens the state that is kept elsewhere: all of it is seen to be there before any becomes what was saved,
    /// so that a start that is refused changes nothing.
    fn open_state(&mut self) -> Result<(), StartError> {
        let instances = self.instances();
        let mut opening = crate::state::Opening::new(self.restored);
        let mut opened = Ok(());
        for stage in &mut self.planned {
            stage.part().visit(&mut |node| {
                if opened.is_ok() {
                    let path = Arc::clone(node.path());
                    let workers = instances.get(base(&path)).map_or(1, |(workers, _)| *workers);
                    opened = node.open(base(&path), owned(&path, workers), &mut opening);
                }
            });
        }
        for stage in &mut self.planned {
            stage.part().visit(&mut |node| {
                if opened.is_ok() {
                    let path = Arc::clone(node.path());
                    opened = node.take_back(base(&path));
                }
            });
        }
        opened.map_err(|error| StartError::State { graph: self.name.clone(), error })
    }

    /// A state field of a node that is kept elsewhere, if there is one.
    pub(crate) fn elsewhere(&mut self) -> Option<String> {
        let mut found = None;
        for stage in &mut self.planned {
            stage.part().visit(&mut |node| {
                if let Some(field) = node.elsewhere() {
                    found.get_or_insert_with(|| format!("{}.{field}", base(node.path())));
                }
            });
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::{GraphBuilder, StartError};

    /// The tests themselves are built with unwinding: what the profile says is handed in.
    #[test]
    fn policies_need_panics_that_unwind() {
        let graph = || GraphBuilder::new("shop").finish((), ());
        assert!(graph().supervise(false).is_ok());
        let refused = graph().supervise(true).unwrap_err();
        assert!(matches!(refused, StartError::PanicAborts { .. }), "{refused}");
        let said = refused.to_string();
        assert!(said.contains("`shop`") && said.contains("panic = \"abort\""), "{said}");
    }
}
