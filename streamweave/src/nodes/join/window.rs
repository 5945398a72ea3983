//! `window_join`: pairs within the same window.

use std::marker::PhantomData;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::node::{Context, Timer, TimerAt};
use crate::nodes::join::stash::{Stash, passed, places, put, time_of};
use crate::nodes::join::{Full, Inner, LeftOuter, RightOuter, Sides};
use crate::nodes::{Storable, millis};
use crate::{LogicalTime, NodeError, NodeResult, StableKey, node};

/// Joins records of the same window. Made by [`window_join`].
#[node(crate = crate, key = K, strict)]
#[derive(Debug)]
pub struct WindowJoin<K, A, B, S>
where
    K: StableKey + Serialize + DeserializeOwned,
    A: Storable,
    B: Storable,
    S: Sides<A, B>,
{
    /// One stream.
    #[input(key = |item| &item.0)]
    left: (K, A),
    /// The other.
    #[input(key = |item| &item.0)]
    right: (K, B),
    /// What the windows give, with their last times.
    #[output]
    out: (K, S::Joined),
    /// Records of the left, at the starts of their windows.
    #[state]
    lefts: Stash<K, A>,
    /// Records of the right, at the starts of their windows.
    #[state]
    rights: Stash<K, B>,
    size: i64,
    offset: i64,
    items: PhantomData<fn(K, A, B) -> S>,
}

impl<K, A, B> WindowJoin<K, A, B, Inner>
where
    K: StableKey + Serialize + DeserializeOwned,
    A: Storable,
    B: Storable,
{
    /// Records of the left without a partner in their window are sent too: results are
    /// `(A, Option<B>)`.
    #[must_use]
    pub fn left_outer(self) -> WindowJoin<K, A, B, LeftOuter> {
        self.with_sides()
    }

    /// Records of the right without a partner in their window are sent too: results are
    /// `(Option<A>, B)`.
    #[must_use]
    pub fn right_outer(self) -> WindowJoin<K, A, B, RightOuter> {
        self.with_sides()
    }

    /// Records of both sides without a partner in their window are sent too: results are
    /// `(Option<A>, Option<B>)`.
    #[must_use]
    pub fn full_outer(self) -> WindowJoin<K, A, B, Full> {
        self.with_sides()
    }

    fn with_sides<S: Sides<A, B>>(self) -> WindowJoin<K, A, B, S> {
        WindowJoin { size: self.size, offset: self.offset, items: PhantomData }
    }
}

impl<K, A, B, S> WindowJoin<K, A, B, S>
where
    K: StableKey + Serialize + DeserializeOwned,
    A: Storable,
    B: Storable,
    S: Sides<A, B>,
{
    /// Moves the starts of all windows by so many milliseconds, forwards or back.
    #[must_use]
    pub fn offset(self, millis: i64) -> Self {
        WindowJoin { offset: millis, ..self }
    }

    /// The first and the last time of the window around `time`, cut off where times end.
    fn window(&self, time: i64) -> (i64, i64) {
        let (time, size) = (i128::from(time), i128::from(self.size.max(1)));
        let start = time - (time - i128::from(self.offset)).rem_euclid(size);
        let cut = |time: i128| time.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
        (cut(start), cut(start + size - 1))
    }

    /// Keeps a record until its window is complete; one of a window that was complete is dropped.
    fn keep<V: Storable>(
        &self,
        stash: &mut Stash<K, V>,
        (key, record): (K, V),
        out: &mut impl WindowJoinOut<K, A, B, S>,
    ) -> NodeResult {
        let (start, last) = self.window(time_of(out)?);
        if passed(out.frontier(), last) {
            return Ok(());
        }
        let mut kept = stash.entry_ref(&key);
        let new = kept.get(&(start, 0)).is_none();
        put(&mut kept, start, record);
        if new {
            out.set_timer("end", TimerAt::Event(LogicalTime(last)));
        }
        Ok(())
    }
}

/// Takes the records of the window that starts there.
fn take<K: StableKey, V: Storable>(stash: &mut Stash<K, V>, key: &K, start: i64) -> Vec<V> {
    if stash.get(key).is_none() {
        return Vec::new();
    }
    let mut kept = stash.entry_ref(key);
    let of_window: Vec<_> = kept.range(places(start, start)).map(|(place, _)| *place).collect();
    of_window.iter().filter_map(|place| kept.remove(place)).collect()
}

impl<K, A, B, S> WindowJoinHandlers<K, A, B, S> for WindowJoin<K, A, B, S>
where
    K: StableKey + Serialize + DeserializeOwned,
    A: Storable,
    B: Storable,
    S: Sides<A, B>,
{
    fn on_start(
        &self,
        _: &mut WindowJoinState<K, A, B, S>,
        _: &mut impl WindowJoinOut<K, A, B, S>,
    ) -> NodeResult {
        if self.size < 1 {
            return Err(NodeError::new("windows to join in need a size of at least 1 ms"));
        }
        Ok(())
    }

    fn on_left(
        &self,
        state: &mut WindowJoinState<K, A, B, S>,
        left: (K, A),
        out: &mut impl WindowJoinOut<K, A, B, S>,
    ) -> NodeResult {
        self.keep(&mut state.lefts, left, out)
    }

    fn on_right(
        &self,
        state: &mut WindowJoinState<K, A, B, S>,
        right: (K, B),
        out: &mut impl WindowJoinOut<K, A, B, S>,
    ) -> NodeResult {
        self.keep(&mut state.rights, right, out)
    }

    /// A window of the key is complete.
    fn on_timer(
        &self,
        state: &mut WindowJoinState<K, A, B, S>,
        timer: Timer<K>,
        out: &mut impl WindowJoinOut<K, A, B, S>,
    ) -> NodeResult {
        let (key, TimerAt::Event(LogicalTime(last))) = (timer.key, timer.at) else { return Ok(()) };
        let start = self.window(last).0;
        let lefts = take(&mut state.lefts, &key, start);
        let rights = take(&mut state.rights, &key, start);
        for left in &lefts {
            for right in &rights {
                out.out((key.clone(), S::pair(left, right)));
            }
        }
        let alone: Vec<_> = match (lefts.is_empty(), rights.is_empty()) {
            (false, true) => lefts.iter().filter_map(S::left).collect(),
            (true, false) => rights.iter().filter_map(S::right).collect(),
            _ => Vec::new(),
        };
        for joined in alone {
            out.out((key.clone(), joined));
        }
        Ok(())
    }
}

/// Joins each record of `left` with all of `right` that have the same key and lie in the same
/// window. Windows are of one size (in whole milliseconds) and side by side; they start at
/// multiples of the size since the Unix epoch, unless there is an [`offset`](WindowJoin::offset).
///
/// The pairs of a window are sent when it is complete, with its last time; outer joins send
/// records without a partner then too. A size of less than 1 ms fails at the start, and a record
/// without a time when it comes.
///
/// ```
/// use std::time::Duration;
/// use streamweave::nodes::window_join;
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     sold: window_join(Duration::from_secs(10)).left_outer(),
///     graph.offers => sold.left,
///     graph.sales => sold.right,
///     sold.out => graph.sold,
/// };
/// let mut run = graph.inline()?;
/// run.inputs.offers.try_send_at(LogicalTime(1_000), ("tea".to_owned(), 3_u32))?;
/// run.inputs.offers.try_send_at(LogicalTime(2_000), ("ink".to_owned(), 8))?;
/// run.inputs.sales.try_send_at(LogicalTime(9_999), ("tea".to_owned(), true))?;
/// run.inputs.sales.try_send_at(LogicalTime(10_000), ("ink".to_owned(), true))?;
/// run.inputs.offers.advance(LogicalTime(10_000));
/// run.inputs.sales.advance(LogicalTime(10_000));
/// run.step()?;
/// let sold: Vec<_> = std::iter::from_fn(|| run.outputs.sold.try_recv()).collect();
/// assert_eq!(sold, [("ink".to_owned(), (8, None)), ("tea".to_owned(), (3, Some(true)))]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn window_join<K, A, B>(size: Duration) -> WindowJoin<K, A, B, Inner>
where
    K: StableKey + Serialize + DeserializeOwned,
    A: Storable,
    B: Storable,
{
    WindowJoin { size: millis(size), offset: 0, items: PhantomData }
}
