//! Loops: which nodes a feedback edge makes part of one, and which edges lead out of it.

use crate::diag::Errors;
use crate::graph::attrs::Rounds;
use crate::graph::cycles::ends;
use crate::graph::model::{From, Model, To};

/// The loops of a graph.
#[derive(Default)]
pub(crate) struct Scopes {
    /// For each node, the outermost loop that it is part of.
    outer: Vec<Option<usize>>,
    /// For each node, the inner loop that it is part of: a group's number.
    inner: Vec<Option<usize>>,
    /// For each edge, how deep the loop is that it closes.
    depths: Vec<usize>,
    /// For each node, which outputs of the graph it leads to, where that may be part of a loop of the
    /// graph around it.
    leads_to: Vec<Vec<bool>>,
}

impl Scopes {
    pub(crate) fn new(model: &Model) -> Self {
        let nodes = model.nodes.len();
        let depths: Vec<_> = (0..model.edges.len()).map(|edge| depth(model, edge)).collect();
        let all = Reach::new(model, |_| true);
        let cuts: Vec<_> = (0..model.edges.len())
            .filter(|edge| model.edges[*edge].feedback.is_some())
            .filter_map(|edge| Some((edge, ends(model, edge)?)))
            .collect();
        let leads_to = outputs_of(model);
        let (outer, inner) = (vec![None; nodes], vec![None; nodes]);
        let mut scopes = Scopes { outer, inner, depths, leads_to };
        for (_, (from, to)) in &cuts {
            for node in 0..nodes {
                if all.leads(*to, node) && all.leads(node, *from) {
                    // Loops that share a node are one: each node names the first of its nodes.
                    let first =
                        (0..=node).find(|first| all.leads(*first, node) && all.leads(node, *first));
                    scopes.outer[node] = first;
                }
            }
        }
        // Without the edges that close the outer loops only the inner ones are left.
        let within = Reach::new(model, |edge| {
            model.edges[edge].feedback.is_none() || scopes.depths[edge] > 0
        });
        for (edge, (from, to)) in cuts.iter().filter(|(edge, _)| scopes.depths[*edge] > 0) {
            let Some(group) = group_of(model, *edge) else { continue };
            for node in 0..nodes {
                if within.leads(*to, node) && within.leads(node, *from) {
                    scopes.inner[node] = Some(group);
                }
            }
        }
        scopes
    }

    /// How many loops are around the one that a feedback edge closes.
    pub(crate) fn depth(&self, edge: usize) -> usize {
        self.depths[edge]
    }

    /// Whether the edge leads out of a loop of this graph.
    pub(crate) fn leaves(&self, model: &Model, edge: usize) -> bool {
        if model.edges[edge].feedback.is_some() {
            return false;
        }
        let From::Out(out) = model.edges[edge].from else { return false };
        let (from, to) = (model.outs[out].node, ends_at(model, edge));
        let leaves = |loops: &[Option<usize>]| {
            loops[from].is_some() && to.and_then(|to| loops[to]) != loops[from]
        };
        leaves(&self.outer) || leaves(&self.inner)
    }

    /// Whether the edge to a node may lead out of a loop of the graph around this: what begins there leads
    /// to some outputs, and the node not to all of them.
    pub(crate) fn may_leave(&self, model: &Model, edge: usize) -> bool {
        let Some(to) = ends_at(model, edge) else { return false };
        let leads_to = |node: usize| self.leads_to.get(node);
        let of_target = leads_to(to);
        match model.edges[edge].from {
            From::Out(out) => leads_to(model.outs[out].node) != of_target,
            from => (0..model.edges.len())
                .filter(|other| model.edges[*other].from == from)
                .filter_map(|other| ends_at(model, other))
                .any(|node| leads_to(node) != of_target),
        }
    }
}

/// The node that the edge leads to.
fn ends_at(model: &Model, edge: usize) -> Option<usize> {
    match model.edges[edge].to {
        To::In(input) => Some(model.ins[input].node),
        To::Output(_) => None,
    }
}

/// For each node of a graph that is a node of another one, which of the outputs it leads to.
fn outputs_of(model: &Model) -> Vec<Vec<bool>> {
    if model.outputs.iter().all(|output| output.decl.is_none()) {
        return Vec::new();
    }
    let mut leads = vec![vec![false; model.outputs.len()]; model.nodes.len()];
    let mut changed = true;
    while std::mem::take(&mut changed) {
        for edge in &model.edges {
            let From::Out(out) = edge.from else { continue };
            let from = model.outs[out].node;
            let of_target = match edge.to {
                To::In(input) => leads[model.ins[input].node].clone(),
                To::Output(output) => (0..model.outputs.len()).map(|it| it == output).collect(),
            };
            for (here, there) in leads[from].iter_mut().zip(of_target) {
                changed |= there && !*here;
                *here |= there;
            }
        }
    }
    leads
}

/// The bound of the loop that a feedback edge closes.
pub(crate) fn bound(model: &Model, edge: usize) -> Option<&Rounds> {
    group_of(model, edge).and_then(|group| model.groups[group].options.rounds.as_ref())
}

/// So many inner loops share the count of rounds of one outer loop.
const PLACES: usize = 255;

/// Loops nest two deep, and not too many beside each other.
pub(crate) fn check(model: &Model, errors: &mut Errors) {
    let mut inner = std::collections::BTreeMap::<usize, usize>::new();
    for group in model.groups.iter().filter(|group| group.is_loop) {
        let mut parent = group.parent;
        while let Some(outer) = parent.filter(|outer| !model.groups[*outer].is_loop) {
            parent = model.groups[outer].parent;
        }
        let Some(outer) = parent else { continue };
        let count = inner.entry(outer).or_default();
        *count += 1;
        if *count == PLACES + 1 {
            let message = format!(
                "loop `{}` is one of more than {PLACES} inside `{}`, whose rounds cannot be told \
                 apart: put some of them into an outer loop of their own, or into a node",
                group.name, model.groups[outer].name
            );
            errors.error(&group.name, message);
        }
    }
    for group in model.groups.iter().filter(|group| group.is_loop) {
        let mut around = 0;
        let mut parent = group.parent;
        while let Some(outer) = parent {
            around += usize::from(model.groups[outer].is_loop);
            parent = model.groups[outer].parent;
        }
        if around > 1 {
            let message = format!(
                "loop `{}` is inside two others, and loops nest two deep: put the innermost one \
                 into a node of its own",
                group.name
            );
            errors.error(&group.name, message);
        }
    }
}

/// How many loops are around the one that the feedback edge closes.
fn depth(model: &Model, edge: usize) -> usize {
    let mut loops: usize = 0;
    let mut group = group_of(model, edge);
    while let Some(index) = group {
        loops += usize::from(model.groups[index].is_loop);
        group = model.groups[index].parent;
    }
    // One that is closed outside of every block is around the blocks on its way.
    let open = (0..model.edges.len())
        .any(|other| model.edges[other].feedback.is_some() && group_of(model, other).is_none());
    let around = usize::from(open && loops == 1 && shares(model, edge));
    (loops.saturating_sub(1) + around).min(1)
}

/// Whether the loop that the edge closes is part of one that is closed outside of every block.
fn shares(model: &Model, edge: usize) -> bool {
    let all = Reach::new(model, |_| true);
    let Some((from, to)) = ends(model, edge) else { return false };
    (0..model.edges.len())
        .filter(|other| model.edges[*other].feedback.is_some())
        .filter(|other| group_of(model, *other).is_none())
        .filter_map(|other| ends(model, other))
        .any(|(other_from, other_to)| all.leads(other_to, to) && all.leads(from, other_from))
}

/// The innermost loop block around both ends of an edge.
fn group_of(model: &Model, edge: usize) -> Option<usize> {
    let (from, to) = ends(model, edge)?;
    let around = |node: usize| {
        let mut groups = Vec::new();
        let mut group = model.nodes[node].group;
        while let Some(index) = group {
            if model.groups[index].is_loop {
                groups.push(index);
            }
            group = model.groups[index].parent;
        }
        groups
    };
    let to = around(to);
    around(from).into_iter().find(|group| to.contains(group))
}

/// Which nodes lead to which.
struct Reach(Vec<Vec<bool>>);

impl Reach {
    /// By the edges that `counts`.
    fn new(model: &Model, counts: impl Fn(usize) -> bool) -> Self {
        let edges: Vec<_> = (0..model.edges.len())
            .filter(|edge| counts(*edge))
            .filter_map(|edge| ends(model, edge))
            .collect();
        // Where there is no feedback edge nobody asks.
        if model.edges.iter().all(|edge| edge.feedback.is_none()) {
            return Reach(Vec::new());
        }
        let mut leaving = vec![Vec::new(); model.nodes.len()];
        edges.iter().for_each(|(from, to)| leaving[*from].push(*to));
        let from = |start: usize| {
            let mut reached = vec![false; model.nodes.len()];
            let mut todo = vec![start];
            while let Some(node) = todo.pop() {
                if !std::mem::replace(&mut reached[node], true) {
                    todo.extend(&leaving[node]);
                }
            }
            reached
        };
        Reach((0..model.nodes.len()).map(from).collect())
    }

    /// Whether `from` leads to `to`, or is the same.
    fn leads(&self, from: usize, to: usize) -> bool {
        self.0.get(from).is_some_and(|reached| reached[to])
    }
}
