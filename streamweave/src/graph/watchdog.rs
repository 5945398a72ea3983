//! Notices steps that never end.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::engine::{Cause, Failure, StageCounters};
use crate::graph::barriers::Barriers;

/// The stages of a run, and how long a step of one may take.
pub(super) struct Watchdog {
    pub(super) stages: Vec<(Arc<str>, Arc<StageCounters>)>,
    pub(super) limit: Option<Duration>,
    /// What knows which of them have been severed: nobody waits for those.
    pub(super) barriers: Arc<Barriers>,
}

impl Watchdog {
    /// Ready when a step has taken longer than it may.
    #[allow(
        clippy::disallowed_methods,
        reason = "a step that hangs does so by the machine's clock"
    )]
    pub(super) async fn barks(self) -> Arc<Failure> {
        let Some(limit) = self.limit else { return std::future::pending().await };
        let mut running = vec![(0, Instant::now()); self.stages.len()];
        loop {
            sleep((limit / 4).max(Duration::from_millis(1))).await;
            let stages = self.stages.iter().enumerate().zip(&mut running);
            for ((number, (stage, counters)), (seen, since)) in stages {
                let step = if self.barriers.is_severed(number) { 0 } else { counters.running() };
                if step != *seen {
                    (*seen, *since) = (step, Instant::now());
                } else if step != 0 && since.elapsed() >= limit {
                    let cause = Cause::Hung(since.elapsed());
                    let node = Arc::clone(stage);
                    return Arc::new(Failure::new(node, "step", step, cause));
                }
            }
        }
    }
}
