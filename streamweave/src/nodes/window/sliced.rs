//! Windows that fire once, made of slices: a record is added up once, in its slice.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::nodes::window::outputs::Outputs;
use crate::nodes::window::plan::{Plan, passed};
use crate::nodes::window::slices::{Neighbours, Slices};
use crate::nodes::window::{Aggregate, Pane, Window, WindowAssigner};
use crate::{Frontier, LogicalTime, StableKey};

/// The slice of the last record that went to one, so that the next mostly need not look for its
/// own. It holds until the frontier rises.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cursor {
    start: i64,
    /// How many times the slice has, but for its last: that may be the last of a window, and in a loop
    /// a record is too late for it then by its round. 0 before there is one.
    span: u64,
}

/// Where a record goes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// To the slice that starts there.
    Slice(i64),
    /// All its windows are complete.
    Late,
    /// It belongs to no window.
    Nowhere,
}

impl Cursor {
    /// Where a record of this time goes.
    #[inline(always)]
    pub(super) fn place<W: WindowAssigner, A: Aggregate>(
        &mut self,
        plan: &Plan<W, A>,
        time: LogicalTime,
        frontier: impl FnOnce() -> Option<Frontier>,
    ) -> Place {
        if (time.0.wrapping_sub(self.start) as u64) < self.span {
            return Place::Slice(self.start);
        }
        self.look(plan, time, frontier())
    }

    #[inline(never)]
    fn look<W: WindowAssigner, A: Aggregate>(
        &mut self,
        plan: &Plan<W, A>,
        time: LogicalTime,
        frontier: Option<Frontier>,
    ) -> Place {
        let slice = plan.assigner.slice(time).unwrap_or(Window { start: time, end: time });
        let mut closes = None;
        plan.assigner.assign(time, &mut |window| {
            closes = closes.max(Some(plan.assigner.last(window)));
        });
        match closes {
            Some(closes) if passed(frontier, closes) => Place::Late,
            Some(_) => {
                let span = slice.end.0.wrapping_sub(slice.start.0) as u64;
                *self = Cursor { start: slice.start.0, span: span.saturating_sub(1) };
                Place::Slice(slice.start.0)
            }
            None => Place::Nowhere,
        }
    }
}

impl<W: WindowAssigner, A: Aggregate> Plan<W, A> {
    /// A slice has been put in: when the windows end that had none of the key's records, the first
    /// and the others.
    #[inline(never)]
    pub(super) fn new_ends(
        &self,
        slice: i64,
        neighbours: Neighbours,
        frontier: Option<Frontier>,
    ) -> (Option<LogicalTime>, Vec<LogicalTime>) {
        let (mut first, mut more) = (None, Vec::new());
        let Neighbours { before, after } = neighbours;
        self.assigner.assign(LogicalTime(slice), &mut |window| {
            let holds =
                |start: Option<i64>| start.is_some_and(|start| window.contains(LogicalTime(start)));
            let last = self.assigner.last(window);
            if holds(before) || holds(after) || passed(frontier, last) {
            } else if first.is_none() {
                first = Some(last);
            } else {
                more.push(last);
            }
        });
        (first, more)
    }

    /// The windows of the key that end with this time are complete.
    pub(super) fn end_sliced<K, T>(
        &self,
        slices: &mut Slices<'_, K, A::State>,
        key: &K,
        last: LogicalTime,
        out: &mut impl Outputs<K, T, A::Output>,
    ) where
        K: StableKey + Serialize + DeserializeOwned,
    {
        let whole = self.assigner.slice(last);
        let (mut first, mut more) = (None, Vec::new());
        self.assigner.assign(last, &mut |window| {
            if self.assigner.last(window) != last {
            } else if first.is_none() {
                first = Some(window);
            } else {
                more.push(window);
            }
        });
        // At the beginning of times a window may look so because it is cut off.
        let is_cut = whole.is_some_and(|slice| slice.start == LogicalTime::MIN);
        if more.is_empty() && first == whole && !is_cut {
            // The window is one slice.
            if let Some(window) = whole
                && let Some(state) = slices.take(key, window.start.0)
            {
                out.result(Some(last), key.clone(), window, self.result(&state), Pane::OnTime);
            }
            return;
        }
        // At the end of times several windows end together.
        let ended = || first.iter().chain(&more);
        for window in ended() {
            let parts = slices.within(key, window.start.0, last.0);
            if !parts.is_empty() {
                let mut state = self.aggregate.empty();
                parts.iter().for_each(|(_, part)| self.aggregate.combine(&mut state, part));
                out.result(Some(last), key.clone(), *window, self.result(&state), Pane::OnTime);
            }
        }
        for window in ended() {
            self.drop_slices(slices, key, *window, last);
        }
    }

    /// Drops the slices of a window that belong to none that ends later.
    fn drop_slices<K>(
        &self,
        slices: &mut Slices<'_, K, A::State>,
        key: &K,
        window: Window,
        last: LogicalTime,
    ) where
        K: StableKey + Serialize + DeserializeOwned,
    {
        let starts = slices.within(key, window.start.0, last.0).into_iter().map(|(start, _)| start);
        for start in starts.collect::<Vec<_>>() {
            let mut needed = false;
            self.assigner.assign(LogicalTime(start), &mut |window| {
                needed |= self.assigner.last(window) > last;
            });
            if needed {
                return;
            }
            slices.take(key, start);
        }
    }

    /// All windows of the key that end at `first` or later are complete, in the order of their
    /// ends.
    pub(super) fn end_all_sliced<K, T>(
        &self,
        slices: &mut Slices<'_, K, A::State>,
        key: &K,
        first: LogicalTime,
        out: &mut impl Outputs<K, T, A::Output>,
    ) where
        K: StableKey + Serialize + DeserializeOwned,
    {
        let mut ends = std::collections::BTreeSet::new();
        for (start, _) in slices.within(key, i64::MIN, i64::MAX) {
            self.assigner.assign(LogicalTime(start), &mut |window| {
                ends.insert(self.assigner.last(window));
            });
        }
        ends.split_off(&first).into_iter().for_each(|last| self.end_sliced(slices, key, last, out));
    }
}
