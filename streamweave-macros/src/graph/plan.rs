//! From wiring to stages: what fuses, what heads a stage, and in which order nodes are attached.

use crate::graph::cycles::ends;
use crate::graph::model::{From, Model, To};
use crate::graph::scopes::Scopes;

/// How deep a tree of fused nodes may be before it is cut.
const DEPTH: usize = 16;

/// What the topology decides.
pub(crate) struct Plan {
    /// The nodes, from the sinks to the sources.
    pub(crate) order: Vec<usize>,
    /// How each node is joined to what leads to it.
    pub(crate) joins: Vec<Join>,
    /// The outputs that are connected, by node.
    pub(crate) outlets: Vec<Vec<Outlet>>,
    pub(crate) scopes: Scopes,
    /// The graph's inputs: the edges that leave each.
    pub(crate) inputs: Vec<Vec<usize>>,
    /// The graph's outputs: the edges that lead to each.
    pub(crate) outputs: Vec<Vec<usize>>,
}

/// How a node is joined to what leads to it.
pub(crate) enum Join {
    /// Nothing does.
    Root,
    /// One edge, within a stage.
    Fused(usize),
    /// It heads a stage, with an inlet for each of these edges.
    Many(Vec<usize>),
}

/// A connected output of a node.
pub(crate) struct Outlet {
    /// Its first mention, in `outs`.
    pub(crate) out: usize,
    pub(crate) edges: Vec<usize>,
    /// A stage boundary within the task stands behind it.
    pub(crate) cut: bool,
}

impl Plan {
    pub(crate) fn new(model: &Model) -> Self {
        let mut plan = Plan {
            order: order(model),
            joins: joins(model),
            outlets: outlets(model),
            scopes: Scopes::new(model),
            inputs: vec![Vec::new(); model.inputs.len()],
            outputs: vec![Vec::new(); model.outputs.len()],
        };
        for (index, edge) in model.edges.iter().enumerate() {
            if let From::Input(input) = edge.from {
                plan.inputs[input].push(index);
            }
            if let To::Output(output) = edge.to {
                plan.outputs[output].push(index);
            }
        }
        plan.cut(model);
        plan
    }

    /// Whether the edge leads to a node of the same stage.
    pub(crate) fn is_fused(&self, model: &Model, edge: usize) -> bool {
        let To::In(input) = model.edges[edge].to else { return false };
        matches!(self.joins[model.ins[input].node], Join::Fused(fused) if fused == edge)
    }

    /// Cuts trees that are too deep. What a source feeds is cut by the source itself.
    fn cut(&mut self, model: &Model) {
        let mut depths = vec![0; model.nodes.len()];
        for &node in &self.order {
            let mut outlets = std::mem::take(&mut self.outlets[node]);
            let mut depth = 0;
            for outlet in &mut outlets {
                let fused: Vec<usize> = outlet
                    .edges
                    .iter()
                    .filter(|edge| self.is_fused(model, **edge))
                    .filter_map(|edge| ends(model, *edge))
                    .map(|(_, to)| depths[to])
                    .collect();
                let Some(below) = fused.iter().max() else { continue };
                let forks = outlet.edges.len().next_power_of_two().ilog2() as usize;
                if below + forks >= DEPTH {
                    outlet.cut = true;
                } else {
                    depth = depth.max(below + forks);
                }
            }
            self.outlets[node] = outlets;
            depths[node] = depth + 1;
        }
    }
}

/// Nodes in the order of a depth-first search, each behind all that it leads to.
fn order(model: &Model) -> Vec<usize> {
    let mut leaving = vec![Vec::new(); model.nodes.len()];
    for (index, edge) in model.edges.iter().enumerate() {
        if let (Some((from, to)), None) = (ends(model, index), &edge.feedback) {
            leaving[from].push(to);
        }
    }
    let mut seen = vec![false; model.nodes.len()];
    let mut order = Vec::new();
    for start in 0..model.nodes.len() {
        let mut path = Vec::new();
        if !std::mem::replace(&mut seen[start], true) {
            path.push((start, 0));
        }
        while let Some((node, at)) = path.last_mut() {
            let (node, edge) = (*node, *at);
            *at += 1;
            match leaving[node].get(edge) {
                Some(&to) if !std::mem::replace(&mut seen[to], true) => path.push((to, 0)),
                Some(_) => {}
                None => {
                    order.push(node);
                    path.pop();
                }
            }
        }
    }
    order
}

fn joins(model: &Model) -> Vec<Join> {
    let mut incoming = vec![Vec::new(); model.nodes.len()];
    for (index, edge) in model.edges.iter().enumerate() {
        if let To::In(input) = edge.to {
            incoming[model.ins[input].node].push(index);
        }
    }
    let join = |edges: Vec<usize>| match edges[..] {
        [] => Join::Root,
        [edge] if !is_boundary(model, edge) => Join::Fused(edge),
        _ => Join::Many(edges),
    };
    incoming.into_iter().map(join).collect()
}

/// Whether the edge ends a stage, whatever else leads to its target.
fn is_boundary(model: &Model, index: usize) -> bool {
    let edge = &model.edges[index];
    let To::In(input) = edge.to else { return true };
    let end = model.ins[input].node;
    let to = &model.nodes[end];
    let start = match edge.from {
        From::Out(out) => Some(model.outs[out].node),
        From::Input(_) => None,
    };
    let from = start.map(|start| &model.nodes[start]);
    edge.options.boundary.is_some()
        || edge.options.buffer.is_some()
        || edge.options.severable.is_some()
        || edge.feedback.is_some()
        // What it is sent leaves only when the unit stands.
        || model.is_supervised(end)
        || start.is_some_and(|start| model.is_supervised(start))
        || from.map_or(model.is_region.then_some(0), |from| from.region) != to.region
        || border(model, from.and_then(|from| from.group)) != border(model, to.group)
        || matches!(edge.from, From::Out(out) if model.outs[out].letters)
}

/// The innermost group around `group`, itself included, that is more than a name.
fn border(model: &Model, mut group: Option<usize>) -> Option<usize> {
    while let Some(index) = group {
        let inner = &model.groups[index];
        let is_unit = inner.is_loop || inner.strategy.is_some() || inner.options.has_policy();
        if is_unit || inner.options.workers.is_some() {
            return group;
        }
        group = inner.parent;
    }
    None
}

fn outlets(model: &Model) -> Vec<Vec<Outlet>> {
    let mut outlets: Vec<Vec<Outlet>> = Vec::new();
    outlets.resize_with(model.nodes.len(), Vec::new);
    for (index, edge) in model.edges.iter().enumerate() {
        let From::Out(out) = edge.from else { continue };
        let end = &model.outs[out];
        let outlets = &mut outlets[end.node];
        let same = |outlet: &&mut Outlet| model.outs[outlet.out].port == end.port;
        match outlets.iter_mut().find(same) {
            Some(outlet) => outlet.edges.push(index),
            None => outlets.push(Outlet { out, edges: vec![index], cut: false }),
        }
    }
    outlets
}
