//! Dead letters: records whose handling failed, with what is known about the failure.

use std::sync::Arc;

use crate::engine::Letter;
use crate::node::Node;
use crate::time::LogicalTime;

/// A node whose failed records can leave by `dead_letters`; `#[node]` implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no dead letters",
    label = "this node does not say what its failed records are",
    note = "`#[node]` implements `Letters`; by hand, implement it for the node"
)]
pub trait Letters: Node {
    /// A record of any of the node's inputs: `Send` because its inputs' items are.
    type Input;
}

/// A record whose handling failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetter<T> {
    /// The record, by the input it came in; of a timer, the timer.
    pub record: T,
    /// What went wrong.
    pub error: String,
    /// The instance path of the node.
    pub node: String,
    /// The record's position among all that the node has taken: how many came before it.
    pub position: u64,
    /// The record's time, where the stream is timed.
    pub time: Option<LogicalTime>,
}

/// What is known about a failure, but for the record.
#[derive(Clone, Debug)]
pub struct About {
    pub(crate) error: String,
    pub(crate) node: Arc<str>,
    pub(crate) position: u64,
    pub(crate) time: Option<LogicalTime>,
}

impl About {
    /// The dead letter that holds `record`: what [`InputPort::letter`](crate::node::InputPort::letter)
    /// returns.
    pub fn letter<T: 'static>(self, record: T) -> Letter {
        let About { error, node, position, time } = self;
        Box::new(DeadLetter { record, error, node: node.to_string(), position, time })
    }
}
