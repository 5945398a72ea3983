//! `event_time`: records get their times, and the stream gets its frontier, from the data.

mod splits;

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::time::Duration;

use crate::node::{Context, Timer, TimerAt};
use crate::nodes::millis;
use crate::nodes::timing::seen::Seen;
use crate::state::PerWorker;
use crate::time::{AlignedPlace, Alignment, HasEventTime};
use crate::{LogicalTime, NodeError, NodeResult, node};
use splits::{Latest, Silent};

/// Gives records their times and estimates the frontier. Made by [`event_time`] and
/// [`event_time_by`].
///
/// The frontier is what the latest record so far leaves when the disorder is taken off. A record
/// behind it is late: it is passed on, marked as late. The frontier depends on the records alone,
/// and not on when they came or how they were cut into batches.
///
/// On several workers each estimates for the records that it gets, and what joins them goes by the one
/// that is furthest behind; so what is late there is late on one worker, too. A worker that has got
/// nothing yet is waited for, unless the stream is idle.
#[node(crate = crate, estimates, stamps = comes)]
#[derive(Debug)]
pub struct EventTime<T: Send + 'static, F: Fn(&T) -> LogicalTime + Send + Sync + 'static> {
    /// Records.
    #[input]
    input: T,
    /// The same records, with their times.
    #[output]
    out: T,
    /// How far they have come.
    #[state]
    seen: PerWorker<Seen>,
    /// The latest time of each split.
    #[state]
    splits: PerWorker<Latest>,
    /// The splits that are known: while one is silent, the earliest time that came meanwhile.
    #[state]
    silent: PerWorker<Silent>,
    /// When something came of each split, by the run's clock.
    #[scratch]
    heard: BTreeMap<u64, i64>,
    /// When these are looked at again, unless that is over.
    #[scratch(init = i64::MIN)]
    looks: i64,
    time: F,
    disorder: i64,
    every: u32,
    step: i64,
    idle_after: Option<Duration>,
    punctuation: Option<fn(&T) -> Option<LogicalTime>>,
    split: Option<fn(&T) -> u64>,
    known: Vec<u64>,
    ended: Option<fn(&T) -> bool>,
    split_idle: Option<i64>,
    abandon: Option<i64>,
    place: Option<AlignedPlace>,
    clocked: Option<Duration>,
    /// Of a record only its time counts, and no clock does.
    plain: bool,
    items: PhantomData<fn(T)>,
}

impl<T, F> EventTime<T, F>
where
    T: Send + 'static,
    F: Fn(&T) -> LogicalTime + Send + Sync + 'static,
{
    /// Records may be this much older than the latest one before them without being late. None
    /// unless said.
    pub fn disorder(mut self, disorder: Duration) -> Self {
        self.disorder = millis(disorder);
        self
    }

    /// The frontier rises at most once in so many records: 1 unless said. Each rise costs as much
    /// as some hundred records, so that a stream with as many times as records wants more. Where nothing
    /// comes for so long that the stream is idle ([`EventTime::idle_after`], or as its own input says), the
    /// frontier rises to where the last of them leave it.
    pub fn every(mut self, records: u32) -> Self {
        self.every = records.max(1);
        self
    }

    /// The frontier rises by at least this much of the records' time: 1 ms unless said.
    pub fn step(mut self, step: Duration) -> Self {
        self.step = millis(step).max(1);
        self
    }

    /// Where the stream joins others, they no longer wait for it when nothing has come for so
    /// long by the run's clock.
    pub fn idle_after(mut self, limit: Duration) -> Self {
        self.idle_after = Some(limit);
        self
    }

    /// The frontier comes from the records themselves: it is what `promise` returns for a record
    /// that says something about those behind it. Nothing else raises it: with `disorder`, `every`,
    /// `step`, `per_split`, `abandon` or `clocked` the graph fails when it starts.
    ///
    /// ```
    /// use streamweave::nodes::event_time_by;
    /// use streamweave::prelude::*;
    ///
    /// /// When, and whether everything before has been told.
    /// type Reading = (i64, bool);
    ///
    /// let graph = graph! {
    ///     times: event_time_by(|(at, _): &Reading| LogicalTime(*at))
    ///         .punctuated(|(at, is_last)| is_last.then_some(LogicalTime(*at))),
    ///     graph.readings => times.input,
    ///     times.out => graph.readings,
    /// };
    /// let mut run = graph.inline()?;
    /// for reading in [(3, false), (8, false), (5, true), (4, false)] {
    ///     run.inputs.readings.try_send(reading)?;
    /// }
    /// run.step()?;
    /// while run.outputs.readings.try_recv().is_some() {}
    /// assert_eq!(run.outputs.readings.frontier(), Some(Frontier::At(LogicalTime(5))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn punctuated(mut self, promise: fn(&T) -> Option<LogicalTime>) -> Self {
        self.punctuation = Some(promise);
        self.plain = false;
        self
    }

    /// The frontier also rises with the run's clock, which is looked at so often: as if a record
    /// came that is as much later than the latest one as the clock has moved on since. For streams
    /// that are quiet at times, whose records carry the time of a clock. What then comes from
    /// before is late; and as the clock goes on for ever, such a graph is never idle by itself.
    pub fn clocked(mut self, every: Duration) -> Self {
        self.clocked = Some(every.max(Duration::from_millis(1)));
        self.plain = false;
        self
    }

    /// The stream waits for the others of `alignment` when it is far ahead of them: see
    /// [`Alignment`]. Not on several workers, where the graph fails when it starts.
    pub fn align(mut self, alignment: &Alignment) -> Self {
        self.place = Some(alignment.join());
        self
    }

    /// Always at multiples of the period: so the timer that a restored node brings along and the one
    /// that it sets when it starts become one.
    fn look_at_clock(&self, out: &mut impl EventTimeOut<T, F>) {
        if let Some(every) = self.clocked.map(millis) {
            let now = out.now();
            let next = now.saturating_sub(now.rem_euclid(every)).saturating_add(every);
            out.set_timer("clock", TimerAt::Clock(next));
        }
    }

    /// Whether everything that was asked for has a meaning together, and on several workers.
    fn check(&self, divided: bool) -> NodeResult {
        let of_all = [(self.place.is_some(), "align"), (self.ended.is_some(), "split_ended")];
        if divided && let Some((_, option)) = of_all.into_iter().find(|(is_said, _)| *is_said) {
            return Err(NodeError::new(format!(
                "on several workers each gets a share of the records, and `{option}` is about all of them: \
                 leave it out, or take the node out of `#[workers(..)]`"
            )));
        }
        if divided && self.split.is_some() && self.abandon.is_none() && self.split_idle.is_none() {
            return Err(NodeError::new(
                "on several workers a split may come to one of them, and the others would wait for it for \
                 ever, at the latest on another number of workers: say `split_idle_after` or `abandon`, or take \
                 the node out of `#[workers(..)]`",
            ));
        }
        if self.abandon.is_some() && self.split.is_none() {
            return Err(NodeError::new(
                "`abandon` says which split is not waited for, and there are none: say `per_split`, \
                 or leave it out",
            ));
        }
        let of_splits = [
            (self.ended.is_some(), "split_ended"),
            (self.split_idle.is_some(), "split_idle_after"),
        ];
        if self.split.is_none()
            && let Some((_, option)) = of_splits.into_iter().find(|(is_said, _)| *is_said)
        {
            return Err(NodeError::new(format!(
                "`{option}` says which split is not waited for, and there are none: say `per_split`, or \
                 leave it out"
            )));
        }
        if !self.known.is_empty() && self.split.is_none() {
            return Err(NodeError::new(
                "`splits` says which splits there are, and nothing which one a record is of: say \
                 `per_split`, or leave it out",
            ));
        }
        if self.punctuation.is_none() {
            return Ok(());
        }
        let others = [
            (self.disorder != 0, "disorder"),
            (self.every != 1, "every"),
            (self.step != 1, "step"),
            (self.split.is_some(), "per_split"),
            (self.clocked.is_some(), "clocked"),
        ];
        match others.into_iter().find(|(is_said, _)| *is_said) {
            None => Ok(()),
            Some((_, other)) => Err(NodeError::new(format!(
                "with `punctuated` the frontier is what the records promise, and `{other}` would mean \
                 nothing: leave one of them out"
            ))),
        }
    }

    /// Takes note of a record, and promises what can be promised behind it; its time.
    #[inline(always)]
    fn comes(
        &self,
        state: &mut EventTimeState<T, F>,
        item: &T,
        out: &mut impl EventTimeOut<T, F>,
    ) -> LogicalTime {
        let time = (self.time)(item);
        let promise = if self.plain {
            self.note(state.seen.get_mut(), time.0)
        } else {
            let asks = self.clocked.is_some() || self.split_idle.is_some();
            let now = asks.then(|| out.now());
            let promise = self.note_otherwise(state, item, time.0, now);
            self.look_at_splits(state, now, out);
            promise
        };
        if let Some(promise) = promise {
            self.promise(state.seen.get_mut(), promise, out);
        }
        time
    }

    /// Promises `next`.
    #[inline(always)]
    fn promise(&self, seen: &mut Seen, next: i64, out: &mut impl EventTimeOut<T, F>) {
        // A punctuation may fall behind the one before, and then changes nothing.
        seen.promised = seen.promised.max(Some(next));
        seen.records = 0;
        out.promise(LogicalTime(next));
        if let Some(place) = &self.place {
            place.comes_to(LogicalTime(next));
        }
    }

    /// Takes note of a record; the time that can be promised behind it. Where its time alone
    /// counts: otherwise see [`note_otherwise`](Self::note_otherwise).
    #[inline(always)]
    fn note(&self, seen: &mut Seen, time: i64) -> Option<i64> {
        if seen.latest.is_none_or(|latest| latest < time) {
            seen.latest = Some(time);
        }
        self.count(seen)
    }

    /// Where the records say more than their times, or the clock counts too: this is `now`.
    #[inline(never)]
    fn note_otherwise(
        &self,
        state: &mut EventTimeState<T, F>,
        item: &T,
        time: i64,
        now: Option<i64>,
    ) -> Option<i64> {
        let heard = now.filter(|_| self.split_idle.is_some());
        let now = now.filter(|_| self.clocked.is_some());
        if let Some(punctuation) = self.punctuation {
            return punctuation(item).map(|promise| promise.0);
        }
        let latest = if let Some(split) = self.split {
            self.latest_of_splits(state, split(item), (item, time), heard)
        } else {
            state.seen.latest.max(Some(time))
        };
        let seen = state.seen.get_mut();
        seen.comes_to(latest, now);
        self.count(seen)
    }

    #[inline(always)]
    fn count(&self, seen: &mut Seen) -> Option<i64> {
        if seen.records < self.every - 1 {
            seen.records += 1;
            return None;
        }
        self.rise(seen)
    }

    /// There were enough records since the last promise.
    #[inline(never)]
    fn rise(&self, seen: &Seen) -> Option<i64> {
        let next = seen.latest?.saturating_sub(self.disorder);
        match seen.promised {
            Some(before) if next.saturating_sub(before) < self.step => None,
            _ => Some(next),
        }
    }
}

impl<T, F> EventTimeHandlers<T, F> for EventTime<T, F>
where
    T: Send + 'static,
    F: Fn(&T) -> LogicalTime + Send + Sync + 'static,
{
    fn on_start(
        &self,
        state: &mut EventTimeState<T, F>,
        out: &mut impl EventTimeOut<T, F>,
    ) -> NodeResult {
        self.check(out.__is_divided())?;
        // At the end all that is promised is the end.
        out.__clock_lapses();
        for split in &self.known {
            state.silent.get_mut().entry(*split).or_insert(Some(i64::MAX));
        }
        if self.split_idle.is_some() {
            let now = out.now();
            let waited_for = state.splits.keys().chain(state.silent.keys());
            state.heard = waited_for.map(|split| (*split, now)).collect();
            self.look_at_splits(state, Some(now), out);
        }
        if self.every > 1 {
            let disorder = self.disorder;
            out.__at_rest(Box::new(move |state| {
                let state = state.downcast_ref::<EventTimeState<T, F>>()?;
                Some(LogicalTime(state.seen.latest?.saturating_sub(disorder)))
            }));
        }
        if let Some(limit) = self.idle_after {
            out.idle_after(limit);
        }
        if let Some(place) = &self.place {
            out.__align(place.clone());
            if let Some(promised) = state.seen.promised {
                place.comes_to(LogicalTime(promised));
            }
        }
        self.look_at_clock(out);
        Ok(())
    }

    fn on_stop(&self, _: &mut EventTimeState<T, F>, _: &mut impl EventTimeOut<T, F>) -> NodeResult {
        if let Some(place) = &self.place {
            place.idles(true);
        }
        Ok(())
    }

    fn on_input(
        &self,
        state: &mut EventTimeState<T, F>,
        input: T,
        out: &mut impl EventTimeOut<T, F>,
    ) -> NodeResult {
        let time = self.comes(state, &input, out);
        out.at(time).out(input);
        Ok(())
    }

    fn on_timer(
        &self,
        state: &mut EventTimeState<T, F>,
        timer: Timer<()>,
        out: &mut impl EventTimeOut<T, F>,
    ) -> NodeResult {
        if timer.name == "splits" {
            let now = out.now();
            let least = self.least_of_splits(state, Some(now));
            let seen = state.seen.get_mut();
            seen.comes_to(least.or(seen.latest), self.clocked.map(|_| now));
            if let Some(next) = self.rise(seen) {
                self.promise(seen, next, out);
            }
            self.look_at_splits(state, Some(now), out);
            return Ok(());
        }
        let seen = state.seen.get_mut();
        if let Some(latest) = seen.latest {
            let next = seen.by_clock(latest, out.now()).saturating_sub(self.disorder);
            if seen.promised.is_none_or(|before| before < next) {
                self.promise(seen, next, out);
            }
        }
        self.look_at_clock(out);
        Ok(())
    }
}

/// Gives each record the time that its [`HasEventTime`] says, and makes the stream's frontier from
/// these times. Behind it come windows, joins and everything else that goes by event time.
///
/// ```
/// use std::time::Duration;
/// use streamweave::nodes::event_time;
/// use streamweave::prelude::*;
/// use streamweave::HasEventTime;
///
/// #[derive(HasEventTime, PartialEq, Debug)]
/// struct Click {
///     #[event_time]
///     at: i64,
/// }
///
/// let graph = graph! {
///     times: event_time::<Click>().disorder(Duration::from_millis(10)),
///     graph.clicks => times.input,
///     times.out => graph.timed,
/// };
/// let mut run = graph.inline()?;
/// run.inputs.clicks.try_send(Click { at: 50 })?;
/// run.step()?;
/// let (time, click) = run.outputs.timed.try_recv_timed().unwrap();
/// assert_eq!((time, click), (Some(LogicalTime(50)), Click { at: 50 }));
/// assert!(run.outputs.timed.try_recv().is_none());
/// assert_eq!(run.outputs.timed.frontier(), Some(Frontier::At(LogicalTime(40))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Times are found in parallel, too:
///
/// ```
/// use streamweave::nodes::{event_time_by, map};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     #[workers(2)]
///     group parsing {
///         parse: map(|line: String| line.len() as i64),
///         times: event_time_by(|at: &i64| LogicalTime(*at)),
///     }
///     graph.lines => parse.input,
///     parse.out => times.input,
///     times.out => graph.timed,
/// };
/// let mut run = graph.inline()?;
/// for line in ["a", "bb", "ccc", "dddd"] {
///     run.inputs.lines.try_send(line.to_owned())?;
/// }
/// let mut run = run.close_inputs()?;
/// let mut times: Vec<_> =
///     std::iter::from_fn(|| run.outputs.timed.try_recv_timed()).map(|(time, _)| time).collect();
/// times.sort();
/// assert_eq!(times, [1, 2, 3, 4].map(|at| Some(LogicalTime(at))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn event_time<T: HasEventTime + Send + 'static>() -> EventTime<T, fn(&T) -> LogicalTime> {
    event_time_by(T::event_time as fn(&T) -> LogicalTime)
}

/// As [`event_time`], with a closure that says a record's time.
pub fn event_time_by<T, F>(time: F) -> EventTime<T, F>
where
    T: Send + 'static,
    F: Fn(&T) -> LogicalTime + Send + Sync + 'static,
{
    EventTime {
        time,
        disorder: 0,
        every: 1,
        step: 1,
        idle_after: None,
        punctuation: None,
        split: None,
        known: Vec::new(),
        ended: None,
        split_idle: None,
        abandon: None,
        place: None,
        clocked: None,
        plain: true,
        items: PhantomData,
    }
}
