//! `window_by_count`: windows of so many records of a key.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::node::{Context, Timer, TimerAt};
use crate::nodes::window::by_count::{ByCount, Counted};
use crate::nodes::window::made_with::MadeWith;
use crate::nodes::window::outputs::Outputs;
use crate::nodes::window::slices::{Recent, Slices};
use crate::nodes::window::{Aggregate, Pane, Window, WindowResult};
use crate::state::{Keyed, KeyedMap};
use crate::{Frontier, LogicalTime, NodeResult, StableKey, node};

/// Sums up the records of each key by their number. Made by [`window_by_count`].
#[node(crate = crate, key = K, settles)]
#[derive(Debug)]
pub struct WindowsByCount<K: StableKey + Serialize + DeserializeOwned, A: Aggregate> {
    /// Keys and records.
    #[input(key = |item| &item.0)]
    input: &(K, A::Input),
    /// What each window has come to. The window counts the key's records, from 0.
    #[output]
    out: WindowResult<K, A::Output>,
    /// How many records each key has had.
    #[state]
    counts: Keyed<K, i64>,
    /// The two newest slices of the count.
    #[state]
    recent: Keyed<K, Recent<A::State>>,
    /// The slices before them.
    #[state]
    older: KeyedMap<K, i64, A::State>,
    /// Of how many records they are.
    #[state(init = self.by_count.made_with())]
    made_with: MadeWith,
    by_count: ByCount<A>,
    keys: PhantomData<fn(K)>,
}

impl<K: StableKey + Serialize + DeserializeOwned, A: Aggregate> WindowsByCount<K, A> {
    /// Starts a window every `slide` records, instead of when the last one is full. The first
    /// ones then have fewer records: there is a result every `slide` records, of at most `size`.
    ///
    /// ```
    /// use streamweave::nodes::from_iter;
    /// use streamweave::nodes::window::{sum, window_by_count};
    /// use streamweave::prelude::*;
    ///
    /// let graph = graph! {
    ///     numbers: from_iter([1, 2, 3].map(|n| ("a".to_owned(), n))),
    ///     last_two: window_by_count(2, sum(|n: &u64| *n)).sliding_by(1),
    ///     numbers.out => last_two.input,
    ///     last_two.out => graph.sums,
    /// };
    /// let mut run = graph.inline()?;
    /// run.step()?;
    /// let sums: Vec<_> = std::iter::from_fn(|| run.outputs.sums.try_recv()).map(|sum| sum.value).collect();
    /// assert_eq!(sums, [1, 3, 5, 3]); // the last, when the input ended
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn sliding_by(self, slide: u32) -> Self {
        WindowsByCount { by_count: self.by_count.sliding_by(slide), keys: PhantomData }
    }
}

/// The output of the node. The count of a key's records is the time of its windows; the time of
/// the stream, that of the record which made a window full.
struct Out<'a, O, A> {
    out: &'a mut O,
    time: Option<LogicalTime>,
    aggregate: PhantomData<fn(A)>,
}

impl<K, A, O> Outputs<K, A::Input, A::Output> for Out<'_, O, A>
where
    K: StableKey + Serialize + DeserializeOwned,
    A: Aggregate,
    O: WindowsByCountOut<K, A>,
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
        key: K,
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
    fn late(&mut self, _: &K, _: &A::Input) {}
}

impl<K: StableKey + Serialize + DeserializeOwned, A: Aggregate> WindowsByCountHandlers<K, A>
    for WindowsByCount<K, A>
{
    fn on_input(
        &self,
        state: &mut WindowsByCountState<K, A>,
        input: &(K, A::Input),
        out: &mut impl WindowsByCountOut<K, A>,
    ) -> NodeResult {
        let WindowsByCountState { counts, recent, older, .. } = state;
        let held = Counted { counts, slices: Slices { recent, older } };
        let (key, record) = input;
        let time = out.time();
        let mut out = Out { out, time, aggregate: PhantomData };
        self.by_count.on_record(held, (key, record), &mut out);
        Ok(())
    }

    fn on_start(
        &self,
        state: &mut WindowsByCountState<K, A>,
        _: &mut impl WindowsByCountOut<K, A>,
    ) -> NodeResult {
        self.by_count.check()?;
        state.made_with.check(!state.counts.is_empty())
    }

    fn on_timer(
        &self,
        state: &mut WindowsByCountState<K, A>,
        timer: Timer<K>,
        out: &mut impl WindowsByCountOut<K, A>,
    ) -> NodeResult {
        let WindowsByCountState { counts, recent, older, .. } = state;
        let held = Counted { counts, slices: Slices { recent, older } };
        let mut out = Out { out, time: None, aggregate: PhantomData };
        self.by_count.on_end(held, &timer.key, &mut out);
        Ok(())
    }
}

/// Sums up each `size` records of a key with an [`Aggregate`](super::Aggregate), in the order in
/// which they come; times play no part. What is left over when the input ends is sent then.
///
/// ```
/// use streamweave::nodes::from_iter;
/// use streamweave::nodes::window::{sum, window_by_count};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     numbers: from_iter([("a", 1), ("b", 7), ("a", 2), ("a", 3)].map(|(k, n)| (k.to_owned(), n))),
///     pairs: window_by_count(2, sum(|n: &u64| *n)),
///     numbers.out => pairs.input,
///     pairs.out => graph.sums,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// let sums: Vec<_> = std::iter::from_fn(|| run.outputs.sums.try_recv()).collect();
/// let sums: Vec<_> = sums.iter().map(|sum| (sum.key.as_str(), sum.value)).collect();
/// assert_eq!(sums, [("a", 3), ("a", 3), ("b", 7)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn window_by_count<K, A>(size: u32, aggregate: A) -> WindowsByCount<K, A>
where
    K: StableKey + Serialize + DeserializeOwned,
    A: Aggregate,
{
    WindowsByCount { by_count: ByCount::new(size, size, aggregate), keys: PhantomData }
}
