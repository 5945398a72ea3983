//! `Pace`: how long a stage works before it lets others run.

use std::time::Duration;

use crate::broken::{Broken, broken};
use crate::engine::metrics::Stopwatch;

/// After so much work a stage lets the other tasks of its thread run, and looks for what it is told.
pub(crate) const TURN: Duration = Duration::from_micros(500);

/// Counts the records of a step, and looks at the clock where it knows from those before that they may take
/// a turn: so nothing is measured between fast ones. Where the clock does not tick there is no limit.
#[derive(Debug)]
pub(crate) struct Pace {
    turn: Duration,
    step: Option<Stopwatch>,
    /// How many may run before the clock is looked at again.
    left: usize,
    /// How many of those before would have filled a turn.
    fits: usize,
    ran: usize,
    phases: usize,
    /// What the steps of this turn took, in nanoseconds.
    worked: u64,
}

/// Until something is known.
const FEW: usize = 8;

impl Pace {
    pub(crate) fn new(turn: Duration) -> Self {
        Pace { turn, step: None, left: usize::MAX, fits: FEW, ran: 0, phases: 0, worked: 0 }
    }

    /// A step begins, timed where the clock ticks.
    pub(crate) fn begin(&mut self, step: Option<Stopwatch>) {
        self.left = if step.is_some() { self.fits } else { usize::MAX };
        self.ran = 0;
        self.step = step;
    }

    /// How many units may run until [`Pace::is_over`] is to be asked.
    #[inline(always)]
    pub(crate) fn left(&self) -> usize {
        self.left
    }

    /// So many have been handled: whether the step is to end.
    #[inline(always)]
    pub(crate) fn is_over(&mut self, units: usize) -> bool {
        self.ran += units;
        self.left = self.left.saturating_sub(units);
        self.left == 0 && self.look()
    }

    #[cold]
    #[inline(never)]
    fn look(&mut self) -> bool {
        let nanos = self.step.as_ref().map_or(0, Stopwatch::nanos);
        self.learn(nanos);
        self.left = self.fits;
        Duration::from_nanos(nanos) >= self.turn
    }

    /// A unit that no record asked for has run, of which nothing is learnt: whether the step is to end.
    pub(crate) fn is_over_with_phase(&mut self) -> bool {
        self.phases = (self.phases + 1) % FEW;
        let nanos = if self.phases == 0 { self.step.as_ref().map(Stopwatch::nanos) } else { None };
        Duration::from_nanos(nanos.unwrap_or(0)) >= self.turn && !broken(Broken::BusyForLong)
    }

    /// The units that have run took so long.
    fn learn(&mut self, nanos: u64) {
        if self.ran > 0 && !broken(Broken::BusyForLong) {
            let fits = (self.ran as u64).saturating_mul(self.turn.as_nanos() as u64) / nanos.max(1);
            self.fits = (fits as usize).clamp(1, self.fits.saturating_mul(8));
        }
    }

    /// The step has ended, after so long.
    pub(crate) fn end(&mut self, nanos: u64) {
        self.learn(nanos);
        self.step = None;
        self.worked += nanos;
    }

    /// Whether the turn has lasted long enough; then the next one begins.
    pub(crate) fn turn_is_over(&mut self) -> bool {
        let over = Duration::from_nanos(self.worked) >= self.turn && !broken(Broken::BusyForLong);
        if over {
            self.worked = 0;
        }
        over
    }
}
