//! Testing graphs: simulation by seeds, time that the test moves, ports recorded and replayed.
//!
//! A graph runs [inline](crate::graph::Graph::inline) in a test: on the test's thread, by a clock
//! that stands still until the test moves it. There [`feed`](crate::graph::Inline::feed) and
//! [`replay`](crate::graph::Inline::replay) send into its inputs (and end them, unless a clone is
//! kept: `run.feed(inputs.numbers.clone(), ..)`),
//! [`capture`](crate::graph::Inline::capture) records its outputs,
//! [`advance`](crate::graph::Inline::advance) and
//! [`until_idle`](crate::graph::Inline::until_idle) move the time.
//!
//! Inline, stages take turns in the usual order, and edges hold what they were built to hold. What
//! happens under load, when one stage lags and another is short of room, is for [`simulate`]: the
//! same test, run once for each seed, with everything that may go in more than one way decided by
//! the seed.
//!
//! ```
//! use streamweave::nodes::map;
//! use streamweave::prelude::*;
//! use streamweave::testing::simulate;
//!
//! simulate(100, |sim| {
//!     let graph = graph! {
//!         double: map(|n: u64| n * 2),
//!         negate: map(|n: u64| n + 1),
//!         graph.numbers => double.input,
//!         #[boundary] double.out => negate.input,
//!         negate.out => graph.results,
//!     };
//!     let (inputs, outputs, mut run) = sim.start(graph)?.split();
//!     let results = run.capture(outputs.results);
//!     run.feed(inputs.numbers, 0..50);
//!     run.until_idle()?;
//!     let expected: Vec<u64> = (0..50).map(|n| n * 2 + 1).collect();
//!     assert_eq!(results.items(), expected);
//!     Ok(())
//! })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod capture;
mod feed;
mod simulate;
mod simulation;

pub use capture::{Capture, Captured};
pub use simulate::{Explored, SimulationError, simulate};
pub use simulation::Simulation;
