//! What travels on an edge beside records, in order with them.

use serde::{Deserialize, Serialize};

use crate::engine::turns::Turn;
use crate::time::Promise;

/// A control message. The enum is versioned as a whole: adding a variant is a new version
/// ([`Control::VERSION`]), so that coordinators can move between processes. What no coordinator of this version
/// sends is laid down all the same: [`Route`](Control::Route), [`Query`](Control::Query), and barriers that are not
/// [`Aligned`](BarrierKind::Aligned); a process asks its stages and says which barrier overtakes beside the edges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Control {
    /// Every later record on this edge has at least this time.
    Frontier(Promise),
    /// The producer has nothing for now and makes no promise.
    Idle,
    /// The producer is back.
    Active,
    /// The producer is down, or paused: it is waited for, and brings nothing meanwhile.
    Held,
    /// A checkpoint's barrier: what is before it belongs to the epoch, what is behind does not.
    Barrier {
        /// The checkpoint.
        epoch: u64,
        /// The life of the graph that the barrier belongs to, from 1.
        attempt: u32,
        /// How the inputs align.
        kind: BarrierKind,
    },
    /// A turn of a loop: its promise is the frontier on the feedback edge.
    Turn(Turn),
    /// From here on records are routed by this version of the routing table.
    Route {
        /// The table's version.
        version: u64,
    },
    /// A consistent question to the state: answered by each instance as it passes.
    Query {
        /// The question's id.
        id: u64,
    },
    /// The input has ended: no more records, and everything before has been delivered.
    End,
    /// Something before it has failed, and nothing more comes: this is never the end of input.
    Failed,
}

impl Control {
    /// Of the variants, their fields and how they serialize.
    pub const VERSION: u32 = 1;

    /// The edge that it is sent on says of which attempt it is.
    pub(crate) fn barrier(epoch: u64) -> Self {
        Control::Barrier { epoch, attempt: 0, kind: BarrierKind::Aligned }
    }
}

/// How a barrier waits for the other inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum BarrierKind {
    /// Inputs that have it wait for those that do not.
    Aligned,
    /// It overtakes what waits; that is logged.
    Unaligned,
    /// Aligned, kept until dropped on purpose.
    Savepoint,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Frontier, LogicalTime};

    /// What is another process's, too, stays as it is, or is another version.
    #[test]
    fn the_bytes_of_this_version() {
        let frontier = Promise { frontier: Frontier::At(LogicalTime(7)), ..Promise::ENDED };
        let all = [
            Control::Frontier(frontier),
            Control::Idle,
            Control::Active,
            Control::Held,
            Control::barrier(3),
            Control::Route { version: 2 },
            Control::Query { id: 5 },
            Control::End,
            Control::Failed,
        ];
        let mut bytes = Vec::new();
        for control in &all {
            bytes.extend(rmp_serde::to_vec_named(control).expect("it serializes"));
        }
        assert_eq!(
            (Control::VERSION, xxhash_rust::xxh3::xxh3_64(&bytes)),
            (1, 0x083b_131e_d425_c9f6)
        );
    }
}
