//! What happens when a unit fails: policies, and the supervisors that act by them.
//!
//! ```
//! use streamweave::prelude::*;
//!
//! #[node]
//! fn parse(line: String) -> Result<u64, std::num::ParseIntError> {
//!     line.parse()
//! }
//!
//! let graph = graph! {
//!     #[on_failure(dead_letter)]
//!     parse: Parse,
//!     graph.lines        => parse.input,
//!     parse.out          => graph.numbers,
//!     parse.dead_letters => graph.poison,
//! };
//! let mut run = graph.inline()?;
//! for line in ["1", "two", "3"] {
//!     run.inputs.lines.try_send(line.to_owned())?;
//! }
//! run.step()?;
//! assert_eq!(run.outputs.numbers.try_recv(), Some(1));
//! assert_eq!(run.outputs.numbers.try_recv(), Some(3));
//! let letter = run.outputs.poison.try_recv().expect("the second line");
//! assert_eq!((letter.position, &*letter.error), (1, "invalid digit found in string"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A failure is an error that a handler returns, or a panic in it. By default it stops the graph
//! with a report. With a policy the failed unit is undone, what stood before it goes on its way,
//! and
//!
//! - [`OnFailure`] says what becomes of its record: it is tried again, left out, or sent on as a
//!   dead letter; left out or sent on also after some tries of its own
//!   (`#[on_failure(dead_letter, retry = 3, backoff = "100ms..5s")]`);
//! - [`RestartSpec`] says how often that may be, within which time, and after which wait: the
//!   node's scratch is then rebuilt empty and `on_start` runs again, while its state stands as
//!   before the failed unit. A record that is left out or sent on after an *error* needs no such
//!   restart; after a panic nobody knows what became of the scratch.
//! - [`Strategy`] says which members of a group restart when one of them fails.
//!
//! A node with a policy has a stage of its own, so that its unit is its own input record and what
//! it sends leaves only when the unit stands. (Within a nested graph that is itself under a policy
//! the unit is that of the nested graph's stages.) While it is down its frontier is held; what
//! comes in waits, and so does what feeds it, by backpressure.
//!
//! What the attempts are used up on goes to the next supervisor outwards ([`FailureAction`]), and
//! beyond the outermost one it stops the graph. Strategies and counts are those of Erlang/OTP's supervisors:
//! one that is restarted itself begins to count anew, and what fails while it is to restart because of
//! another's failure counts no more than that one. What OTP calls the types of children is not there: each
//! restarts, what has ended does not, and what the rest can do without is told by its edges. Where the
//! state of the last checkpoint is what the graph is to go on with,
//! [`restart_from_checkpoint`](crate::checkpoint::restart_from_checkpoint) starts it again as a whole.
//!
//! Code of a record's own type may panic before any handler sees it, in its `Clone`: that is the failure of
//! the node that was about to take it, and the record, which is there still, is treated as any other. What
//! panics in a `Serialize` fails the checkpoint, and the run goes on.
//!
//! What the rest can do without is told by its edges: a failure at one end of a `#[severable]` edge leaves
//! [what is at the other](crate::graph::EdgeSpec::severable).
//!
//! ```
//! use streamweave::nodes::{for_each, map};
//! use streamweave::prelude::*;
//!
//! let graph = graph! {
//!     double: map(|n: u64| n * 2),
//!     audit: for_each(|n: u64| assert_ne!(n, 4, "not this one")),
//!     graph.numbers => double.input,
//!     double.out => graph.doubled,
//!     #[severable]
//!     double.out => audit.input,
//! };
//! let mut run = graph.inline()?;
//! for n in [1, 2, 3] {
//!     run.inputs.numbers.try_send(n)?;
//! }
//! run.step()?;
//! let doubled: Vec<_> = std::iter::from_fn(|| run.outputs.doubled.try_recv()).collect();
//! assert_eq!(doubled, [2, 4, 6]);
//! // It is told all the same, when everything else has come to its end.
//! assert!(run.drain().unwrap_err().to_string().contains("not this one"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod policy;
mod report;
mod restarts;
mod supervised;
mod supervisor;
#[cfg(test)]
mod tests;

pub use policy::{
    FailureAction, OnFailure, RestartSpec, RestartedState, Strategy, SupervisionPolicy,
};
pub(crate) use report::Reports;
pub use report::{FailureReport, FailureReports};
pub(crate) use restarts::Restarts;
pub(crate) use supervised::{Order, Supervised, Supervision};
pub(crate) use supervisor::{Supervisor, Treatment, is_within};
