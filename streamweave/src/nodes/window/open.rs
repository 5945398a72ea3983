//! Windows one by one, each with a state of its own: those that merge, send early results, or
//! still change after they were complete.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::broken::{Broken, broken};
use crate::node::TimerAt;
use crate::nodes::window::outputs::Outputs;
use crate::nodes::window::plan::{Plan, passed};
use crate::nodes::window::{
    Accumulation, Aggregate, Merged, Pane, Window, WindowAssigner, WindowError,
};
use crate::state::{KeyedMap, MapEntry};
use crate::{Frontier, LogicalTime, StableKey};

/// A window in the order of ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Ending {
    end: i64,
    start: i64,
}

impl Ending {
    fn of(window: Window) -> Self {
        Ending { end: window.end.0, start: window.start.0 }
    }

    fn window(self) -> Window {
        Window::new(self.start, self.end)
    }
}

/// An open window of a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Open<S> {
    /// Its records: all, or where results are discarded those since the last.
    state: S,
    /// The state that was sent last, where it will have to be taken back.
    sent: Option<S>,
    /// How many records came since the last result.
    since: u64,
    /// It was complete before.
    complete: bool,
    /// When the run's clock asks for an early result.
    early_at: Option<i64>,
}

pub(crate) type Windows<K, S> = KeyedMap<K, Ending, Open<S>>;

impl<W: WindowAssigner, A: Aggregate> Plan<W, A> {
    /// Adds a record to its windows. Whether it was in time for any, or belongs to none.
    ///
    /// # Errors
    /// When the record's own gap is none.
    pub(crate) fn add<K>(
        &self,
        windows: &mut Windows<K, A::State>,
        key: &K,
        record: &A::Input,
        time: LogicalTime,
        out: &mut impl Outputs<K, A::Input, A::Output>,
    ) -> Result<bool, WindowError>
    where
        K: StableKey + Serialize + DeserializeOwned,
    {
        let end = self.own_end(record, time)?;
        let (mut any, mut taken) = (false, false);
        self.assigner.assign(time, &mut |window| {
            any = true;
            let window = Window { end: end.unwrap_or(window.end), ..window };
            taken |= self.add_to(windows, key, (record, time), window, out);
        });
        Ok(taken || !any)
    }

    /// Adds a record to a window, unless that is closed.
    fn add_to<K>(
        &self,
        windows: &mut Windows<K, A::State>,
        key: &K,
        record: (&A::Input, LogicalTime),
        window: Window,
        out: &mut impl Outputs<K, A::Input, A::Output>,
    ) -> bool
    where
        K: StableKey + Serialize + DeserializeOwned,
    {
        let own = window;
        let merged = match windows.get(key) {
            Some(open) if W::MERGES => {
                let open = open.iter().map(|(ending, _)| ending.window());
                Merged::where_they(window, open, |one, other| self.assigner.merges(one, other))
            }
            _ => Merged { window, absorbed: Vec::new() },
        };
        let window = merged.window;
        let by_clock = self.by_clock;
        let has_passed = |time, out: &_| !by_clock && passed(Outputs::frontier(out), time);
        let judged = if broken(Broken::LateByOwnSession) { own } else { window };
        if has_passed(self.closes(judged), out) {
            return false;
        }
        let behind = has_passed(self.assigner.last(window), out);
        let ending = Ending::of(window);
        if let Some(open) = windows.entry_ref(key).get_mut(&ending) {
            self.add_open(key, window, open, record, behind, out);
            return true;
        }
        let mut open = self.absorb(windows, key, &merged, out);
        if behind {
            open.complete = true;
            out.set_timer("drop", TimerAt::Event(self.closes(window)));
        } else {
            self.set_end(window, out);
        }
        self.add_open(key, window, &mut open, record, behind, out);
        windows.entry_ref(key).insert(ending, open);
        true
    }

    /// Adds a record to an open window, which sends a result if it is behind the frontier or
    /// triggered.
    fn add_open<K: Clone>(
        &self,
        key: &K,
        window: Window,
        open: &mut Open<A::State>,
        (record, time): (&A::Input, LogicalTime),
        behind: bool,
        out: &mut impl Outputs<K, A::Input, A::Output>,
    ) {
        self.aggregate.add(&mut open.state, record);
        open.since += 1;
        if behind {
            if open.since >= self.late_records {
                self.fire(key, window, open, Pane::Late, out);
            }
        } else if self.is_early(open, record) {
            self.fire(key, window, open, Pane::Early, out);
        } else {
            if let (Some(period), None) = (self.early.clock, open.early_at) {
                let at = out.now().saturating_add(period);
                open.early_at = Some(at);
                out.set_timer("early", TimerAt::Clock(at));
            }
            if let Some(at) = self.next_early(window, time, out.frontier()) {
                out.set_timer("early", TimerAt::Event(at));
            }
        }
    }

    fn is_early(&self, open: &Open<A::State>, record: &A::Input) -> bool {
        let enough = self.early.records.is_some_and(|records| open.since >= records);
        enough || self.early.punctuation.as_ref().is_some_and(|fires| fires(record))
    }

    /// A new window takes the place of those it absorbs, with their state, trigger counters and
    /// timers; what they sent is taken back.
    fn absorb<K>(
        &self,
        windows: &mut Windows<K, A::State>,
        key: &K,
        merged: &Merged,
        out: &mut impl Outputs<K, A::Input, A::Output>,
    ) -> Open<A::State>
    where
        K: StableKey + Serialize + DeserializeOwned,
    {
        let mut all = Open {
            state: self.aggregate.empty(),
            sent: None,
            since: 0,
            complete: false,
            early_at: None,
        };
        for window in &merged.absorbed {
            let Some(open) = windows.entry_ref(key).remove(&Ending::of(*window)) else { continue };
            if let Some(sent) = &open.sent {
                self.send(key, *window, sent, Pane::Retraction, out);
            }
            self.aggregate.combine(&mut all.state, &open.state);
            all.since += open.since;
            all.early_at = [all.early_at, open.early_at].into_iter().flatten().min();
            if !broken(Broken::MergedSessionKeepsTimer) {
                self.cancel(*window, open.complete, out);
            }
        }
        all
    }

    /// Sets the timer for the end of a window.
    fn set_end<K>(&self, window: Window, out: &mut impl Outputs<K, A::Input, A::Output>) {
        let last = self.assigner.last(window);
        if self.by_clock {
            out.set_timer("end", TimerAt::Clock(last.0.saturating_add(1)));
            // Timers of the clock are dropped at the end of the input, those of events fire.
            out.set_timer("end", TimerAt::Event(LogicalTime::MAX));
        } else {
            out.set_timer("end", TimerAt::Event(last));
        }
    }

    /// Takes back the timer of a window that is no more.
    fn cancel<K>(
        &self,
        window: Window,
        complete: bool,
        out: &mut impl Outputs<K, A::Input, A::Output>,
    ) {
        let last = self.assigner.last(window);
        if self.by_clock {
            out.cancel_timer("end", TimerAt::Clock(last.0.saturating_add(1)));
            // That for the end of the input is the key's, and the merged window needs it.
        } else if complete {
            out.cancel_timer("drop", TimerAt::Event(self.closes(window)));
        } else {
            out.cancel_timer("end", TimerAt::Event(last));
        }
    }

    /// All of its records are in an early result already, and the next would sum up none.
    fn has_nothing_new(&self, open: &Open<A::State>) -> bool {
        let discards = self.accumulation == Accumulation::Discarding;
        discards && open.since == 0 && !broken(Broken::EmptyPaneIsSent)
    }

    /// Sends the window's result, and takes back the one before where that is asked for.
    fn fire<K: Clone>(
        &self,
        key: &K,
        window: Window,
        open: &mut Open<A::State>,
        pane: Pane,
        out: &mut impl Outputs<K, A::Input, A::Output>,
    ) {
        if let Some(sent) = open.sent.take() {
            self.send(key, window, &sent, Pane::Retraction, out);
        }
        self.send(key, window, &open.state, pane, out);
        match self.accumulation {
            Accumulation::Accumulating => {}
            Accumulation::Discarding => open.state = self.aggregate.empty(),
            Accumulation::Retracting => open.sent = Some(open.state.clone()),
        }
        open.since = 0;
        open.early_at = None;
    }

    fn send<K: Clone>(
        &self,
        key: &K,
        window: Window,
        state: &A::State,
        pane: Pane,
        out: &mut impl Outputs<K, A::Input, A::Output>,
    ) {
        // Windows of the clock say nothing of the time of the stream.
        let time = (!self.by_clock).then(|| self.assigner.last(window));
        out.result(time, key.clone(), window, self.result(state), pane);
    }

    /// A window goes.
    fn close<K: StableKey>(
        &self,
        of_key: &mut MapEntry<'_, K, Ending, Open<A::State>>,
        ending: Ending,
        key: &K,
        out: &mut impl Outputs<K, A::Input, A::Output>,
    ) {
        of_key.remove(&ending);
        let last = self.assigner.last(ending.window());
        out.gone(last, key, ending.window(), of_key.iter().map(|(open, _)| open.window()));
    }

    /// A timer of this key is due.
    pub(crate) fn timer<K>(
        &self,
        windows: &mut Windows<K, A::State>,
        key: &K,
        (name, at): (&'static str, TimerAt),
        out: &mut impl Outputs<K, A::Input, A::Output>,
    ) where
        K: StableKey + Serialize + DeserializeOwned,
    {
        let is_due = |ending: Ending, open: &Open<A::State>| match (name, at) {
            ("early", TimerAt::Clock(at)) => open.early_at == Some(at),
            // It is the key's: each of its windows looks whether it has begun and has something new.
            ("early", TimerAt::Event(at)) => {
                let open_then = ending.start <= at.0 && self.assigner.last(ending.window()) > at;
                open_then && !open.complete && open.since > 0
            }
            ("end", TimerAt::Clock(at)) => self.assigner.last(ending.window()).0 < at,
            ("end", TimerAt::Event(_)) if self.by_clock => true,
            ("end", TimerAt::Event(at)) => {
                let keeps = broken(Broken::MergedSessionKeepsTimer) && ending.start <= at.0;
                !open.complete && (keeps || self.assigner.last(ending.window()) == at)
            }
            // The latest time there is is that of windows that are not complete yet, too.
            (_, TimerAt::Event(at)) => {
                let fired = open.complete || broken(Broken::DropsWhatIsOpen);
                fired && self.closes(ending.window()) <= at
            }
            _ => false,
        };
        let Some(open) = windows.get(key) else { return };
        let due = open.iter().filter(|(ending, open)| is_due(**ending, open));
        let mut due: Vec<Ending> = due.map(|(ending, _)| *ending).collect();
        if let ("drop", TimerAt::Event(at)) = (name, at) {
            // Where they were restored with a longer lateness, there is no timer yet for what stays.
            let closes = |ending: Ending| self.closes(ending.window());
            let later = open.iter().filter(|(ending, open)| open.complete && closes(**ending) > at);
            let next = later.map(|(ending, _)| *ending).min_by_key(|ending| closes(*ending));
            match next {
                Some(next) if out.frontier() != Some(Frontier::Ended) => {
                    out.set_timer("drop", TimerAt::Event(closes(next)));
                }
                Some(next) if due.is_empty() => due.push(next),
                _ => {}
            }
        }
        for ending in due {
            let mut of_key = windows.entry_ref(key);
            let Some(open) = of_key.get_mut(&ending) else { continue };
            let window = ending.window();
            match name {
                "early" => self.fire(key, window, open, Pane::Early, out),
                "end" => {
                    if !self.has_nothing_new(open) {
                        self.fire(key, window, open, Pane::OnTime, out);
                    }
                    open.complete = true;
                    // At the end of the input nothing comes late.
                    let ended = out.frontier() == Some(Frontier::Ended);
                    if self.by_clock || self.lateness == 0 || ended {
                        self.close(&mut of_key, ending, key, out);
                    } else {
                        out.set_timer("drop", TimerAt::Event(self.closes(window)));
                    }
                }
                _ => {
                    // Late records that were too few for a result.
                    if open.complete && open.since > 0 && !broken(Broken::FewLateAreLost) {
                        self.fire(key, window, open, Pane::Late, out);
                    }
                    self.close(&mut of_key, ending, key, out);
                }
            }
        }
        if self.by_clock && windows.get(key).is_none_or(|open| open.iter().next().is_none()) {
            out.cancel_timer("end", TimerAt::Event(LogicalTime::MAX));
        }
    }
}
