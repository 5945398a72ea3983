//! The parts of a graph that fail by themselves: what is connected by edges that are not severable.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::{ChannelId, Edge, Wiring};

/// The parts of a graph: one where nothing is severable.
#[derive(Default)]
pub(crate) struct Parts {
    /// For each stage, by number, the part that it is in.
    of: Vec<usize>,
    /// The edges of which one end may fail without the other: the severable, and those of the graph's own
    /// inputs and outputs, of which one end is no stage.
    edges: Vec<(Arc<dyn Edge>, Option<usize>, Option<usize>)>,
}

/// What connects stages.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Link<'a> {
    Channel(ChannelId),
    /// An output of the graph that several lead to.
    Output(usize),
    /// The instances of one node on several workers.
    Node(&'a str),
}

impl Parts {
    /// Of stages, each with the node that heads it, where these channels do not connect anything.
    /// `outputs` are those that lead to each output of the graph.
    pub(crate) fn new(
        stages: &[(&str, &Wiring)],
        outputs: &[Vec<ChannelId>],
        severable: &[ChannelId],
        edges: &[Arc<dyn Edge>],
    ) -> Self {
        let mut parts: Vec<usize> = (0..stages.len()).collect();
        let mut linked = BTreeMap::new();
        for (stage, (node, wiring)) in stages.iter().enumerate() {
            let ends = wiring.inlets.iter().chain(&wiring.outlets);
            let channels = ends.filter(|channel| !severable.contains(channel)).map(|channel| {
                let output = outputs.iter().position(|output| output.contains(channel));
                output.map_or(Link::Channel(*channel), Link::Output)
            });
            for link in channels.chain([Link::Node(node)]) {
                let (here, there) = (parts[stage], parts[*linked.entry(link).or_insert(stage)]);
                parts.iter_mut().filter(|part| **part == here).for_each(|part| *part = there);
            }
        }
        let at = |of: fn(&Wiring) -> &[ChannelId], channel: ChannelId| {
            stages.iter().position(|(_, wiring)| of(wiring).contains(&channel))
        };
        let edges = edges.iter().map(|edge| {
            let (from, to) = (at(|it| &it.outlets, edge.id()), at(|it| &it.inlets, edge.id()));
            (Arc::clone(edge), from, to)
        });
        let edges = edges.filter(|(edge, from, to)| {
            severable.contains(&edge.id()) || from.is_none() || to.is_none()
        });
        Parts { of: parts, edges: edges.collect() }
    }

    /// Whether a failure leaves something that goes on.
    pub(crate) fn are_many(&self) -> bool {
        self.of.windows(2).any(|parts| parts[0] != parts[1])
    }

    /// The stages of the part that this one is in.
    pub(crate) fn with(&self, stage: usize) -> Vec<usize> {
        (0..self.of.len()).filter(|other| self.of[*other] == self.of[stage]).collect()
    }

    /// These stages have failed together: those at the other ends of their edges do not wait until they
    /// are gone, which may be never.
    pub(crate) fn sever(&self, part: &[usize]) {
        for (edge, from, to) in &self.edges {
            let has = |end: &Option<usize>| end.is_some_and(|stage| part.contains(&stage));
            if has(from) {
                edge.sever_sender();
            }
            if has(to) {
                // Whoever feeds the graph is told.
                edge.sever_receiver(from.is_some());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wiring(inlets: &[ChannelId], outlets: &[ChannelId]) -> Wiring {
        Wiring { inlets: inlets.to_vec(), outlets: outlets.to_vec() }
    }

    #[test]
    fn what_is_connected_fails_together() {
        // 0 -> 1 -> 2, 1 -> 3 -> output, 4 -> output, and the two instances of a node behind 3.
        let stages = [
            wiring(&[], &[10]),
            wiring(&[10], &[11, 12]),
            wiring(&[11], &[]),
            wiring(&[12], &[13, 15, 16]),
            wiring(&[], &[14]),
            wiring(&[15], &[]),
            wiring(&[16], &[]),
        ];
        let named = ["a", "b", "c", "d", "e", "f", "f"];
        let stages: Vec<_> = named.into_iter().zip(&stages).collect();
        let of = |severable: &[ChannelId]| Parts::new(&stages, &[vec![13, 14]], severable, &[]);
        assert!(!of(&[]).are_many());
        assert!(of(&[11]).are_many());
        assert_eq!(of(&[11]).with(2), [2]);
        assert_eq!(of(&[12]).with(0), [0, 1, 2]);
        assert_eq!(of(&[12]).with(4), [3, 4, 5, 6]);
        // One edge of two does not cut anything off, nor one instance of two.
        assert!(!of(&[15]).are_many());
        assert_eq!(of(&[15, 16]).with(5), [5, 6]);
    }
}
