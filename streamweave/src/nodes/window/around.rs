//! `window_around`: windows that records open, one that ends with each and one that begins behind it.

use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::broken::{Broken, broken};
use crate::node::{Context, Timer, TimerAt};
use crate::nodes::join::stash::{passed, time_of};
use crate::nodes::millis;
use crate::nodes::window::made_with::MadeWith;
use crate::nodes::window::outputs::frontier_of;
use crate::nodes::window::{Aggregate, Pane, Window, WindowResult};
use crate::state::{KeyedMap, MapRef};
use crate::{LogicalTime, NodeResult, StableKey, node};

/// Sums up the records of each key by windows that they open. Made by [`window_around`].
#[node(crate = crate, key = K, settles)]
#[derive(Debug)]
pub struct WindowsAround<K: StableKey + Serialize + DeserializeOwned, A: Aggregate<Input: Clone>> {
    /// Keys and records.
    #[input(key = |item| &item.0)]
    input: &(K, A::Input),
    /// What each window has come to.
    #[output]
    out: WindowResult<K, A::Output>,
    /// The records that came when all their windows were closed.
    #[output(optional)]
    late: (K, A::Input),
    /// What the records of each time have come to.
    #[state]
    times: KeyedMap<K, i64, A::State>,
    /// Which windows these are.
    #[state(init = self.made_with())]
    made_with: MadeWith,
    difference: i64,
    grace: i64,
    updates: bool,
    aggregate: A,
    keys: PhantomData<fn(K)>,
}

/// A window: its last time and its first, so that windows go by their ends.
type Span = (i64, i64);

impl<K: StableKey + Serialize + DeserializeOwned, A: Aggregate<Input: Clone>> WindowsAround<K, A> {
    /// A window has its result when the frontier is so much further than its end: records that come
    /// until then are in time for it.
    #[must_use]
    pub fn grace(self, grace: Duration) -> Self {
        WindowsAround { grace: millis(grace), ..self }
    }

    /// Each record also sends, at once, what every window that it changes or opens has come to. These
    /// results are early ones ([`Pane::Early`]).
    #[must_use]
    pub fn updates(self) -> Self {
        WindowsAround { updates: true, ..self }
    }

    fn made_with(&self) -> MadeWith {
        let WindowsAround { difference, grace, .. } = self;
        MadeWith::new(format!(
            "windows around records, a difference of {difference} ms and a grace of {grace} ms"
        ))
    }

    /// The window that ends with a record of this time.
    fn before(&self, time: i64) -> Span {
        (time, time.saturating_sub(self.difference))
    }

    /// The one that begins right behind it.
    fn behind(&self, time: i64) -> Option<Span> {
        let start = time.checked_add(1).filter(|_| !broken(Broken::NoWindowBehind))?;
        Some((start.saturating_add(self.difference), start))
    }

    /// The last time at which a record may change the window.
    fn closes(&self, (last, _): Span) -> i64 {
        last.saturating_add(self.grace)
    }

    /// The windows that a record of this time is in, as its key has records of these times, its own
    /// among them.
    fn around(&self, times: &MapRef<'_, i64, A::State>, time: i64) -> BTreeSet<Span> {
        let first = time.saturating_sub(self.difference).saturating_sub(1);
        let until = times.range(first..time).filter_map(|(time, _)| self.behind(*time));
        let from = times.range(time..=time.saturating_add(self.difference));
        until.chain(from.map(|(time, _)| self.before(*time))).collect()
    }

    /// Whether there are records in it.
    fn is_open(times: &MapRef<'_, i64, A::State>, (last, start): Span) -> bool {
        times.range(start..=last).next().is_some()
    }

    fn result(
        &self,
        key: &K,
        times: &MapRef<'_, i64, A::State>,
        (last, start): Span,
        pane: Pane,
    ) -> WindowResult<K, A::Output> {
        let mut state = self.aggregate.empty();
        times.range(start..=last).for_each(|(_, part)| self.aggregate.combine(&mut state, part));
        let window = Window::new(start, last.saturating_add(1));
        WindowResult { key: key.clone(), window, value: self.aggregate.finish(&state), pane }
    }
}

impl<K: StableKey + Serialize + DeserializeOwned, A: Aggregate<Input: Clone>>
    WindowsAroundHandlers<K, A> for WindowsAround<K, A>
{
    fn on_start(
        &self,
        state: &mut WindowsAroundState<K, A>,
        _: &mut impl WindowsAroundOut<K, A>,
    ) -> NodeResult {
        state.made_with.check(!state.times.is_empty())
    }

    fn on_input(
        &self,
        state: &mut WindowsAroundState<K, A>,
        (key, record): &(K, A::Input),
        out: &mut impl WindowsAroundOut<K, A>,
    ) -> NodeResult {
        let (time, frontier) = (time_of(out)?, frontier_of(out));
        let in_time = |span: &Span| !passed(frontier, self.closes(*span));
        let before = state.times.get(key);
        let is_new = before.as_ref().is_none_or(|times| times.get(&time).is_none());
        let own = self.before(time);
        let theirs = before.map(|times| self.around(&times, time)).unwrap_or_default();
        if !in_time(&own) && !theirs.iter().any(in_time) {
            out.count_late();
            out.late((key.clone(), record.clone()));
            return Ok(());
        }
        let mut times = state.times.entry_ref(key);
        if is_new {
            times.insert(time, self.aggregate.empty());
        }
        if let Some(state) = times.get_mut(&time) {
            self.aggregate.add(state, record);
        }
        drop(times);
        let behind = self.behind(time).filter(|_| is_new);
        for span in behind.into_iter().chain(is_new.then_some(own)).filter(in_time) {
            out.set_timer_at_end("end", LogicalTime(self.closes(span)));
        }
        if self.updates
            && let Some(times) = state.times.get(key)
        {
            let mut changed = self.around(&times, time);
            // It was there already if a record of its last time had opened it.
            let opened = |span: &Span| times.get(&span.0).is_none();
            changed.extend(behind.filter(|span| opened(span) && Self::is_open(&times, *span)));
            for span in changed.into_iter().filter(in_time) {
                let at = Some(LogicalTime(span.0)).max(out.promised());
                let result = self.result(key, &times, span, Pane::Early);
                out.at(at.unwrap_or(LogicalTime(span.0))).out(result);
            }
        }
        Ok(())
    }

    /// The windows that close now are complete; what is in none that is still open goes.
    fn on_timer(
        &self,
        state: &mut WindowsAroundState<K, A>,
        Timer { key, at, .. }: Timer<K>,
        out: &mut impl WindowsAroundOut<K, A>,
    ) -> NodeResult {
        let TimerAt::Event(LogicalTime(now)) = at else { return Ok(()) };
        let Some(times) = state.times.get(&key) else { return Ok(()) };
        // At the end of times windows of several lengths close together.
        let last = now.saturating_sub(self.grace);
        let first = last.saturating_sub(self.difference).saturating_sub(1);
        let last = if now == i64::MAX { now } else { last };
        let near = times.range(first..=last).map(|(time, _)| *time);
        let spans = near.flat_map(|time| [Some(self.before(time)), self.behind(time)]).flatten();
        let closed = |span: &Span| self.closes(*span) == now && Self::is_open(&times, *span);
        for span in spans.filter(closed).collect::<BTreeSet<_>>() {
            out.out(self.result(&key, &times, span, Pane::OnTime));
        }
        let mut times = state.times.entry_ref(&key);
        while let Some((time, _)) = times.first() {
            let span = self.behind(*time).unwrap_or(self.before(*time));
            if self.closes(span) > now {
                break;
            }
            times.pop_first();
        }
        Ok(())
    }
}

/// Sums up the records of each key that lie no more than `difference` apart, with an
/// [`Aggregate`](super::Aggregate): Kafka Streams' sliding windows. A record of time `t` opens the
/// window `[t - difference, t]`, both included, and, where there are records in it, the one that begins
/// right behind it, `[t + 1, t + 1 + difference]`. So every set of records that a span of this length can
/// hold is in a window, and there are at most two for each time of a record.
///
/// Each window has one result, when the frontier is past its end by the [`grace`](WindowsAround::grace);
/// with [`updates`](WindowsAround::updates) it sends one at each change, too. A record is late when all
/// windows that it is in are closed: it leaves by `late`, and is counted in
/// [`NodeMetrics::late`](crate::engine::NodeMetrics::late) whether that is connected or not. One without a
/// time fails.
///
/// What the records of one time have come to is kept once; a result combines that of all times in
/// its window, in their order. [`Sliding`](super::Sliding) has windows at fixed distances instead.
///
/// ```
/// use std::time::Duration;
/// use streamweave::nodes::from_iter;
/// use streamweave::nodes::window::{count, window_around};
/// use streamweave::nodes::{in_order_by, key_by};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     logins: from_iter([10_i64, 11, 13, 24]),
///     times: in_order_by(|at: &i64| LogicalTime(*at)),
///     keyed: key_by(|_: &i64| "root".to_owned()),
///     bursts: window_around(Duration::from_millis(5), count()),
///     logins.out => times.input,
///     times.out => keyed.input,
///     keyed.out => bursts.input,
///     bursts.out => graph.bursts,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// let bursts: Vec<_> = std::iter::from_fn(|| run.outputs.bursts.try_recv())
///     .map(|burst| (burst.window.start.0, burst.window.last().0, burst.value))
///     .collect();
/// assert_eq!(bursts, [(5, 10, 1), (6, 11, 2), (8, 13, 3), (11, 16, 2), (12, 17, 1), (19, 24, 1)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn window_around<K, A>(difference: Duration, aggregate: A) -> WindowsAround<K, A>
where
    K: StableKey + Serialize + DeserializeOwned,
    A: Aggregate<Input: Clone>,
{
    WindowsAround {
        difference: millis(difference),
        grace: 0,
        updates: false,
        aggregate,
        keys: PhantomData,
    }
}
