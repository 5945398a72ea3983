//! Loops: how the tasks of a scope find out that a time, or a round of it, is over.
//!
//! A scope is a part of the graph that its feedback edges, the *cuts*, make strongly connected.
//! Its coordinator sends a turn on every cut, with a promise that is also the cut's frontier. A
//! stage passes the turn on once it has come in by every edge that a cut leads to, all its inputs
//! have promised as much, and everything due before is done; with the turn goes what is still
//! held on the way. A cut reports the turn when it has come round: the least of what is held and
//! of the stamps that crossed the cut meanwhile, raised by one round. The next promise is the
//! least of all cuts. When nothing is left to promise, the scope has ended.
//!
//! So a turn waits at a node that holds something back, or that waits for the clock, until it has
//! let go. What an entry may still bring is held, unless it is idle: then it is not waited for, and
//! what it brings behind the promise is late. Where a turn finds nothing but idle entries, the
//! next one asks every stage whether it is idle too. If all are, the scope rests, and its exits
//! are idle; it goes on when a cut hears that what leads to it is active again.
//!
//! Nested loops have one coordinator together. Stamps are ordered by time, the rounds of the outer
//! loop, then those of the inner one. Inner loops beside each other in one outer loop take their
//! rounds from one count: each begins where those before it end, so that what leaves an inner loop
//! is after all of its rounds.

mod coordinator;
mod cut;
mod gather;
mod leave;
mod scopes;

pub(crate) use coordinator::{Coordinator, Next};
pub(crate) use cut::Mailbox;
pub(crate) use cut::Scope;
pub use cut::{Bound, Cut};
pub(crate) use gather::Gathered;
pub use leave::Leave;
pub(crate) use scopes::{ChannelId, FeedbackEdge, Leaves, Looped, Wiring, assemble};

use serde::{Deserialize, Serialize};

use crate::time::{Promise, Stamp};

/// A turn on its way through a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Counts the scope's turns, from 1.
    pub number: u64,
    /// The frontier on the cuts.
    pub promise: Promise,
    /// The earliest thing that is still held by what the turn has passed.
    pub hold: Option<Stamp>,
    /// The latest that an idle entry has promised; `None` where no entry is idle.
    pub idle: Option<Stamp>,
    /// Everything that the turn has passed is idle; only of a turn that asks for that.
    pub rests: bool,
}

impl Turn {
    /// Of a scope's turn number `number`, as it sets out.
    pub(crate) fn new(number: u64, promise: Promise) -> Self {
        Turn { number, promise, hold: None, idle: None, rests: false }
    }
}

/// The earlier of both; `None` is nothing at all.
pub(crate) fn earlier(one: Option<Stamp>, other: Option<Stamp>) -> Option<Stamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
