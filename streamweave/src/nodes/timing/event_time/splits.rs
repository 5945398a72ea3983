//! Streams of several splits: which of them the frontier waits for.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{EventTime, EventTimeOut, EventTimeState};
use crate::LogicalTime;
use crate::broken::{Broken, broken};
use crate::node::TimerAt;
use crate::nodes::millis;
use crate::state::Merge;

/// The latest time of each split.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Latest(BTreeMap<u64, i64>);

/// The splits that are known: while one is silent, the earliest time that came meanwhile.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Silent(BTreeMap<u64, Option<i64>>);

macro_rules! is_a_map {
    ($type:ty, $value:ty) => {
        impl Deref for $type {
            type Target = BTreeMap<u64, $value>;
            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }
        impl DerefMut for $type {
            fn deref_mut(&mut self) -> &mut Self::Target {
                &mut self.0
            }
        }
    };
}
is_a_map!(Latest, i64);
is_a_map!(Silent, Option<i64>);

/// As far as the one that has got the least of it.
impl Merge for Latest {
    fn merge(mut self, other: Self) -> Self {
        for (split, latest) in other.0 {
            self.entry(split).and_modify(|own| *own = latest.min(*own)).or_insert(latest);
        }
        self
    }
}

/// Silent as long as one has heard nothing, and given up by the one that waits longest.
impl Merge for Silent {
    fn merge(mut self, other: Self) -> Self {
        for (split, since) in other.0 {
            self.entry(split).and_modify(|own| *own = since.max(*own)).or_insert(since);
        }
        self
    }
}

impl<T, F> EventTime<T, F>
where
    T: Send + 'static,
    F: Fn(&T) -> LogicalTime + Send + Sync + 'static,
{
    /// The records come from several splits, each in an order of its own: the frontier is that of
    /// the split that is furthest behind. A split counts from its first record on, or from the beginning
    /// if it is one of [`EventTime::splits`], and to the end unless [`EventTime::split_ended`],
    /// [`EventTime::split_idle_after`] or [`EventTime::abandon`] says otherwise. Files that one source reads
    /// one after the other are one split: none of them waits for another. On several workers say
    /// [`EventTime::split_idle_after`] or [`EventTime::abandon`]: a split that comes to one of them would be waited for
    /// by the others.
    ///
    /// ```
    /// use streamweave::nodes::event_time_by;
    /// use streamweave::prelude::*;
    ///
    /// let graph = graph! {
    ///     times: event_time_by(|reading: &(u64, i64)| LogicalTime(reading.1)).per_split(|reading| reading.0),
    ///     graph.readings => times.input,
    ///     times.out => graph.timed,
    /// };
    /// let mut run = graph.inline()?;
    /// for reading in [(1, 40), (2, 100), (2, 120)] {
    ///     run.inputs.readings.try_send(reading)?;
    /// }
    /// run.step()?;
    /// while run.outputs.timed.try_recv().is_some() {}
    /// // Split 1 is at 40 still.
    /// assert_eq!(run.outputs.timed.frontier(), Some(Frontier::At(LogicalTime(40))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn per_split(mut self, split: fn(&T) -> u64) -> Self {
        self.split = Some(split);
        self.plain = false;
        self
    }

    /// There are these splits, of which none has to begin for the others to wait for it: there is no
    /// frontier before each has sent a record. Where that may take long, [`EventTime::abandon`] counts
    /// from the earliest time that came meanwhile. Only with [`EventTime::per_split`].
    ///
    /// ```
    /// use streamweave::nodes::event_time_by;
    /// use streamweave::prelude::*;
    ///
    /// let graph = graph! {
    ///     times: event_time_by(|reading: &(u64, i64)| LogicalTime(reading.1))
    ///         .per_split(|reading| reading.0)
    ///         .splits([1, 2]),
    ///     graph.readings => times.input,
    ///     times.out => graph.timed,
    /// };
    /// let mut run = graph.inline()?;
    /// run.inputs.readings.try_send((2, 100))?;
    /// run.step()?;
    /// while run.outputs.timed.try_recv().is_some() {}
    /// assert_eq!(run.outputs.timed.frontier(), None);
    /// run.inputs.readings.try_send((1, 40))?;
    /// run.step()?;
    /// while run.outputs.timed.try_recv().is_some() {}
    /// assert_eq!(run.outputs.timed.frontier(), Some(Frontier::At(LogicalTime(40))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn splits(mut self, splits: impl IntoIterator<Item = u64>) -> Self {
        self.known = splits.into_iter().collect();
        self
    }

    /// A record of which this holds is the last of its split: the others no longer wait for that. If the
    /// split goes on nevertheless, what comes may be late. Only with [`EventTime::per_split`], and not on
    /// several workers, of which one would hear of it: there the graph fails when it starts.
    ///
    /// ```
    /// use streamweave::nodes::event_time_by;
    /// use streamweave::prelude::*;
    ///
    /// /// Whose, when, and whether it is the last.
    /// type Reading = (u64, i64, bool);
    ///
    /// let graph = graph! {
    ///     times: event_time_by(|reading: &Reading| LogicalTime(reading.1))
    ///         .per_split(|reading| reading.0)
    ///         .split_ended(|reading| reading.2),
    ///     graph.readings => times.input,
    ///     times.out => graph.timed,
    /// };
    /// let mut run = graph.inline()?;
    /// for reading in [(1, 30, false), (2, 100, false), (1, 40, true)] {
    ///     run.inputs.readings.try_send(reading)?;
    /// }
    /// run.step()?;
    /// while run.outputs.timed.try_recv().is_some() {}
    /// assert_eq!(run.outputs.timed.frontier(), Some(Frontier::At(LogicalTime(100))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn split_ended(mut self, is_last: fn(&T) -> bool) -> Self {
        self.ended = Some(is_last);
        self
    }

    /// A split from which nothing has come for so long by the run's clock is not waited for, unless it is
    /// the one that is furthest on. It counts again from its next record on, which may be late. Only with
    /// [`EventTime::per_split`]; [`EventTime::idle_after`] is about the stream as a whole.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streamweave::nodes::event_time_by;
    /// use streamweave::prelude::*;
    ///
    /// let graph = graph! {
    ///     times: event_time_by(|reading: &(u64, i64)| LogicalTime(reading.1))
    ///         .per_split(|reading| reading.0)
    ///         .split_idle_after(Duration::from_secs(5)),
    ///     graph.readings => times.input,
    ///     times.out => graph.timed,
    /// };
    /// let mut run = graph.inline()?;
    /// for reading in [(1, 40), (2, 100)] {
    ///     run.inputs.readings.try_send(reading)?;
    /// }
    /// run.step()?;
    /// run.advance(Duration::from_secs(5))?;
    /// while run.outputs.timed.try_recv().is_some() {}
    /// assert_eq!(run.outputs.timed.frontier(), Some(Frontier::At(LogicalTime(100))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn split_idle_after(mut self, limit: Duration) -> Self {
        self.split_idle = Some(millis(limit).max(1));
        self
    }

    /// A split that has come so much less far than the one that is furthest on is not waited for: it
    /// has ended, or nothing is happening there. What still comes from it may be late. Only with
    /// [`EventTime::per_split`].
    pub fn abandon(mut self, behind: Duration) -> Self {
        self.abandon = Some(millis(behind));
        self
    }

    /// The time of the split that is furthest behind, once a record of `split` has come, at `heard` by the
    /// run's clock.
    pub(super) fn latest_of_splits(
        &self,
        state: &mut EventTimeState<T, F>,
        split: u64,
        (item, time): (&T, i64),
        heard: Option<i64>,
    ) -> Option<i64> {
        let splits = state.splits.get_mut();
        let latest = splits.entry(split).or_insert(time);
        *latest = time.max(*latest);
        if let Some(now) = heard {
            state.heard.insert(split, now);
        }
        let first = splits.values().copied().max().unwrap_or(time);
        let counts = |at: i64| self.abandon.is_none_or(|behind| at >= first.saturating_sub(behind));
        splits.retain(|_, latest| counts(*latest));
        if self.ended.is_some_and(|is_last| is_last(item)) && !broken(Broken::EndedSplitHolds) {
            splits.remove(&split);
            state.heard.remove(&split);
        }
        if !self.known.is_empty() {
            let silent = state.silent.get_mut();
            silent.entry(split).and_modify(|silent| *silent = None);
            for since in silent.values_mut() {
                *since = since.map(|since| since.min(time)).filter(|since| counts(*since));
            }
        }
        self.least_of_splits(state, heard)
    }

    /// The time of the split that is furthest behind, but for those from which nothing has come for long;
    /// `None` where one of the known ones has still to begin.
    pub(super) fn least_of_splits(
        &self,
        state: &mut EventTimeState<T, F>,
        now: Option<i64>,
    ) -> Option<i64> {
        let (splits, heard) = (state.splits.get_mut(), &state.heard);
        if let (Some(limit), Some(now)) = (self.split_idle, now) {
            let first = splits.values().copied().max();
            let is_idle = |split: &u64| {
                heard.get(split).is_some_and(|heard| now.saturating_sub(*heard) >= limit)
            };
            splits.retain(|split, latest| Some(*latest) == first || !is_idle(split));
            for (_, silent) in state.silent.get_mut().iter_mut().filter(|(split, _)| is_idle(split))
            {
                *silent = None;
            }
        }
        let awaits = !self.known.is_empty() && state.silent.values().any(Option::is_some);
        let least = state.splits.values().copied().min();
        least.filter(|_| !awaits || broken(Broken::SilentSplitIsForgotten))
    }

    /// Looks again when the next split is idle that is not so yet.
    #[inline(always)]
    pub(super) fn look_at_splits(
        &self,
        state: &mut EventTimeState<T, F>,
        now: Option<i64>,
        out: &mut impl EventTimeOut<T, F>,
    ) {
        if let Some(next) = self.next_look(state, now) {
            out.set_timer("splits", TimerAt::Clock(next));
            state.looks = next;
        }
    }

    #[inline(never)]
    fn next_look(&self, state: &EventTimeState<T, F>, now: Option<i64>) -> Option<i64> {
        let (limit, now) = (self.split_idle?, now.filter(|now| *now >= state.looks)?);
        let until = state.heard.values().map(|heard| heard.saturating_add(limit));
        until.filter(|until| *until > now).min()
    }
}
