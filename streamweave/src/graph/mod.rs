//! Graphs: the builder that `graph!` expands to, and the running graph.

mod attach;
mod attempts;
mod barriers;
mod builder;
pub mod check;
mod cuts;
mod driver;
mod ending;
mod error;
mod flow;
#[allow(clippy::module_inception, reason = "the type the module is about")]
mod graph;
mod guarantees;
mod handles;
mod inline;
mod intervals;
mod life;
mod mode;
mod parts;
mod planned;
mod port_list;
mod progress;
mod queries;
mod restore;
mod run;
mod schedule;
mod snapshot;
mod spec;
mod watchdog;
mod wide;

pub use attach::{
    Attach, AttachMany, AttachManyWide, AttachRoot, AttachRootWide, AttachWide, Joined,
};
pub use attempts::restart_from_checkpoint;
pub use builder::{Back, GraphBuilder, Incoming};
pub use error::{RestoreError, RunError, StartError};
pub use graph::Graph;
pub use guarantees::{Delivery, Guarantee, PathGuarantee, Replay};
pub use handles::{Input, Output, SendError};
pub use inline::Inline;
pub use intervals::{CheckpointReport, Checkpoints, CompleteCheckpoint};
pub use mode::ExecutionMode;
pub use port_list::{EdgeList, EdgeOptions, EdgeTo, Gather, Loopback};
pub use progress::{CompletedFrontier, ProgressHandle};
pub use queries::{Answers, Asked, CutQuery};
pub use run::{Running, StopReport, Summary};
pub(crate) use snapshot::Descent;
pub use snapshot::{CutId, Snapshot};
pub use spec::{EdgeSpec, GraphSpec, GroupSpec, NodeSpec};
pub use wide::Wide;
