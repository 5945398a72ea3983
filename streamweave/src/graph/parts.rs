//! The parts of a graph that fail by themselves: what is connected by edges that are not severable.

use std::collections::BTreeMap;

use crate::engine::{ChannelId, Wiring};

/// For each stage, by number, the part that it is in. Empty where the graph is one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parts(Vec<usize>);

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
        Parts(parts)
    }

    /// Whether a failure leaves something that goes on.
    pub(crate) fn are_many(&self) -> bool {
        self.0.windows(2).any(|parts| parts[0] != parts[1])
    }

    /// The stages of the part that this one is in.
    pub(crate) fn with(&self, stage: usize) -> Vec<usize> {
        (0..self.0.len()).filter(|other| self.0[*other] == self.0[stage]).collect()
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
        let of = |severable: &[ChannelId]| Parts::new(&stages, &[vec![13, 14]], severable);
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
