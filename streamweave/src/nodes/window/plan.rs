//! `Plan`: how a node of windows was configured.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::broken::{Broken, broken};
use crate::node::NodeResult;
use crate::nodes::millis;
use crate::nodes::window::assign::{check_span, span};
use crate::nodes::window::made_with::MadeWith;
use crate::nodes::window::{Accumulation, Aggregate, Window, WindowAssigner, WindowError};
use crate::{Frontier, LogicalTime, NodeError};

/// The configuration that nodes of windows share.
pub(crate) struct Plan<W, A: Aggregate> {
    pub(crate) assigner: W,
    pub(super) aggregate: A,
    pub(crate) lateness: i64,
    pub(super) accumulation: Accumulation,
    pub(super) early: Early<A::Input>,
    /// So many late records of a window have a result together.
    pub(super) late_records: u64,
    /// The gap that ends a record's session, where the record says it.
    pub(super) gap: Option<Gap<A::Input>>,
    /// Windows of the run's clock.
    pub(super) by_clock: bool,
    /// Records are added to slices, which are combined when a window is complete.
    pub(super) sliced: bool,
}

/// When a window sends a result before it is complete.
pub(super) struct Early<T> {
    /// So many records after the last result.
    pub(super) records: Option<u64>,
    /// So many milliseconds of the run's clock after the first record since the last result.
    pub(super) clock: Option<i64>,
    /// When the frontier comes to a multiple of so many milliseconds, if there are records since the
    /// last result.
    pub(super) time: Option<i64>,
    /// After a record that says so.
    pub(super) punctuation: Option<Punctuation<T>>,
}

type Gap<T> = Arc<dyn Fn(&T) -> Option<Duration> + Send + Sync>;

type Punctuation<T> = Arc<dyn Fn(&T) -> bool + Send + Sync>;

impl<W: WindowAssigner, A: Aggregate> Plan<W, A> {
    pub(crate) fn new(assigner: W, aggregate: A) -> Self {
        Plan {
            assigner,
            aggregate,
            lateness: 0,
            accumulation: Accumulation::default(),
            late_records: 1,
            early: Early { records: None, clock: None, time: None, punctuation: None },
            gap: None,
            by_clock: false,
            sliced: false,
        }
        .resliced()
    }

    /// Slices are enough where a window has one result only. They do not tell which of their
    /// windows have had it, as the frontier does; so windows of the clock are kept one by one. And
    /// combined they give the records in another order.
    fn resliced(self) -> Self {
        let Early { records, clock, time, punctuation } = &self.early;
        let timed = clock.is_some() || time.is_some();
        let early = records.is_some() || timed || punctuation.is_some();
        let ordered = A::ORDERED && !W::WHOLE_SLICES && !broken(Broken::SlicesLoseOrder);
        let sliced = W::SLICES && !early && self.lateness == 0 && !self.by_clock && !ordered;
        Plan { sliced, ..self }
    }

    pub(crate) fn allowed_lateness(self, lateness: Duration) -> Self {
        Plan { lateness: millis(lateness), ..self }.resliced()
    }

    pub(super) fn early_after(mut self, records: u64) -> Self {
        self.early.records = Some(records.max(1));
        self.resliced()
    }

    pub(super) fn early_every(mut self, period: Duration) -> Self {
        self.early.clock = Some(millis(period).max(1));
        self.resliced()
    }

    pub(super) fn early_every_time(mut self, period: Duration) -> Self {
        self.early.time = Some(millis(period).max(1));
        self.resliced()
    }

    pub(super) fn early_when(mut self, punctuation: Punctuation<A::Input>) -> Self {
        self.early.punctuation = Some(punctuation);
        self.resliced()
    }

    pub(super) fn late_after(self, records: u64) -> Self {
        Plan { late_records: records.max(1), ..self }
    }

    pub(super) fn gap_by(self, gap: Gap<A::Input>) -> Self {
        Plan { gap: Some(gap), ..self }
    }

    /// The end of a record's own window, where that says it.
    pub(super) fn own_end(
        &self,
        record: &A::Input,
        time: LogicalTime,
    ) -> Result<Option<LogicalTime>, WindowError> {
        let Some(gap) = self.gap.as_ref().and_then(|gap| gap(record)).map(span) else {
            return Ok(None);
        };
        check_span("gap", gap)?;
        Ok(Some(LogicalTime(time.0.saturating_add(gap))))
    }

    pub(super) fn by_clock(self) -> Self {
        Plan { by_clock: true, ..self }.resliced()
    }

    /// What gives the windows that are kept their meaning.
    pub(crate) fn made_with(&self) -> MadeWith {
        let kept = match W::SLICES && !self.sliced {
            true => {
                ", each kept for itself, for an allowed lateness, early results or the order of records"
            }
            false => "",
        };
        let by_clock = if self.by_clock { ", of the run's clock" } else { "" };
        MadeWith::new(format!("{}{by_clock}{kept}", self.assigner.description()))
    }

    /// Whether the node can work.
    pub(crate) fn check(&self) -> NodeResult {
        self.assigner.check()?;
        if self.by_clock && self.early.time.is_some() {
            return Err(NodeError::new(
                "windows of the clock do not go by the frontier, and `early_every_time` would mean \
                 nothing: say `early_every`, or leave it out",
            ));
        }
        if self.late_records > 1 && (self.lateness == 0 || self.by_clock) {
            return Err(NodeError::new(
                "`late_after` says how many late records have a result together, and none is in time for \
                 a window that is complete: say `allowed_lateness`, or leave it out",
            ));
        }
        Ok(())
    }

    /// The timer for the next early result by time of a window, after a record of `time`: the last time
    /// before a multiple of the period at which the window has begun and is not complete.
    pub(super) fn next_early(
        &self,
        window: Window,
        time: LogicalTime,
        frontier: Option<Frontier>,
    ) -> Option<LogicalTime> {
        let period = self.early.time?;
        let come = match frontier {
            Some(Frontier::At(frontier)) => frontier,
            Some(Frontier::Ended) => return None,
            None => time,
        };
        let from = window.start.max(come).0;
        let at = LogicalTime(from.saturating_add(period - 1 - from.rem_euclid(period)));
        (at < self.assigner.last(window)).then_some(at)
    }

    /// The last time at which a record may change the window.
    pub(super) fn closes(&self, window: Window) -> LogicalTime {
        let last = self.assigner.last(window);
        if self.by_clock { last } else { LogicalTime(last.0.saturating_add(self.lateness)) }
    }

    pub(super) fn result(&self, state: &A::State) -> A::Output {
        self.aggregate.finish(state)
    }
}

/// Whether the frontier says that no record of this time will come any more.
#[inline]
pub(super) fn passed(frontier: Option<Frontier>, time: LogicalTime) -> bool {
    match frontier {
        None => false,
        Some(Frontier::At(frontier)) => frontier > time,
        Some(Frontier::Ended) => true,
    }
}

impl<W: fmt::Debug, A: Aggregate> fmt::Debug for Plan<W, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Windows")
            .field("assigner", &self.assigner)
            .field("allowed_lateness", &self.lateness)
            .field("accumulation", &self.accumulation)
            .field("by_clock", &self.by_clock)
            .finish_non_exhaustive()
    }
}
