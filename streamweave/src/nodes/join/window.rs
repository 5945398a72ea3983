//! `window_join`: pairs within the same window.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::node::{TimeError, Timer, TimerAt};
use crate::nodes::Storable;
use crate::nodes::join::stash::{passed, time_of};
use crate::nodes::join::{Full, Inner, LeftOuter, RightOuter, Sides};
use crate::nodes::window::WindowAssigner;
use crate::nodes::window::outputs::frontier_of;
use crate::state::KeyedMap;
use crate::{LogicalTime, NodeError, NodeResult, StableKey, node};

/// The last time of a window and its first, and how many records of it came before.
type Place = (i64, i64, u64);

/// Joins records of the same window. Made by [`window_join`].
#[node(crate = crate, key = K, strict)]
#[derive(Debug)]
pub struct WindowJoin<
    K: StableKey + Serialize + DeserializeOwned,
    A: Storable,
    B: Storable,
    W: WindowAssigner,
    S: Sides<A, B>,
> {
    /// One stream.
    #[input(key = |item| &item.0)]
    left: (K, A),
    /// The other.
    #[input(key = |item| &item.0)]
    right: (K, B),
    /// What the windows give, with their last times.
    #[output]
    out: (K, S::Joined),
    /// Records of the left that came when all their windows were complete.
    #[output(optional)]
    late_left: (K, A),
    /// Records of the right that came when all their windows were complete.
    #[output(optional)]
    late_right: (K, B),
    /// Records of the left by window.
    #[state]
    lefts: KeyedMap<K, Place, A>,
    /// Records of the right by window.
    #[state]
    rights: KeyedMap<K, Place, B>,
    windows: W,
    items: PhantomData<fn(K, A, B) -> S>,
}

impl<K, A, B, W> WindowJoin<K, A, B, W, Inner>
where
    K: StableKey + Serialize + DeserializeOwned,
    A: Storable,
    B: Storable,
    W: WindowAssigner,
{
    /// Records of the left without a partner in their window are sent too: results are
    /// `(A, Option<B>)`.
    #[must_use]
    pub fn left_outer(self) -> WindowJoin<K, A, B, W, LeftOuter> {
        self.with_sides()
    }

    /// Records of the right without a partner in their window are sent too: results are
    /// `(Option<A>, B)`.
    #[must_use]
    pub fn right_outer(self) -> WindowJoin<K, A, B, W, RightOuter> {
        self.with_sides()
    }

    /// Records of both sides without a partner in their window are sent too: results are
    /// `(Option<A>, Option<B>)`.
    #[must_use]
    pub fn full_outer(self) -> WindowJoin<K, A, B, W, Full> {
        self.with_sides()
    }

    fn with_sides<S: Sides<A, B>>(self) -> WindowJoin<K, A, B, W, S> {
        WindowJoin { windows: self.windows, items: PhantomData }
    }
}

impl<K, A, B, W, S> WindowJoin<K, A, B, W, S>
where
    K: StableKey + Serialize + DeserializeOwned,
    A: Storable,
    B: Storable,
    W: WindowAssigner,
    S: Sides<A, B>,
{
    /// Keeps a record until its windows are complete. If all are, it comes too late, and is given
    /// back.
    fn keep<V: Storable>(
        &self,
        held: &mut KeyedMap<K, Place, V>,
        (key, record): (K, V),
        out: &mut impl WindowJoinOut<K, A, B, W, S>,
    ) -> Result<Option<(K, V)>, TimeError> {
        let time = LogicalTime(time_of(out)?);
        let (frontier, mut closed, mut open) = (frontier_of(out), false, false);
        let mut kept = held.entry_ref(&key);
        self.windows.assign(time, &mut |window| {
            let (last, start) = (self.windows.last(window).0, window.start.0);
            if passed(frontier, last) {
                closed = true;
                return;
            }
            open = true;
            let of_window = (last, start, 0)..=(last, start, u64::MAX);
            let before = kept.range(of_window).next_back().map(|((.., number), _)| *number);
            if before.is_none() {
                out.set_timer_at_end("end", LogicalTime(last));
            }
            kept.insert((last, start, before.map_or(0, |number| number + 1)), record.clone());
        });
        drop(kept);
        let late = closed && !open;
        if late {
            out.count_late();
        }
        Ok(late.then_some((key, record)))
    }
}

/// Takes the records of the windows that end with `last`, by their starts.
fn take<K: StableKey, V: Storable>(
    held: &mut KeyedMap<K, Place, V>,
    key: &K,
    last: i64,
    mut give: impl FnMut(i64, V),
) {
    if held.get(key).is_none() {
        return;
    }
    let mut kept = held.entry_ref(key);
    let range = (last, i64::MIN, 0)..=(last, i64::MAX, u64::MAX);
    let places: Vec<_> = kept.range(range).map(|(place, _)| *place).collect();
    for place in places {
        if let Some(record) = kept.remove(&place) {
            give(place.1, record);
        }
    }
}

impl<K, A, B, W, S> WindowJoinHandlers<K, A, B, W, S> for WindowJoin<K, A, B, W, S>
where
    K: StableKey + Serialize + DeserializeOwned,
    A: Storable,
    B: Storable,
    W: WindowAssigner,
    S: Sides<A, B>,
{
    fn on_start(
        &self,
        _: &mut WindowJoinState<K, A, B, W, S>,
        _: &mut impl WindowJoinOut<K, A, B, W, S>,
    ) -> NodeResult {
        if W::MERGES {
            return Err(NodeError::new(
                "windows that merge have no end that both sides know: join within tumbling or \
                 sliding windows, or with `interval_join`",
            ));
        }
        self.windows.check()?;
        Ok(())
    }

    fn on_left(
        &self,
        state: &mut WindowJoinState<K, A, B, W, S>,
        left: (K, A),
        out: &mut impl WindowJoinOut<K, A, B, W, S>,
    ) -> NodeResult {
        if let Some(late) = self.keep(&mut state.lefts, left, out)? {
            out.late_left(late);
        }
        Ok(())
    }

    fn on_right(
        &self,
        state: &mut WindowJoinState<K, A, B, W, S>,
        right: (K, B),
        out: &mut impl WindowJoinOut<K, A, B, W, S>,
    ) -> NodeResult {
        if let Some(late) = self.keep(&mut state.rights, right, out)? {
            out.late_right(late);
        }
        Ok(())
    }

    /// A window of the key is complete; or several, where they end together.
    fn on_timer(
        &self,
        state: &mut WindowJoinState<K, A, B, W, S>,
        timer: Timer<K>,
        out: &mut impl WindowJoinOut<K, A, B, W, S>,
    ) -> NodeResult {
        let (key, TimerAt::Event(LogicalTime(last))) = (timer.key, timer.at) else { return Ok(()) };
        let mut windows: BTreeMap<i64, (Vec<A>, Vec<B>)> = BTreeMap::new();
        take(&mut state.lefts, &key, last, |start, left| {
            windows.entry(start).or_default().0.push(left);
        });
        take(&mut state.rights, &key, last, |start, right| {
            windows.entry(start).or_default().1.push(right);
        });
        for (lefts, rights) in windows.into_values() {
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
        }
        Ok(())
    }
}

/// Joins each record of `left` with all of `right` that have the same key and lie in the same
/// window, in every window that both are in.
///
/// The pairs of a window are sent when it is complete, with its last time; outer joins send
/// records without a partner then too. Windows that merge are refused at the start, as are those
/// that cannot be; a record without a time fails when it comes, and one whose windows are all
/// complete leaves by `late_left` or `late_right`, and is counted in
/// [`NodeMetrics::late`](crate::engine::NodeMetrics::late) whether that is connected or not.
///
/// ```
/// use streamweave::nodes::window::Tumbling;
/// use streamweave::nodes::window_join;
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     sold: window_join(Tumbling::seconds(10)).left_outer(),
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
pub fn window_join<K, A, B, W>(windows: W) -> WindowJoin<K, A, B, W, Inner>
where
    K: StableKey + Serialize + DeserializeOwned,
    A: Storable,
    B: Storable,
    W: WindowAssigner,
{
    WindowJoin { windows, items: PhantomData }
}
