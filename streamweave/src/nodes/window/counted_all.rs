//! `window_all_by_count`: windows of so many records.

use std::marker::PhantomData;

use crate::node::{Context, Timer, TimerAt};
use crate::nodes::window::by_count::{ByCount, Counted};
use crate::nodes::window::made_with::MadeWith;
use crate::nodes::window::outputs::Outputs;
use crate::nodes::window::slices::{Recent, Slices};
use crate::nodes::window::{Aggregate, Pane, Window, WindowResult};
use crate::state::{Keyed, KeyedMap};
use crate::{Frontier, LogicalTime, NodeResult, node};

/// Sums up all records by their number. Made by [`window_all_by_count`].
#[node(crate = crate, settles, single)]
#[derive(Debug)]
pub struct WindowsOfAllByCount<A: Aggregate> {
    /// Records.
    #[input]
    input: &A::Input,
    /// What each window has come to. The window counts the records, from 0.
    #[output]
    out: WindowResult<(), A::Output>,
    /// How many records there were.
    #[state]
    counts: Keyed<(), i64>,
    /// The two newest slices of the count.
    #[state]
    recent: Keyed<(), Recent<A::State>>,
    /// The slices before them.
    #[state]
    older: KeyedMap<(), i64, A::State>,
    /// Of how many records they are.
    #[state(init = self.by_count.made_with())]
    made_with: MadeWith,
    by_count: ByCount<A>,
}

impl<A: Aggregate> WindowsOfAllByCount<A> {
    /// Starts a window every `slide` records, instead of when the last one is full. The first
    /// ones then have fewer records: there is a result every `slide` records, of at most `size`.
    #[must_use]
    pub fn sliding_by(self, slide: u32) -> Self {
        WindowsOfAllByCount { by_count: self.by_count.sliding_by(slide) }
    }
}

/// The output of the node. The count of the records is the time of its windows; the time of
/// the stream, that of the record which made a window full.
struct Out<'a, O, A> {
    out: &'a mut O,
    time: Option<LogicalTime>,
    aggregate: PhantomData<fn(A)>,
}

impl<A: Aggregate, O: WindowsOfAllByCountOut<A>> Outputs<(), A::Input, A::Output>
    for Out<'_, O, A>
{
    fn frontier(&self) -> Option<Frontier> {
        None
    }
    fn now(&self) -> i64 {
        self.out.now()
    }
    fn set_timer(&mut self, name: &'static str, at: TimerAt) {
        self.out.set_timer(name, at);
    }
    fn cancel_timer(&mut self, _: &'static str, _: TimerAt) {}
    fn result(
        &mut self,
        _: Option<LogicalTime>,
        key: (),
        window: Window,
        value: A::Output,
        pane: Pane,
    ) {
        let window = Window::new(window.start.0.max(0), window.end.0);
        let result = WindowResult { key, window, value, pane };
        match self.time.max(self.out.promised()) {
            Some(time) => self.out.at(time).out(result),
            None => self.out.out(result),
        }
    }
    fn late(&mut self, _: &(), _: &A::Input) {}
}

impl<A: Aggregate> WindowsOfAllByCountHandlers<A> for WindowsOfAllByCount<A> {
    fn on_input(
        &self,
        state: &mut WindowsOfAllByCountState<A>,
        input: &A::Input,
        out: &mut impl WindowsOfAllByCountOut<A>,
    ) -> NodeResult {
        let WindowsOfAllByCountState { counts, recent, older, .. } = state;
        let held = Counted { counts, slices: Slices { recent, older } };
        let time = out.time();
        let mut out = Out { out, time, aggregate: PhantomData };
        self.by_count.on_record(held, (&(), input), &mut out);
        Ok(())
    }

    fn on_start(
        &self,
        state: &mut WindowsOfAllByCountState<A>,
        _: &mut impl WindowsOfAllByCountOut<A>,
    ) -> NodeResult {
        self.by_count.check()?;
        state.made_with.check(!state.counts.is_empty())
    }

    fn on_timer(
        &self,
        state: &mut WindowsOfAllByCountState<A>,
        timer: Timer<()>,
        out: &mut impl WindowsOfAllByCountOut<A>,
    ) -> NodeResult {
        let WindowsOfAllByCountState { counts, recent, older, .. } = state;
        let held = Counted { counts, slices: Slices { recent, older } };
        let mut out = Out { out, time: None, aggregate: PhantomData };
        self.by_count.on_end(held, &timer.key, &mut out);
        Ok(())
    }
}

/// As [`window_by_count`](super::window_by_count()) over all records, whatever their keys: each `size` of
/// them. The results' key is `()`. It does not start on several workers.
///
/// ```
/// use streamweave::nodes::from_iter;
/// use streamweave::nodes::window::{sum, window_all_by_count};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     numbers: from_iter([1, 2, 3, 4, 5_u64]),
///     pairs: window_all_by_count(2, sum(|n: &u64| *n)),
///     numbers.out => pairs.input,
///     pairs.out => graph.sums,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// let sums: Vec<_> = std::iter::from_fn(|| run.outputs.sums.try_recv()).map(|sum| sum.value).collect();
/// assert_eq!(sums, [3, 7, 5]); // the last, when the input ended
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn window_all_by_count<A: Aggregate>(size: u32, aggregate: A) -> WindowsOfAllByCount<A> {
    WindowsOfAllByCount { by_count: ByCount::new(size, size, aggregate) }
}
