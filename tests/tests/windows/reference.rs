//! What windows must send, worked out from all records anew each time: no state but the records
//! themselves.

use std::collections::BTreeMap;

use streamweave::nodes::window::{Accumulation, Pane, Window};
use streamweave::{Frontier, LogicalTime};

/// A key, a time and a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    pub key: u8,
    pub time: i64,
    pub number: u64,
}

/// What happens at the input, in order.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    Record(Record),
    Frontier(i64),
}

/// Which windows there are, by definition rather than by arithmetic.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Tumbling ones have a slide of their size.
    Sliding {
        size: i64,
        slide: i64,
        offset: i64,
    },
    Session {
        gap: i64,
        past_end: bool,
    },
    /// Sessions of which records a gap apart are in two.
    Apart {
        gap: i64,
    },
    /// Sessions whose gap each record says, one more than its number.
    Gaps {
        past_end: bool,
        apart: bool,
    },
    Global,
}

#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub kind: Kind,
    pub lateness: i64,
    pub accumulation: Accumulation,
    pub early_after: Option<u64>,
    /// Records whose number is a multiple of it are punctuations.
    pub early_when: Option<u64>,
    /// Multiples of it are when the frontier asks for early results.
    pub early_time: Option<i64>,
}

/// Count and sum.
pub type Value = (u64, u64);

/// A result: its time, key, window, value and pane.
pub type Sent = (i64, u8, Window, Value, Pane);

#[derive(Clone, Debug, Default)]
struct State {
    records: Vec<Record>,
    /// Of those, how many have been sent.
    sent: usize,
    /// What was sent last.
    value: Option<Value>,
    complete: bool,
}

pub struct Reference {
    options: Options,
    frontier: Frontier,
    /// By key and window; those that are closed are left out.
    open: BTreeMap<(u8, Window), State>,
    pub sent: Vec<Sent>,
    pub late: Vec<Record>,
}

fn value(records: &[Record]) -> Value {
    (records.len() as u64, records.iter().map(|record| record.number).sum())
}

impl Reference {
    pub fn new(options: Options) -> Self {
        Reference {
            options,
            frontier: Frontier::At(LogicalTime::MIN),
            open: BTreeMap::new(),
            sent: Vec::new(),
            late: Vec::new(),
        }
    }

    /// All that is sent, and all that is late.
    pub fn run(options: Options, steps: &[Step]) -> (Vec<Sent>, Vec<Record>) {
        let mut reference = Reference::new(options);
        for step in steps {
            match step {
                Step::Record(record) => reference.record(*record),
                Step::Frontier(to) => reference.advance(Frontier::At(LogicalTime(*to))),
            }
        }
        reference.advance(Frontier::Ended);
        (reference.sent, reference.late)
    }

    fn last(&self, window: Window) -> i64 {
        match self.options.kind {
            Kind::Session { past_end: true, .. } | Kind::Gaps { past_end: true, .. } => {
                window.end.0
            }
            Kind::Sliding { .. }
            | Kind::Session { .. }
            | Kind::Apart { .. }
            | Kind::Gaps { .. } => window.end.0 - 1,
            Kind::Global => i64::MAX,
        }
    }

    fn passed(&self, time: i64) -> bool {
        match self.frontier {
            Frontier::At(frontier) => frontier.0 > time,
            Frontier::Ended => true,
        }
    }

    fn closed(&self, window: Window) -> bool {
        self.passed(self.last(window).saturating_add(self.options.lateness))
    }

    fn windows(&self, Record { time, number, .. }: Record) -> Vec<Window> {
        match self.options.kind {
            Kind::Gaps { .. } => vec![Window::new(time, time + 1 + number as i64)],
            Kind::Sliding { size, slide, offset } => (time - size + 1..=time)
                .filter(|start| (start - offset).rem_euclid(slide) == 0)
                .map(|start| Window::new(start, start + size))
                .collect(),
            Kind::Session { gap, .. } | Kind::Apart { gap } => vec![Window::new(time, time + gap)],
            Kind::Global => vec![Window::ALL],
        }
    }

    fn record(&mut self, record: Record) {
        let windows = self.windows(record);
        let mut in_time = windows.is_empty();
        for window in windows {
            in_time |= self.add(window, record);
        }
        if !in_time {
            self.late.push(record);
        }
    }

    fn add(&mut self, window: Window, record: Record) -> bool {
        let mut window = window;
        let mut absorbed = Vec::new();
        if !matches!(self.options.kind, Kind::Sliding { .. } | Kind::Global) {
            // All records of the key, in order: a session ends where the next one is behind the ends of
            // all before, or where they are to be apart at the last of these.
            let apart =
                matches!(self.options.kind, Kind::Apart { .. } | Kind::Gaps { apart: true, .. });
            let open = self.open.iter().filter(|((key, _), _)| *key == record.key);
            let open = open.flat_map(|(_, state)| state.records.iter().copied());
            let mut own: Vec<_> =
                open.chain([record]).flat_map(|record| self.windows(record)).collect();
            own.sort_unstable();
            let mut sessions: Vec<Window> = Vec::new();
            for own in own {
                match sessions.last_mut() {
                    Some(last) if own.start < last.end || own.start == last.end && !apart => {
                        last.end = last.end.max(own.end);
                    }
                    _ => sessions.push(own),
                }
            }
            let contains = |session: &Window| session.contains(LogicalTime(record.time));
            window = sessions.into_iter().find(contains).unwrap();
            absorbed = (self.open.keys().filter(|(key, _)| *key == record.key))
                .map(|(_, open)| *open)
                .filter(|open| *open != window)
                .filter(|open| open.start >= window.start && open.end <= window.end)
                .collect();
        }
        if self.closed(window) {
            return false;
        }
        let mut merged = State { complete: self.passed(self.last(window)), ..State::default() };
        let mut sent = Vec::new();
        for old in absorbed {
            let state = self.open.remove(&(record.key, old)).unwrap();
            if let (Accumulation::Retracting, Some(value)) =
                (self.options.accumulation, state.value)
            {
                self.send(record.key, old, value, Pane::Retraction);
            }
            sent.extend_from_slice(&state.records[..state.sent]);
            merged.records.extend_from_slice(&state.records[state.sent..]);
        }
        if !sent.is_empty() || !merged.records.is_empty() {
            merged.sent = sent.len();
            merged.records = [sent, merged.records].concat();
        }
        let state = self.open.entry((record.key, window)).or_insert(merged);
        state.records.push(record);
        let since = (state.records.len() - state.sent) as u64;
        let (enough, punctuation) = (self.options.early_after, self.options.early_when);
        if self.passed(self.last(window)) {
            self.fire(record.key, window, Pane::Late);
        } else if enough.is_some_and(|enough| since >= enough)
            || punctuation.is_some_and(|of| record.number.is_multiple_of(of))
        {
            self.fire(record.key, window, Pane::Early);
        }
        true
    }

    fn fire(&mut self, key: u8, window: Window, pane: Pane) {
        let state = self.open.get_mut(&(key, window)).unwrap();
        let discards = self.options.accumulation == Accumulation::Discarding;
        if discards && state.sent == state.records.len() {
            // All of them have been told of, one after the other.
            return;
        }
        let new = match self.options.accumulation {
            Accumulation::Discarding => value(&state.records[state.sent..]),
            _ => value(&state.records),
        };
        state.sent = state.records.len();
        let old = state.value.replace(new);
        if let (Accumulation::Retracting, Some(old)) = (self.options.accumulation, old) {
            self.send(key, window, old, Pane::Retraction);
        }
        self.send(key, window, new, pane);
    }

    /// At its natural time, or at the frontier where that has passed it.
    fn send(&mut self, key: u8, window: Window, value: Value, pane: Pane) {
        let time = match self.frontier {
            Frontier::At(frontier) => self.last(window).max(frontier.0),
            Frontier::Ended => self.last(window),
        };
        self.sent.push((time, key, window, value, pane));
    }

    /// Early results that a rise of the frontier asks for, with the last times before their multiples.
    fn early(&self, from: Frontier, to: Frontier) -> impl Iterator<Item = (i64, u8, Pane, Window)> {
        let passed = move |at: i64| !to.less_equal(LogicalTime(at));
        self.open.iter().filter_map(move |((key, window), state)| {
            let Frontier::At(from) = from else { return None };
            let start = i128::from(from.max(window.start).0);
            let period = i128::from(self.options.early_time?);
            let at = i64::try_from((start.div_euclid(period) + 1) * period - 1).unwrap();
            let open = !state.complete && state.sent < state.records.len();
            let due = open && at < self.last(*window) && passed(at);
            due.then_some((at, *key, Pane::Early, *window))
        })
    }

    fn advance(&mut self, to: Frontier) {
        let before = std::mem::replace(&mut self.frontier, to);
        let complete = self
            .open
            .iter()
            .filter(|((_, window), state)| !state.complete && self.passed(self.last(*window)));
        let mut complete: Vec<_> =
            complete.map(|((key, window), _)| (self.last(*window), *key, *window)).collect();
        complete.sort_unstable();
        let mut due: Vec<_> = self.early(before, to).collect();
        due.extend(complete.into_iter().map(|(at, key, window)| (at, key, Pane::OnTime, window)));
        due.sort_by_key(|(at, key, pane, window)| (*at, *key, *pane, window.end, window.start));
        // What is complete is sent before the frontier is passed on.
        self.frontier = before;
        for (_, key, pane, window) in due {
            self.fire(key, window, pane);
            self.open.get_mut(&(key, window)).unwrap().complete |= pane == Pane::OnTime;
        }
        self.frontier = to;
        let closed: Vec<_> =
            self.open.keys().filter(|(_, window)| self.closed(*window)).copied().collect();
        closed.iter().for_each(|closed| {
            self.open.remove(closed);
        });
    }
}
