//! What a graph says about itself: nodes, edges, groups and policies, as written.

use std::collections::BTreeMap;

use crate::supervision::{OnFailure, Strategy, SupervisionPolicy, is_within};

/// The declaration of a graph.
#[derive(Clone, Debug, Default)]
pub struct GraphSpec {
    /// Its nodes, in the order of their declaration.
    pub nodes: Vec<NodeSpec>,
    /// Its edges, in the order of their declaration.
    pub edges: Vec<EdgeSpec>,
    /// Its groups, outer ones before inner ones.
    pub groups: Vec<GroupSpec>,
}

/// A node of a graph.
#[derive(Clone, Debug, Default)]
pub struct NodeSpec {
    /// Its path: the names of its groups and its own, `desk/matcher`.
    pub path: String,
    /// What happens when it fails.
    pub policy: SupervisionPolicy,
    /// On how many workers it runs; `None` for one.
    pub workers: Option<usize>,
    /// The path that it had before: saved state of that path is its own.
    pub renamed_from: Option<String>,
}

/// An edge of a graph: from `path.port` to `path.port`, or `graph.port`.
#[derive(Clone, Debug, Default)]
pub struct EdgeSpec {
    /// The output it starts at.
    pub from: String,
    /// The input it leads to.
    pub to: String,
    /// The bound of what may wait on it.
    pub buffer: Option<usize>,
    /// Whether the target has a task of its own because of it.
    pub boundary: bool,
    /// Whether it closes a cycle.
    pub feedback: bool,
    /// A failure at one end of it does not stop what is at the other. That which has failed for good, as no
    /// policy treats it or its restarts are used up, stops with all that is connected to it by other edges
    /// (and with the other instances of its nodes); its inputs of the graph refuse what they are sent.
    /// What was sent to it from there on is dropped, and counted as [discarded](crate::engine::EdgeMetrics).
    /// What it fed goes on with its other inputs: this one keeps its last frontier, so that no window fires which
    /// may still have had something from there (they stay open, and so does what they keep), and ends at last as
    /// failed, too.
    ///
    /// From then on no checkpoint is complete, as it would not hold the part that has failed, and what waits
    /// for one to commit does not. What goes on is what is seen at once: outputs, idempotent sinks, queries.
    /// [`Running::failures`](crate::graph::Running::failures) tells, and the run fails with the first such
    /// failure when everything else has come to its end, or is stopped; begun again from the last checkpoint,
    /// nothing is lost. In a deterministic run, and under
    /// [`restart_from_checkpoint`](crate::checkpoint::restart_from_checkpoint), a failure stops all as it would
    /// otherwise.
    pub severable: bool,
    /// In a deterministic run: its target takes one record of each of its edges in turn, as their
    /// records have no times to order them by.
    pub in_turn: bool,
}

/// A group of a graph: a supervision unit, a region of workers, or the scope of a loop.
#[derive(Clone, Debug, Default)]
pub struct GroupSpec {
    /// Its path.
    pub path: String,
    /// Which of its members restart when one fails; `None` where it is no supervision unit by
    /// itself.
    pub strategy: Option<Strategy>,
    /// What happens when one fails.
    pub policy: SupervisionPolicy,
    /// On how many workers it runs; `None` for one.
    pub workers: Option<usize>,
    /// Of a loop: the bound on its rounds.
    pub rounds: Option<u64>,
    /// Whether it is the scope of a loop.
    pub is_loop: bool,
    /// The path that it had before: saved state of what was under it is of what is under it now.
    pub renamed_from: Option<String>,
}

impl GraphSpec {
    /// Puts `prefix` before every path.
    pub(crate) fn prefix(&mut self, prefix: &str) {
        if prefix.is_empty() {
            return;
        }
        let former = self.nodes.iter_mut().filter_map(|node| node.renamed_from.as_mut());
        let others = self.groups.iter_mut().filter_map(|group| group.renamed_from.as_mut());
        former.chain(others).for_each(|path| path.insert_str(0, prefix));
        let nodes = self.nodes.iter_mut().map(|node| &mut node.path);
        let groups = self.groups.iter_mut().map(|group| &mut group.path);
        let edges = self.edges.iter_mut().flat_map(|edge| [&mut edge.from, &mut edge.to]);
        for path in nodes.chain(groups).chain(edges) {
            path.insert_str(0, prefix);
        }
    }

    /// The path that what was saved under `path` has now.
    pub(crate) fn renamed(&self, path: &str) -> String {
        let nodes = self.nodes.iter().map(|node| (&node.renamed_from, &node.path));
        let groups = self.groups.iter().map(|group| (&group.renamed_from, &group.path));
        let all = nodes.chain(groups).filter_map(|(before, now)| Some((before.as_ref()?, now)));
        let renames: BTreeMap<&str, &str> =
            all.map(|(before, now)| (before.as_str(), now.as_str())).collect();
        // From the outside in, each name once: what something was called before is told by the name
        // that its group has now.
        let mut now = String::new();
        for name in path.split('/') {
            if !now.is_empty() {
                now.push('/');
            }
            now.push_str(name);
            if let Some(renamed) = renames.get(now.as_str()) {
                now = (*renamed).to_owned();
            }
        }
        now
    }

    /// What is to have none of what it cannot be without.
    pub(crate) fn refuses(&self) -> impl Iterator<Item = String> {
        let nodes = self.nodes.iter().map(|node| (&node.path, node.workers));
        let groups = self.groups.iter().map(|group| (&group.path, group.workers));
        let idle = nodes.chain(groups).filter(|(_, workers)| *workers == Some(0)).map(|(path, _)| {
            format!(
                "`{path}` is to run on no worker, so that nobody would take its records: the number in \
                 `#[workers(..)]` must be at least 1"
            )
        });
        let narrow = self.edges.iter().filter(|edge| edge.buffer == Some(0)).map(|edge| {
            format!(
                "the edge `{} => {}` is to have room for no record, so that none would come by it: the number \
                 in `#[buffer(..)]` must be at least 1",
                edge.from, edge.to
            )
        });
        idle.chain(narrow)
    }

    /// Whether any policy keeps state after a failure, so that changes must be logged.
    pub(crate) fn is_supervised(&self) -> bool {
        self.units().next().is_some()
    }

    /// Whether a policy over this node, its own or one of what is around it, does anything.
    pub(crate) fn supervises(&self, node: &str) -> bool {
        self.units().any(|path| is_within(node, path))
    }

    /// The paths of what has a policy that goes on after a failure.
    fn units(&self) -> impl Iterator<Item = &str> {
        let acts = |policy: &SupervisionPolicy| {
            policy.restart.is_some()
                || policy.on_failure.is_some_and(|what| what != OnFailure::Stop)
        };
        let nodes = self.nodes.iter().filter(move |node| acts(&node.policy));
        let groups = self.groups.iter();
        let groups = groups.filter(move |group| acts(&group.policy) || group.strategy.is_some());
        nodes.map(|node| &*node.path).chain(groups.map(|group| &*group.path))
    }
}
