//! What a node and an edge are called beyond a process and a run. Stages are a plan, and have no such name.

use std::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// A node, by the hash of its declared path.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NodeId(u64);

impl NodeId {
    pub(crate) fn of(path: &str) -> Self {
        NodeId(xxh3_64(path.as_bytes()))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// An edge: node, port, node, port. In checkpoints nodes are written by their paths, as these are what a renaming
/// is declared with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeId {
    /// Of a graph's own input: `graph`, and the input's name.
    pub(crate) from: String,
    pub(crate) output: String,
    pub(crate) to: String,
    pub(crate) input: String,
    /// Which instance sends by it, of those of `from`.
    pub(crate) instance: u32,
}

impl EdgeId {
    /// The edge to this input of an instance, `risk/check#2.orders`, of which it is still to be told where it comes
    /// from.
    pub(crate) fn to(input: &str) -> Self {
        let (path, input) = input.rsplit_once('.').unwrap_or((input, ""));
        let to = declared(path).0.to_owned();
        EdgeId { from: String::new(), output: String::new(), to, input: input.into(), instance: 0 }
    }

    /// Whether what was on its way by `saved` comes by this edge: from the same instance, or any.
    pub(crate) fn continues(&self, saved: &EdgeId, from_instance: bool) -> bool {
        let is_same =
            self.from == saved.from && self.output == saved.output && self.input == saved.input;
        is_same && (self.instance == saved.instance || !from_instance)
    }

    /// It comes from `output` of the instance at `path`.
    pub(crate) fn set_from(&mut self, path: &str, output: &str) {
        let (from, instance) = declared(path);
        (self.from, self.output, self.instance) = (from.into(), output.into(), instance);
    }
}

/// The path as it is declared, and the number of the worker.
fn declared(path: &str) -> (&str, u32) {
    let (declared, worker) = path.split_once('#').unwrap_or((path, ""));
    (declared, worker.parse().unwrap_or(0))
}

/// What is said of a batch on an edge, beside what its records carry
/// ([`Carried`](crate::engine::records::Carried)): enough to tell whether all that was sent before it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) producer: NodeId,
    pub(crate) instance: u32,
    /// The life of the graph that it belongs to, from 1.
    pub(crate) attempt: u32,
    /// How many records were sent on the edge before it, in this life.
    pub(crate) first: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_of_instances() {
        let mut edge = EdgeId::to("risk/check#2.orders");
        edge.set_from("feed/split#11", "large");
        let ends = (&*edge.from, &*edge.output, &*edge.to, &*edge.input);
        assert_eq!(ends, ("feed/split", "large", "risk/check", "orders"));
        assert_eq!(edge.instance, 11);
    }

    /// What other processes have, too, stays as it is.
    #[test]
    fn a_node_is_called_the_same_everywhere() {
        assert_eq!(format!("{:?}", NodeId::of("risk/check")), "b850686403426f40");
    }
}
