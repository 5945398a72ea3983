//! `window`: windows by key.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

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
use crate::{Frontier, LogicalTime, NodeResult, StableKey, node};

/// Sums up the records of each key by windows. Made by [`window`].
#[node(crate = crate, key = K, settles)]
#[derive(Debug)]
pub struct Windows<
    K: StableKey + Serialize + DeserializeOwned,
    W: WindowAssigner,
    A: Aggregate<Input: Clone>,
> {
    /// Keys and records.
    #[input(key = |item| &item.0)]
    input: &(K, A::Input),
    /// What each window has come to.
    #[output]
    out: WindowResult<K, A::Output>,
    /// The records that came when all their windows were closed.
    #[output(optional)]
    late: (K, A::Input),
    /// The two newest slices of time.
    #[state]
    recent: Keyed<K, Recent<A::State>>,
    /// The slices before them.
    #[state]
    older: KeyedMap<K, i64, A::State>,
    /// Windows that each have a state of their own.
    #[state]
    windows: KeyedMap<K, Ending, Open<A::State>>,
    /// Which windows these are.
    #[state(init = self.plan.made_with())]
    made_with: MadeWith,
    #[scratch]
    cursor: Cursor,
    plan: Plan<W, A>,
    keys: PhantomData<fn(K)>,
}

impl<K: StableKey + Serialize + DeserializeOwned, W: WindowAssigner, A: Aggregate<Input: Clone>>
    Windows<K, W, A>
{
    /// Windows stay for so long after they were complete: a record that comes then changes them,
    /// and they send a further result at once, of which [`accumulation`](Self::accumulation) says
    /// what it holds. A record that comes later goes to `late`.
    #[must_use]
    pub fn allowed_lateness(self, lateness: Duration) -> Self {
        Windows { plan: self.plan.allowed_lateness(lateness), ..self }
    }

    /// Late records within the [`allowed_lateness`](Self::allowed_lateness) have a result together, whenever
    /// so many (at least 1) came since the last one, and when the window goes, if there are some then. One
    /// for each unless said.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streamweave::nodes::window::{Pane, Tumbling, count, window};
    /// use streamweave::nodes::{event_time_by, from_iter, key_by};
    /// use streamweave::prelude::*;
    ///
    /// let graph = graph! {
    ///     clicks: from_iter([10_i64, 1_500, 20, 30, 40]),
    ///     times: event_time_by(|at: &i64| LogicalTime(*at)),
    ///     keyed: key_by(|_: &i64| 0),
    ///     per_second: window(Tumbling::seconds(1), count())
    ///         .allowed_lateness(Duration::from_secs(60))
    ///         .late_after(2),
    ///     clicks.out => times.input,
    ///     times.out => keyed.input,
    ///     keyed.out => per_second.input,
    ///     per_second.out => graph.counts,
    /// };
    /// let mut run = graph.inline()?;
    /// run.step()?;
    /// let counts: Vec<_> = std::iter::from_fn(|| run.outputs.counts.try_recv())
    ///     .filter(|count| count.window.start.0 == 0)
    ///     .map(|count| (count.value, count.pane))
    ///     .collect();
    /// assert_eq!(counts, [(1, Pane::OnTime), (3, Pane::Late), (4, Pane::Late)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn late_after(self, records: u64) -> Self {
        Windows { plan: self.plan.late_after(records), ..self }
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
        Windows { plan: self.plan.early_after(records), ..self }
    }

    /// Sends an early result when so much of the run's clock has passed since the first record
    /// that no result has.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streamweave::nodes::key_by;
    /// use streamweave::nodes::window::{Pane, Tumbling, count, window};
    /// use streamweave::prelude::*;
    ///
    /// let graph = graph! {
    ///     keyed: key_by(|word: &String| word.clone()),
    ///     per_hour: window(Tumbling::hours(1), count()).by_clock().early_every(Duration::from_secs(10)),
    ///     graph.words => keyed.input,
    ///     keyed.out => per_hour.input,
    ///     per_hour.out => graph.counts,
    /// };
    /// let mut run = graph.inline()?;
    /// run.inputs.words.try_send("a".to_owned())?;
    /// run.step()?;
    /// run.advance(Duration::from_secs(10))?;
    /// let early = run.outputs.counts.try_recv().expect("an early result");
    /// assert_eq!((early.value, early.pane), (1, Pane::Early));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn early_every(self, period: Duration) -> Self {
        Windows { plan: self.plan.early_every(period), ..self }
    }

    /// Sends an early result of an open window when the frontier comes to a multiple of `period`, if
    /// records came since the last result: of event time, so that the same records give the same
    /// results, as far as the frontier does. Refused with [`by_clock`](Self::by_clock).
    ///
    /// ```
    /// use std::time::Duration;
    /// use streamweave::nodes::key_by;
    /// use streamweave::nodes::window::{Pane, Tumbling, count, window};
    /// use streamweave::prelude::*;
    ///
    /// let graph = graph! {
    ///     keyed: key_by(|word: &String| word.clone()),
    ///     per_hour: window(Tumbling::hours(1), count()).early_every_time(Duration::from_secs(60)),
    ///     graph.words => keyed.input,
    ///     keyed.out => per_hour.input,
    ///     per_hour.out => graph.counts,
    /// };
    /// let mut run = graph.inline()?;
    /// run.inputs.words.advance(LogicalTime(0));
    /// run.inputs.words.try_send_at(LogicalTime(5_000), "a".to_owned())?;
    /// run.inputs.words.advance(LogicalTime(60_000));
    /// run.step()?;
    /// let early = run.outputs.counts.try_recv().expect("an early result");
    /// assert_eq!((early.value, early.pane), (1, Pane::Early));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn early_every_time(self, period: Duration) -> Self {
        Windows { plan: self.plan.early_every_time(period), ..self }
    }

    /// Sends an early result after each record that is a punctuation.
    #[must_use]
    pub fn early_when(
        self,
        is_punctuation: impl Fn(&A::Input) -> bool + Send + Sync + 'static,
    ) -> Self {
        Windows { plan: self.plan.early_when(Arc::new(is_punctuation)), ..self }
    }

    /// Windows of the run's clock instead of event time: a record belongs where the clock stands
    /// when it comes, and none is late. Windows are complete when the clock has passed them, or
    /// at the end of the input.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streamweave::nodes::key_by;
    /// use streamweave::nodes::window::{Tumbling, count, window};
    /// use streamweave::prelude::*;
    ///
    /// let graph = graph! {
    ///     keyed: key_by(|word: &String| word.clone()),
    ///     per_minute: window(Tumbling::minutes(1), count()).by_clock(),
    ///     graph.words => keyed.input,
    ///     keyed.out => per_minute.input,
    ///     per_minute.out => graph.counts,
    /// };
    /// let mut run = graph.inline()?;
    /// run.inputs.words.try_send("a".to_owned())?;
    /// run.step()?;
    /// assert!(run.outputs.counts.try_recv().is_none());
    /// run.advance(Duration::from_secs(60))?;
    /// assert_eq!(run.outputs.counts.try_recv().map(|count| count.value), Some(1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn by_clock(self) -> Self {
        Windows { plan: self.plan.by_clock(), ..self }
    }
}

impl<K: StableKey + Serialize + DeserializeOwned, A: Aggregate<Input: Clone>>
    Windows<K, Session, A>
{
    /// How much time without records ends the session of a record, which says it: of whole milliseconds,
    /// or the unit fails. Where it says nothing the gap of the [`Session`] counts. A session so ends when the
    /// gaps of all of its records are over, and what touches it merges as always.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streamweave::nodes::window::{Session, count, window};
    /// use streamweave::nodes::{event_time_by, from_iter, key_by};
    /// use streamweave::prelude::*;
    ///
    /// // When, and whether it began a film.
    /// type Click = (i64, bool);
    ///
    /// let graph = graph! {
    ///     clicks: from_iter([(0, true), (20, false), (3_000, false), (7_300, false)]),
    ///     times: event_time_by(|click: &Click| LogicalTime(click.0)),
    ///     keyed: key_by(|_: &Click| 0),
    ///     visits: window(Session::of(Duration::from_secs(1)), count())
    ///         .gap_by(|(_, film): &Click| film.then(|| Duration::from_secs(5))),
    ///     clicks.out => times.input,
    ///     times.out => keyed.input,
    ///     keyed.out => visits.input,
    ///     visits.out => graph.visits,
    /// };
    /// let mut run = graph.inline()?;
    /// run.step()?;
    /// let visits: Vec<_> = std::iter::from_fn(|| run.outputs.visits.try_recv())
    ///     .map(|visit| (visit.window.start.0, visit.window.end.0, visit.value))
    ///     .collect();
    /// assert_eq!(visits, [(0, 5_000, 3), (7_300, 8_300, 1)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn gap_by(
        self,
        gap: impl Fn(&A::Input) -> Option<Duration> + Send + Sync + 'static,
    ) -> Self {
        Windows { plan: self.plan.gap_by(Arc::new(gap)), ..self }
    }
}

/// The outputs of the node.
struct Out<'a, O, W, A>(&'a mut O, PhantomData<fn(W, A)>);

impl<
    K: StableKey + Serialize + DeserializeOwned,
    W: WindowAssigner,
    A: Aggregate<Input: Clone>,
    O: WindowsOut<K, W, A>,
> Outputs<K, A::Input, A::Output> for Out<'_, O, W, A>
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
        key: K,
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
    fn late(&mut self, key: &K, record: &A::Input) {
        self.0.count_late();
        self.0.late((key.clone(), record.clone()));
    }
}

impl<K: StableKey + Serialize + DeserializeOwned, W: WindowAssigner, A: Aggregate<Input: Clone>>
    WindowsHandlers<K, W, A> for Windows<K, W, A>
{
    #[inline(always)]
    fn on_input(
        &self,
        state: &mut WindowsState<K, W, A>,
        input: &(K, A::Input),
        out: &mut impl WindowsOut<K, W, A>,
    ) -> NodeResult {
        let WindowsState { recent, older, windows, cursor, .. } = state;
        let held = Held { recent, older, windows };
        let time = out.time();
        self.plan.on_record(held, cursor, (&input.0, &input.1), time, &mut Out(out, PhantomData))
    }

    fn on_start(
        &self,
        state: &mut WindowsState<K, W, A>,
        out: &mut impl WindowsOut<K, W, A>,
    ) -> NodeResult {
        // What is open is complete at the end.
        out.__clock_lapses();
        self.plan.check()?;
        state.made_with.check(!state.recent.is_empty() || !state.windows.is_empty())
    }

    fn on_frontier(
        &self,
        state: &mut WindowsState<K, W, A>,
        _: Frontier,
        _: &mut impl WindowsOut<K, W, A>,
    ) -> NodeResult {
        state.cursor = Cursor::default();
        Ok(())
    }

    fn on_timer(
        &self,
        state: &mut WindowsState<K, W, A>,
        timer: Timer<K>,
        out: &mut impl WindowsOut<K, W, A>,
    ) -> NodeResult {
        let WindowsState { recent, older, windows, .. } = state;
        let held = Held { recent, older, windows };
        let Timer { key, name, at } = timer;
        self.plan.on_timer(held, &key, (name, at), &mut Out(out, PhantomData));
        Ok(())
    }
}

/// Sums up the records of each key by windows of event time with an
/// [`Aggregate`](super::Aggregate), and sends the result of each window when the frontier says
/// that it is complete, with the last time of the window as its own.
///
/// Records come with their key in front, as [`key_by`](crate::nodes::key_by) sends them. Of a
/// window nothing is kept but what the aggregate makes of its records. A record is late when all
/// its windows are complete, not when it is behind the frontier: it leaves by `late`, and is
/// counted in [`NodeMetrics::late`](crate::engine::NodeMetrics::late) whether that is connected or
/// not. Whatever is open when the input ends is complete then.
///
/// ```
/// use std::time::Duration;
/// use streamweave::nodes::window::{Tumbling, sum, window};
/// use streamweave::nodes::{event_time_by, from_iter, key_by};
/// use streamweave::prelude::*;
///
/// // When, where to, how many bytes.
/// type Hit = (i64, &'static str, u64);
///
/// let graph = graph! {
///     hits: from_iter([(1_000, "/", 10), (61_000, "/", 7), (59_000, "/", 5), (62_000, "/a", 1)]),
///     times: event_time_by(|hit: &Hit| LogicalTime(hit.0)).disorder(Duration::from_secs(10)),
///     keyed: key_by(|hit: &Hit| hit.1.to_owned()),
///     per_minute: window(Tumbling::minutes(1), sum(|hit: &Hit| hit.2)),
///     hits.out => times.input,
///     times.out => keyed.input,
///     keyed.out => per_minute.input,
///     per_minute.out => graph.bytes,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// let bytes: Vec<_> = std::iter::from_fn(|| run.outputs.bytes.try_recv())
///     .map(|bytes| (bytes.window.start.0, bytes.key, bytes.value))
///     .collect();
/// let expected = [(0, "/", 15), (60_000, "/", 7), (60_000, "/a", 1)];
/// assert_eq!(bytes, expected.map(|(start, path, bytes)| (start, path.to_owned(), bytes)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn window<K, W, A>(assigner: W, aggregate: A) -> Windows<K, W, A>
where
    K: StableKey + Serialize + DeserializeOwned,
    W: WindowAssigner,
    A: Aggregate<Input: Clone>,
{
    Windows { plan: Plan::new(assigner, aggregate), keys: PhantomData }
}
