//! `window_all`: windows over all records.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::broken::{Broken, broken};
use crate::node::{Context, Timer, TimerAt};
use crate::nodes::window::handle::Held;
use crate::nodes::window::made_with::MadeWith;
use crate::nodes::window::open::{Ending, Open};
use crate::nodes::window::outputs::{Outputs, frontier_of, set_timer};
use crate::nodes::window::plan::Plan;
use crate::nodes::window::sliced::Cursor;
use crate::nodes::window::slices::Recent;
use crate::nodes::window::{
    Accumulation, Aggregate, Pane, Session, Window, WindowAssigner, WindowResult,
};
use crate::state::{Keyed, KeyedMap};
use crate::{Frontier, LogicalTime, NodeResult, node};

/// Sums up all records by windows. Made by [`window_all`].
#[node(crate = crate, settles, single)]
#[derive(Debug)]
pub struct WindowsOfAll<W: WindowAssigner, A: Aggregate<Input: Clone>> {
    /// Records.
    #[input]
    input: &A::Input,
    /// What each window has come to.
    #[output]
    out: WindowResult<(), A::Output>,
    /// The records that came when all their windows were closed.
    #[output(optional)]
    late: A::Input,
    /// The two newest slices of time.
    #[state]
    recent: Keyed<(), Recent<A::State>>,
    /// The slices before them.
    #[state]
    older: KeyedMap<(), i64, A::State>,
    /// Windows that each have a state of their own.
    #[state]
    windows: KeyedMap<(), Ending, Open<A::State>>,
    /// Which windows these are.
    #[state(init = self.plan.made_with())]
    made_with: MadeWith,
    #[scratch]
    cursor: Cursor,
    plan: Plan<W, A>,
}

impl<W: WindowAssigner, A: Aggregate<Input: Clone>> WindowsOfAll<W, A> {
    /// Windows stay for so long after they were complete: a record that comes then changes them,
    /// and they send a further result at once, of which [`accumulation`](Self::accumulation) says
    /// what it holds. A record that comes later goes to `late`.
    #[must_use]
    pub fn allowed_lateness(self, lateness: Duration) -> Self {
        WindowsOfAll { plan: self.plan.allowed_lateness(lateness) }
    }

    /// Late records within the [`allowed_lateness`](Self::allowed_lateness) have a result together, whenever
    /// so many (at least 1) came since the last one, and when the window goes, if there are some then. One
    /// for each unless said.
    #[must_use]
    pub fn late_after(self, records: u64) -> Self {
        WindowsOfAll { plan: self.plan.late_after(records) }
    }

    /// What the further results of a window say about those before.
    #[must_use]
    pub fn accumulation(mut self, accumulation: Accumulation) -> Self {
        self.plan.accumulation = accumulation;
        self
    }

    /// Sends an early result whenever so many records (at least 1) came since the last result.
    #[must_use]
    pub fn early_after(self, records: u64) -> Self {
        WindowsOfAll { plan: self.plan.early_after(records) }
    }

    /// Sends an early result when so much of the run's clock has passed since the first record
    /// that no result has.
    #[must_use]
    pub fn early_every(self, period: Duration) -> Self {
        WindowsOfAll { plan: self.plan.early_every(period) }
    }

    /// Sends an early result of an open window when the frontier comes to a multiple of `period`, if
    /// records came since the last result: of event time, so that the same records give the same
    /// results, as far as the frontier does. Refused with [`by_clock`](Self::by_clock).
    #[must_use]
    pub fn early_every_time(self, period: Duration) -> Self {
        WindowsOfAll { plan: self.plan.early_every_time(period) }
    }

    /// Sends an early result after each record that is a punctuation.
    #[must_use]
    pub fn early_when(
        self,
        is_punctuation: impl Fn(&A::Input) -> bool + Send + Sync + 'static,
    ) -> Self {
        WindowsOfAll { plan: self.plan.early_when(Arc::new(is_punctuation)) }
    }

    /// Windows of the run's clock instead of event time: a record belongs where the clock stands
    /// when it comes, and none is late. Windows are complete when the clock has passed them, or
    /// at the end of the input.
    #[must_use]
    pub fn by_clock(self) -> Self {
        WindowsOfAll { plan: self.plan.by_clock() }
    }
}

impl<A: Aggregate<Input: Clone>> WindowsOfAll<Session, A> {
    /// How much time without records ends the session of a record: as in
    /// [`Windows::gap_by`](super::Windows::gap_by).
    #[must_use]
    pub fn gap_by(
        self,
        gap: impl Fn(&A::Input) -> Option<Duration> + Send + Sync + 'static,
    ) -> Self {
        WindowsOfAll { plan: self.plan.gap_by(Arc::new(gap)) }
    }
}

/// The outputs of the node.
struct Out<'a, O, W, A>(&'a mut O, PhantomData<fn(W, A)>);

impl<W: WindowAssigner, A: Aggregate<Input: Clone>, O: WindowsOfAllOut<W, A>>
    Outputs<(), A::Input, A::Output> for Out<'_, O, W, A>
{
    #[inline(always)]
    fn frontier(&self) -> Option<Frontier> {
        frontier_of(self.0)
    }
    fn now(&self) -> i64 {
        self.0.now()
    }
    #[inline(always)]
    fn set_timer(&mut self, name: &'static str, at: TimerAt) {
        set_timer(self.0, name, at);
    }
    fn cancel_timer(&mut self, name: &'static str, at: TimerAt) {
        self.0.cancel_timer(name, at);
    }
    fn result(
        &mut self,
        time: Option<LogicalTime>,
        key: (),
        window: Window,
        value: A::Output,
        pane: Pane,
    ) {
        let result = WindowResult { key, window, value, pane };
        let passed = self
            .0
            .promised()
            .filter(|_| !(broken(Broken::RetractionIsLate) && pane == Pane::Retraction));
        match time.max(passed) {
            Some(time) => self.0.at(time).out(result),
            None => self.0.out(result),
        }
    }
    fn late(&mut self, _: &(), record: &A::Input) {
        self.0.count_late();
        self.0.late(record.clone());
    }
}

impl<W: WindowAssigner, A: Aggregate<Input: Clone>> WindowsOfAllHandlers<W, A>
    for WindowsOfAll<W, A>
{
    #[inline(always)]
    fn on_input(
        &self,
        state: &mut WindowsOfAllState<W, A>,
        input: &A::Input,
        out: &mut impl WindowsOfAllOut<W, A>,
    ) -> NodeResult {
        let WindowsOfAllState { recent, older, windows, cursor, .. } = state;
        let held = Held { recent, older, windows };
        let time = out.time();
        self.plan.on_record(held, cursor, (&(), input), time, &mut Out(out, PhantomData))
    }

    fn on_start(
        &self,
        state: &mut WindowsOfAllState<W, A>,
        out: &mut impl WindowsOfAllOut<W, A>,
    ) -> NodeResult {
        // What is open is complete at the end.
        out.__clock_lapses();
        self.plan.check()?;
        state.made_with.check(!state.recent.is_empty() || !state.windows.is_empty())
    }

    fn on_frontier(
        &self,
        state: &mut WindowsOfAllState<W, A>,
        _: Frontier,
        _: &mut impl WindowsOfAllOut<W, A>,
    ) -> NodeResult {
        state.cursor = Cursor::default();
        Ok(())
    }

    fn on_timer(
        &self,
        state: &mut WindowsOfAllState<W, A>,
        timer: Timer<()>,
        out: &mut impl WindowsOfAllOut<W, A>,
    ) -> NodeResult {
        let WindowsOfAllState { recent, older, windows, .. } = state;
        let held = Held { recent, older, windows };
        let Timer { key, name, at } = timer;
        self.plan.on_timer(held, &key, (name, at), &mut Out(out, PhantomData));
        Ok(())
    }
}

/// As [`window`](super::window()) over all records, whatever their keys. The results' key is `()`. It does not
/// start on several workers, each of which would have a share of the records.
///
/// ```
/// use std::time::Duration;
/// use streamweave::nodes::window::{Accumulation, Pane, Session, count, window_all};
/// use streamweave::nodes::{event_time_by, from_iter};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     clicks: from_iter([10_i64, 12, 40, 14]),
///     times: event_time_by(|at: &i64| LogicalTime(*at)),
///     visits: window_all(Session::of(Duration::from_millis(5)), count())
///         .allowed_lateness(Duration::from_millis(50))
///         .accumulation(Accumulation::Retracting),
///     clicks.out => times.input,
///     times.out => visits.input,
///     visits.out => graph.visits,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// let visits: Vec<_> = std::iter::from_fn(|| run.outputs.visits.try_recv())
///     .map(|visit| (visit.window.start.0, visit.window.end.0, visit.value, visit.pane))
///     .collect();
/// let expected = [
///     (10, 17, 2, Pane::OnTime),
///     // The click at 14 came late, and made the first visit longer.
///     (10, 17, 2, Pane::Retraction),
///     (10, 19, 3, Pane::Late),
///     (40, 45, 1, Pane::OnTime),
/// ];
/// assert_eq!(visits, expected);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn window_all<W, A>(assigner: W, aggregate: A) -> WindowsOfAll<W, A>
where
    W: WindowAssigner,
    A: Aggregate<Input: Clone>,
{
    WindowsOfAll { plan: Plan::new(assigner, aggregate) }
}
