//! How a graph runs: stages, units, edges. The only module that knows tokio.

mod agenda;
mod aside;
mod breaker;
mod calls;
mod chance;
mod channel;
mod clock;
mod control;
mod cx;
mod drive;
mod due;
mod exchange;
pub(crate) mod ids;
pub(crate) mod in_flight;
mod inlet;
mod instance;
mod merge;
mod metrics;
mod metrics_table;
#[cfg(all(test, streamweave_loom))]
mod models;
mod outbox;
mod pace;
mod probe;
mod records;
mod routes;
mod saved;
mod serial;
pub(crate) mod share;
mod signals;
mod sizes;
mod source;
mod spawn;
#[allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "records that wait in a file"
)]
mod spill;
mod stage;
mod stalls;
mod sync;
mod tray;
pub(crate) mod turns;

pub use agenda::Agenda;
pub use aside::Letter;
pub use calls::Attempts;
pub(crate) use calls::run_calls;
pub(crate) use chance::{Chance, Note, Random};
pub use channel::{Capacity, Flushed, Halt, Sending};
pub(crate) use channel::{Edge, Received, Receiver, Refused, Sender, channel};
pub(crate) use clock::Clock;
pub use control::{BarrierKind, Control};
pub use cx::{Cause, Cx, Failure, Phase};
pub(crate) use drive::Pending;
pub use exchange::Exchange;
pub(crate) use inlet::{AnyInlet, DriveInlets, Inlet, Inlets, PopInlets, PortInlets};
pub(crate) use instance::{ALL_SO_FAR, Letterbox, LettersTo};
pub use instance::{AnyInstance, Flush, Fused, Instance};
pub(crate) use merge::{Merge, MergeNext, MergeOrder, Stash};
pub(crate) use metrics::{Counters, EdgeCounters, NodeCounters, StageCounters, Stopwatch, raise};
pub use metrics::{EdgeMetrics, Metrics, NodeMetrics, StageMetrics};
pub use outbox::Outbox;
pub(crate) use pace::{TURN, give_way, has_threads};
pub(crate) use probe::{InstanceState, Probe, Question, states};
pub(crate) use records::Carried;
pub use records::{Mark, Records};
pub(crate) use routes::Routes;
pub(crate) use serial::{AsyncRoot, DriveAsync, run_serial};
pub(crate) use signals::Signals;
pub(crate) use source::run_source;
pub(crate) use spawn::{Alive, panic_message};
pub(crate) use stage::{Merging, Stage, StageEnd, StageEnv, run_sync};
pub use tray::Tray;
pub use turns::{Bound, Cut, Leave, Turn};
pub(crate) use turns::{ChannelId, FeedbackEdge, Looped, Mailbox, Wiring, assemble};
