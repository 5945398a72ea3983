//! What the declaration of a graph says about time: which nodes see frontiers at all, and on which
//! edges records may come behind them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::engine::MergeOrder;
use crate::graph::spec::{EdgeSpec, GraphSpec};
use crate::node::Timing;

/// What a node is as regards time.
#[derive(Clone, Debug)]
pub(crate) struct NodeTiming {
    /// Its path, without the number of its worker.
    pub(crate) path: Arc<str>,
    pub(crate) timing: Timing,
    /// Its inputs must be strict.
    pub(crate) strict: bool,
}

/// What comes out of a node, or goes over an edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Stream {
    /// There are frontiers.
    timed: bool,
    /// Records may come behind them.
    estimated: bool,
    /// Where records meet: some come without frontiers.
    untimed: bool,
    /// Where records meet: they are to be taken one of each edge in turn.
    in_turn: bool,
}

/// How time flows through a graph.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    /// What goes into each node, and into each of the graph's outputs.
    into: BTreeMap<String, Stream>,
    /// The places that are part of a loop.
    loops: BTreeSet<String>,
}

impl Flow {
    /// The flow, or what is wrong with it.
    pub(crate) fn of(spec: &GraphSpec, nodes: &[NodeTiming]) -> Result<Self, String> {
        let kinds: BTreeMap<&str, &NodeTiming> =
            nodes.iter().map(|node| (base(&node.path), node)).collect();
        let ends = |edge: &EdgeSpec| (from_place(&edge.from, &kinds), to_place(&edge.to, &kinds));
        let edges: Vec<_> = spec
            .edges
            .iter()
            .map(|edge| {
                let (from, to) = ends(edge);
                (from, to, edge)
            })
            .collect();
        let mut into: BTreeMap<String, Stream> = BTreeMap::new();
        // Streams only ever become timed or estimated, so this ends.
        let mut changed = true;
        while std::mem::take(&mut changed) {
            for (from, to, edge) in &edges {
                let stream = out_of(from, edge, &kinds, &into);
                let entry = into.entry(to.clone()).or_default();
                let joined = Stream {
                    timed: entry.timed || stream.timed,
                    estimated: entry.estimated || stream.estimated,
                    in_turn: entry.in_turn || stream.in_turn || edge.in_turn,
                    ..*entry
                };
                changed |= joined != *entry;
                *entry = joined;
            }
        }
        changed = true;
        while std::mem::take(&mut changed) {
            for (from, to, edge) in &edges {
                let stream = out_of(from, edge, &kinds, &into);
                let Some(entry) = into.get_mut(to) else { continue };
                changed |= !entry.untimed && (stream.untimed || !stream.timed);
                entry.untimed |= stream.untimed || !stream.timed;
            }
        }
        let loops = Loops::of(&edges);
        for node in nodes.iter().filter(|node| node.timing.is_own()) {
            if loops.contains(base(&node.path)) {
                return Err(format!(
                    "`{}` gives records times of their own, which are not those of the loop that \
                     it is part of: put it before the loop",
                    base(&node.path)
                ));
            }
        }
        for (from, to, edge) in &edges {
            if loops.enters(from, to) && out_of(from, edge, &kinds, &into).estimated {
                return Err(format!(
                    "the edge from `{}` to `{}` leads into a loop, and records may come behind its \
                     frontier, when their time has already reached its fixed point: put `settle()` \
                     before the loop, which says what happens to late records",
                    edge.from, edge.to
                ));
            }
            let strict = kinds.get(to.as_str()).is_some_and(|node| node.strict);
            if strict && out_of(from, edge, &kinds, &into).estimated {
                return Err(format!(
                    "on the edge from `{}` to `{}` records may come behind the frontier, which \
                     `{to}` cannot take: put `settle()` between them, which says what happens to \
                     late records",
                    edge.from, edge.to
                ));
            }
        }
        let loops = loops.cycles.iter().flatten().map(|place| (*place).to_owned()).collect();
        Ok(Flow { into, loops })
    }

    /// In which order the records of several edges that lead to this place are taken in a
    /// deterministic run; `None` where nothing orders them.
    pub(crate) fn merge(&self, place: &str) -> Option<MergeOrder> {
        match self.into.get(place) {
            // The rounds of a loop order what is in it, once what leads into it has ended.
            _ if self.loops.contains(place) => Some(MergeOrder::ByTime),
            Some(stream) if stream.in_turn => Some(MergeOrder::InTurn),
            Some(stream) => (!stream.untimed).then_some(MergeOrder::ByTime),
            None => Some(MergeOrder::ByTime),
        }
    }

    /// Whether frontiers come to the node at this path, or to this output of the graph. Of a graph
    /// that says nothing about itself it is assumed.
    pub(crate) fn is_timed(&self, path: &str) -> bool {
        self.into.is_empty() || self.into.get(base(path)).is_some_and(|stream| stream.timed)
    }
}

/// Which places are part of a loop.
struct Loops<'a> {
    /// For each feedback edge: what it makes part of a cycle.
    cycles: Vec<BTreeSet<&'a str>>,
}

impl<'a> Loops<'a> {
    fn of(edges: &'a [(String, String, &EdgeSpec)]) -> Self {
        let reach = |start: &'a str, forward: bool| {
            let mut reached = BTreeSet::from([start]);
            let mut todo = vec![start];
            while let Some(place) = todo.pop() {
                for (from, to, _) in edges {
                    let (from, to) = if forward { (from, to) } else { (to, from) };
                    if from == place && reached.insert(to) {
                        todo.push(to);
                    }
                }
            }
            reached
        };
        let feedback = edges.iter().filter(|(_, _, edge)| edge.feedback);
        let cycle = |(from, to, _): &'a (String, String, &EdgeSpec)| {
            reach(to, true).intersection(&reach(from, false)).copied().collect()
        };
        Loops { cycles: feedback.map(cycle).collect() }
    }

    fn contains(&self, place: &str) -> bool {
        self.cycles.iter().any(|cycle| cycle.contains(place))
    }

    /// Whether an edge between these places leads into a loop from outside of every one.
    fn enters(&self, from: &str, to: &str) -> bool {
        self.contains(to) && !self.contains(from)
    }
}

/// A node's path, without the number of its worker.
pub(crate) fn base(path: &str) -> &str {
    path.split('#').next().unwrap_or(path)
}

/// Where an edge comes from: a node, an input of a graph as seen from inside (`risk/graph.orders`),
/// or an output of one as seen from outside (`risk.orders`).
pub(crate) fn from_place(end: &str, nodes: &BTreeMap<&str, &NodeTiming>) -> String {
    place(end, nodes, |graph, port| format!("input {graph}{port}"), |end| end.to_owned())
}

/// Where an edge leads to: a node, an output of a graph as seen from inside, or an input of one as
/// seen from outside. A graph's input and output may have one name, and are two places.
pub(crate) fn to_place(end: &str, nodes: &BTreeMap<&str, &NodeTiming>) -> String {
    place(end, nodes, |graph, port| format!("{graph}{port}"), |end| format!("input {end}"))
}

/// The place of an input of the nested graph whose nodes' paths begin with `prefix`.
pub(crate) fn input_place(prefix: &str, port: &str) -> String {
    format!("input {}", output_place(prefix, port))
}

/// As [`input_place`], of an output.
pub(crate) fn output_place(prefix: &str, port: &str) -> String {
    format!("{}.{port}", prefix.trim_end_matches('/'))
}

fn place(
    end: &str,
    nodes: &BTreeMap<&str, &NodeTiming>,
    inside: impl Fn(&str, &str) -> String,
    outside: impl Fn(&str) -> String,
) -> String {
    let Some((node, port)) = end.rsplit_once('.') else { return end.to_owned() };
    match node.strip_suffix("graph") {
        Some("") => inside("graph.", port),
        Some(graph) if graph.ends_with('/') => {
            inside(&format!("{}.", graph.trim_end_matches('/')), port)
        }
        _ if nodes.contains_key(node) => node.to_owned(),
        _ => outside(end),
    }
}

fn out_of(
    place: &str,
    edge: &EdgeSpec,
    nodes: &BTreeMap<&str, &NodeTiming>,
    into: &BTreeMap<String, Stream>,
) -> Stream {
    let input = into.get(place).copied().unwrap_or_default();
    match nodes.get(place).map(|node| node.timing) {
        // The graph's own inputs are advanced by its caller, who cannot send behind that.
        None if place.starts_with("input graph.") => {
            Stream { timed: true, estimated: false, ..Stream::default() }
        }
        None => input,
        Some(timing) => {
            let (timed, estimated) = match timing {
                Timing::Passes => (input.timed, input.estimated),
                Timing::Promises => (true, false),
                Timing::Estimates => (true, true),
                Timing::Settles => (input.timed, input.estimated && is_of_late(&edge.from)),
            };
            // What is taken in turn has no frontier but the end.
            let untimed = input.untimed && !timing.is_own();
            Stream { timed, estimated, untimed, ..Stream::default() }
        }
    }
}

/// Whether what leaves a node there is what came too late for it.
fn is_of_late(from: &str) -> bool {
    let port = from.rsplit_once('.').map_or(from, |(_, port)| port);
    port == "late" || port.starts_with("late_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(edges: &[(&str, &str)], nodes: &[(&str, Timing, bool)]) -> Result<Flow, String> {
        let edges = edges.iter().map(|(from, to)| EdgeSpec {
            from: (*from).to_owned(),
            to: to.trim_start_matches("feedback ").to_owned(),
            feedback: to.starts_with("feedback "),
            ..EdgeSpec::default()
        });
        let spec = GraphSpec { edges: edges.collect(), ..GraphSpec::default() };
        let nodes: Vec<_> = nodes
            .iter()
            .map(|(path, timing, strict)| NodeTiming {
                path: (*path).into(),
                timing: *timing,
                strict: *strict,
            })
            .collect();
        Flow::of(&spec, &nodes)
    }

    #[test]
    fn an_estimate_reaches_through_nested_graphs_until_it_is_settled() {
        let nodes = [
            ("source", Timing::Passes, false),
            ("times", Timing::Estimates, false),
            ("inner/pass#1", Timing::Passes, false),
            ("settle", Timing::Settles, false),
            ("join", Timing::Passes, true),
            ("odd", Timing::Passes, false),
        ];
        let mut edges = vec![
            ("source.out", "times.input"),
            ("source.out", "odd.input"),
            ("times.out", "inner.records"),
            ("inner/graph.records", "inner/pass.input"),
            ("inner/pass.out", "inner/graph.done"),
            ("inner.done", "settle.input"),
            ("settle.out", "join.left"),
        ];
        let sound = flow(&edges, &nodes).unwrap();
        assert!(sound.is_timed("join") && sound.is_timed("inner/pass#1") && !sound.is_timed("odd"));
        edges.push(("inner.done", "join.right"));
        let refused = flow(&edges, &nodes).unwrap_err();
        assert!(refused.contains("`inner.done`") && refused.contains("settle()"), "{refused}");
    }
    #[test]
    fn rounds_order_what_meets_at_a_port_in_a_loop() {
        let nodes = ["source", "enter", "inner/step", "last", "behind"]
            .map(|path| (path, Timing::Passes, false));
        let edges = [
            ("source.out", "enter.records"),
            ("enter.out", "inner.records"),
            ("enter.past", "inner.records"),
            ("inner/graph.records", "inner/step.input"),
            ("inner/step.out", "inner/graph.done"),
            ("inner.done", "last.input"),
            ("last.again", "feedback enter.back"),
            ("last.out", "behind.left"),
            ("source.out", "behind.right"),
        ];
        let flow = flow(&edges, &nodes).unwrap();
        for place in ["enter", "input inner.records", "inner.done", "last"] {
            assert_eq!(flow.merge(place), Some(MergeOrder::ByTime), "{place}");
        }
        assert_eq!(flow.merge("behind"), None);
    }

    #[test]
    fn loops_take_strict_edges_only() {
        let nodes = |times| {
            [
                ("times", times, false),
                ("settle", Timing::Settles, false),
                ("enter", Timing::Passes, false),
                ("inner/step#1", Timing::Passes, false),
                ("last", Timing::Passes, false),
            ]
        };
        let edges = [
            ("graph.records", "times.input"),
            ("times.out", "settle.input"),
            ("settle.out", "enter.records"),
            ("enter.out", "inner.records"),
            ("inner/graph.records", "inner/step.input"),
            ("inner/step.out", "inner/graph.done"),
            ("inner.done", "last.input"),
            ("last.again", "feedback enter.back"),
            ("last.out", "graph.out"),
        ];
        flow(&edges, &nodes(Timing::Estimates)).unwrap();
        // By a way around, and into a nested graph that is part of the loop.
        for to in ["enter.records", "inner.records", "last.input"] {
            let mut edges = edges.to_vec();
            edges.push(("times.out", to));
            let refused = flow(&edges, &nodes(Timing::Estimates)).unwrap_err();
            let told = ["`times.out`", &format!("`{to}`"), "settle()"];
            assert!(told.iter().all(|told| refused.contains(told)), "{refused}");
            // What is strict may come in anywhere.
            flow(&edges, &nodes(Timing::Promises)).unwrap();
        }
        // Behind the loop nothing is asked.
        let mut behind = edges.to_vec();
        behind.extend([("last.out", "after.input"), ("times.out", "after.input")]);
        flow(&behind, &nodes(Timing::Estimates)).unwrap();
        let mut own = nodes(Timing::Estimates);
        own[3].1 = Timing::Promises;
        let refused = flow(&edges, &own).unwrap_err();
        assert!(refused.contains("`inner/step`"), "{refused}");
    }
}
