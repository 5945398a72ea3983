//! Cycles: every one needs a feedback edge, and every feedback edge a cycle.

use crate::diag::Errors;
use crate::graph::model::{From, Model, To};

/// A node as the search sees it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Not,
    OnPath,
    Done,
}

/// The nodes at both ends of edge `edge`, where it joins two nodes.
pub(crate) fn ends(model: &Model, edge: usize) -> Option<(usize, usize)> {
    match (model.edges[edge].from, model.edges[edge].to) {
        (From::Out(out), To::In(input)) => Some((model.outs[out].node, model.ins[input].node)),
        _ => None,
    }
}

/// Tells of every edge that closes a cycle; gives their numbers.
pub(crate) fn check(model: &Model, errors: &mut Errors) -> Vec<usize> {
    let mut search = Search {
        model,
        leaving: leaving(model),
        seen: vec![Seen::Not; model.nodes.len()],
        path: Vec::new(),
        closing: Vec::new(),
    };
    for node in 0..model.nodes.len() {
        if search.seen[node] == Seen::Not {
            search.visit(node, errors);
        }
    }
    let closing = search.closing;
    feedback(model, &closing, errors);
    closing
}

/// The edges that leave each node, without feedback edges.
fn leaving(model: &Model) -> Vec<Vec<(usize, usize)>> {
    let mut leaving = vec![Vec::new(); model.nodes.len()];
    for (index, edge) in model.edges.iter().enumerate() {
        if let (Some((from, to)), None) = (ends(model, index), &edge.feedback) {
            leaving[from].push((index, to));
        }
    }
    leaving
}

struct Search<'a> {
    model: &'a Model,
    leaving: Vec<Vec<(usize, usize)>>,
    seen: Vec<Seen>,
    path: Vec<usize>,
    closing: Vec<usize>,
}

impl Search<'_> {
    /// Depth first, with a stack of its own: a chain may be longer than the thread's.
    fn visit(&mut self, start: usize, errors: &mut Errors) {
        self.enter(start);
        let mut next = vec![0];
        while let (Some(&node), Some(at)) = (self.path.last(), next.last_mut()) {
            let Some(&(edge, to)) = self.leaving[node].get(*at) else {
                self.path.pop();
                next.pop();
                self.seen[node] = Seen::Done;
                continue;
            };
            *at += 1;
            match self.seen[to] {
                Seen::OnPath => self.close(edge, to, errors),
                Seen::Not => {
                    self.enter(to);
                    next.push(0);
                }
                Seen::Done => {}
            }
        }
    }

    fn enter(&mut self, node: usize) {
        self.seen[node] = Seen::OnPath;
        self.path.push(node);
    }

    fn close(&mut self, edge: usize, to: usize, errors: &mut Errors) {
        self.closing.push(edge);
        let first = self.path.iter().position(|node| *node == to).unwrap_or(0);
        let names: Vec<String> = self.path[first..]
            .iter()
            .chain([&to])
            .map(|node| self.model.nodes[*node].name.to_string())
            .collect();
        let edge = &self.model.edges[edge];
        let (cycle, target) = (names.join(" -> "), edge.to_text.text());
        let message = format!(
            "this edge closes the cycle `{cycle}`; mark one edge of it as `=> feedback {target}`"
        );
        errors.error(edge.tokens(), message);
    }
}

/// A feedback edge whose target does not lead back to where it comes from.
fn feedback(model: &Model, closing: &[usize], errors: &mut Errors) {
    let joins: Vec<_> = (0..model.edges.len()).map(|edge| ends(model, edge)).collect();
    for (index, edge) in model.edges.iter().enumerate() {
        let (Some(keyword), Some((from, to))) = (&edge.feedback, joins[index]) else { continue };
        let mut reached = vec![false; model.nodes.len()];
        let mut todo = vec![to];
        while let Some(node) = todo.pop() {
            if !std::mem::replace(&mut reached[node], true) {
                let others = joins.iter().enumerate().filter(|(other, _)| *other != index);
                let leaving = others.filter_map(|(_, join)| *join);
                todo.extend(leaving.filter(|(from, _)| *from == node).map(|(_, to)| to));
            }
        }
        // Where edges were left out, the rest of the cycle may be among them.
        if !reached[from] && !model.partial && closing.is_empty() {
            errors.error(keyword, "this edge closes no cycle: leave out `feedback`");
        }
    }
}
