//! The time of a record that is kept to be sent later.

use serde::{Deserialize, Serialize};

use crate::engine::{Carried, Mark};
use crate::time::{LogicalTime, Stamp};

/// The time of a record that a node keeps to send it later, and whether it was late: what
/// [`Context::keep`](crate::node::Context::keep) gives. Saved beside the record.
///
/// Nothing where the record has no time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kept(Option<(Stamp, Carried)>);

impl Kept {
    pub(crate) fn of(mark: Mark) -> Self {
        Kept(mark.stamp().map(|stamp| (stamp, mark.carried)))
    }

    pub(crate) fn mark(&self) -> Mark {
        self.0.map_or_else(Mark::default, |(stamp, carried)| Mark { carried, stamp })
    }

    /// What the frontier waits for because of the record. It does not wait for late ones.
    pub(crate) fn held(&self) -> Option<Stamp> {
        self.0.and_then(|(stamp, carried)| (!carried.is_late()).then_some(stamp))
    }

    /// The record's time, where it has one.
    pub fn time(&self) -> Option<LogicalTime> {
        self.mark().time()
    }
}
