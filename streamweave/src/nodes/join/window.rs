//! `window_join`: pairs within the same window.

use std::marker::PhantomData;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::node::Timer;
use crate::nodes::Storable;
use crate::nodes::join::pairs::{Pairs, Side, Unsummed};
use crate::nodes::join::stash::{Stash, put, time_of};
use crate::nodes::join::{Full, Inner, LeftOuter, RightOuter, Sides};
use crate::nodes::millis;
use crate::nodes::window::made_with::MadeWith;
use crate::nodes::window::open::{Ending, Open};
use crate::nodes::window::plan::Plan;
use crate::nodes::window::{Window, WindowAssigner};
use crate::state::KeyedMap;
use crate::{LogicalTime, NodeError, NodeResult, StableKey, node};

/// Joins records of the same window. Made by [`window_join`].
#[node(crate = crate, key = K, settles)]
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
    /// Records of the left that came when all their windows were closed.
    #[output(optional)]
    late_left: (K, A),
    /// Records of the right that came when all their windows were closed.
    #[output(optional)]
    late_right: (K, B),
    /// Records of the left that are in an open window.
    #[state]
    lefts: Stash<K, A>,
    /// Records of the right that are.
    #[state]
    rights: Stash<K, B>,
    /// In which session those of `lefts` have been joined that a late record may join with others.
    #[state]
    joined_lefts: Stash<K, i64>,
    /// Those of `rights`.
    #[state]
    joined_rights: Stash<K, i64>,
    /// The open windows, of both sides together.
    #[state]
    windows: KeyedMap<K, Ending, Open<()>>,
    /// Which windows these are.
    #[state(init = self.plan.made_with())]
    made_with: MadeWith,
    plan: Plan<W, Unsummed>,
    items: PhantomData<fn(K, A, B) -> S>,
}

impl<K, A, B, W> WindowJoin<K, A, B, W, Inner>
where
    K: StableKey + Serialize + DeserializeOwned,
    A: Storable,
    B: Storable,
    W: WindowAssigner,
{
    /// Records of the left without a partner in their window are sent too, when the window goes: results
    /// are `(A, Option<B>)`.
    #[must_use]
    pub fn left_outer(self) -> WindowJoin<K, A, B, W, LeftOuter> {
        self.with_sides()
    }

    /// Records of the right without a partner in their window are sent too, when the window goes: results
    /// are `(Option<A>, B)`.
    #[must_use]
    pub fn right_outer(self) -> WindowJoin<K, A, B, W, RightOuter> {
        self.with_sides()
    }

    /// Records of both sides without a partner in their window are sent too, when the window goes:
    /// results are `(Option<A>, Option<B>)`.
    #[must_use]
    pub fn full_outer(self) -> WindowJoin<K, A, B, W, Full> {
        self.with_sides()
    }

    fn with_sides<S: Sides<A, B>>(self) -> WindowJoin<K, A, B, W, S> {
        WindowJoin { plan: self.plan, items: PhantomData }
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
    /// Windows stay for so long after they were complete: a record that comes then is joined with those
    /// that are there, and only the new pairs are sent, at once. A record that comes later leaves by
    /// `late_left` or `late_right`.
    ///
    /// Outer joins send a record without a partner when its window goes, as it may find one until then.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streamweave::nodes::window::Session;
    /// use streamweave::nodes::{event_time_by, key_by, window_join};
    /// use streamweave::prelude::*;
    ///
    /// let graph = graph! {
    ///     click_times: event_time_by(|at: &i64| LogicalTime(*at)),
    ///     view_times: event_time_by(|at: &i64| LogicalTime(*at)),
    ///     clicks: key_by(|_: &i64| 0),
    ///     views: key_by(|_: &i64| 0),
    ///     visits: window_join(Session::of(Duration::from_millis(10)))
    ///         .allowed_lateness(Duration::from_millis(100)),
    ///     graph.clicks => click_times.input,
    ///     graph.views => view_times.input,
    ///     click_times.out => clicks.input,
    ///     view_times.out => views.input,
    ///     clicks.out => visits.left,
    ///     views.out => visits.right,
    ///     visits.out => graph.pairs,
    /// };
    /// let mut run = graph.inline()?;
    /// for at in [0, 15, 60] {
    ///     run.inputs.clicks.try_send(at)?;
    /// }
    /// for at in [20, 60] {
    ///     run.inputs.views.try_send(at)?;
    /// }
    /// run.step()?;
    /// assert_eq!(run.outputs.pairs.try_recv(), Some((0, (15, 20))));
    /// // Late, and between two sessions, which are one then.
    /// run.inputs.clicks.try_send(9)?;
    /// run.step()?;
    /// let mut late: Vec<_> = std::iter::from_fn(|| run.outputs.pairs.try_recv()).collect();
    /// late.sort_unstable();
    /// assert_eq!(late, [(0, (0, 20)), (0, (9, 20))]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn allowed_lateness(mut self, lateness: Duration) -> Self {
        self.plan.lateness = millis(lateness).max(least_lateness(&self.plan.assigner));
        self
    }

    /// The time of the current record, if it is in a window.
    fn time_in_window(
        &self,
        out: &impl WindowJoinOut<K, A, B, W, S>,
    ) -> Result<Option<LogicalTime>, NodeError> {
        let time = LogicalTime(time_of(out)?);
        let (mut any, mut holds) = (false, true);
        self.plan.assigner.assign(time, &mut |window| {
            any = true;
            holds &= window.contains(time);
        });
        if !holds {
            return Err(NodeError::new(
                "a record belongs to a window that does not hold its time, and `window_join` finds the \
                 records of a window by their times: assign windows around the times of records, or \
                 give them other times before",
            ));
        }
        Ok(any.then_some(time))
    }
}

/// Where windows merge that touch, a record may still touch one that is complete, without being behind
/// the frontier. So that it does not depend on who comes first, such a window stays until none can.
fn least_lateness<W: WindowAssigner>(windows: &W) -> i64 {
    let [one, next] = [Window::new(0, 10), Window::new(10, 20)];
    i64::from(W::MERGES && windows.merges(one, next) && windows.last(one) < next.start)
}

/// The state as a window's firing needs it, and where results go.
macro_rules! pairs {
    ($plan:expr, $state:ident, $left:expr, $right:expr, $out:ident) => {
        Pairs {
            left: Side { kept: &mut $state.lefts, joined: &mut $state.joined_lefts, added: $left },
            right: Side {
                kept: &mut $state.rights,
                joined: &mut $state.joined_rights,
                added: $right,
            },
            refires: $plan.lateness > 0,
            out: $out,
            items: PhantomData,
        }
    };
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
        state: &mut WindowJoinState<K, A, B, W, S>,
        _: &mut impl WindowJoinOut<K, A, B, W, S>,
    ) -> NodeResult {
        self.plan.check()?;
        state.made_with.check(!state.windows.is_empty())
    }

    fn on_left(
        &self,
        state: &mut WindowJoinState<K, A, B, W, S>,
        (key, left): (K, A),
        out: &mut impl WindowJoinOut<K, A, B, W, S>,
    ) -> NodeResult {
        let Some(time) = self.time_in_window(out)? else { return Ok(()) };
        let (place, _) = put(&mut state.lefts.entry_ref(&key), time.0, left);
        let mut pairs = pairs!(self.plan, state, Some(place), None, out);
        if !self.plan.add(&mut state.windows, &key, &(), time, &mut pairs)? {
            out.count_late();
            if let Some(left) = state.lefts.entry_ref(&key).remove(&place) {
                out.late_left((key, left));
            }
        }
        Ok(())
    }

    fn on_right(
        &self,
        state: &mut WindowJoinState<K, A, B, W, S>,
        (key, right): (K, B),
        out: &mut impl WindowJoinOut<K, A, B, W, S>,
    ) -> NodeResult {
        let Some(time) = self.time_in_window(out)? else { return Ok(()) };
        let (place, _) = put(&mut state.rights.entry_ref(&key), time.0, right);
        let mut pairs = pairs!(self.plan, state, None, Some(place), out);
        if !self.plan.add(&mut state.windows, &key, &(), time, &mut pairs)? {
            out.count_late();
            if let Some(right) = state.rights.entry_ref(&key).remove(&place) {
                out.late_right((key, right));
            }
        }
        Ok(())
    }

    /// A window of the key is complete, or goes; or several, where they end together.
    fn on_timer(
        &self,
        state: &mut WindowJoinState<K, A, B, W, S>,
        Timer { key, name, at }: Timer<K>,
        out: &mut impl WindowJoinOut<K, A, B, W, S>,
    ) -> NodeResult {
        let mut pairs = pairs!(self.plan, state, None, None, out);
        self.plan.timer(&mut state.windows, &key, (name, at), &mut pairs);
        Ok(())
    }
}

/// Joins each record of `left` with all of `right` that have the same key and lie in the same
/// window, in every window that both are in.
///
/// The pairs of a window are sent when it is complete, with its last time; outer joins send
/// records without a partner then too. A record is late when all its windows are complete, not when it is
/// behind the frontier: it leaves by `late_left` or `late_right`, and is counted in
/// [`NodeMetrics::late`](crate::engine::NodeMetrics::late) whether that is connected or not; unless windows
/// stay for late records ([`allowed_lateness`](WindowJoin::allowed_lateness)). Windows that cannot be are
/// refused at the start; a record without a time fails when it comes.
///
/// A [`Session`](crate::nodes::window::Session) is one of both sides: the records of a key on the left and on the
/// right are merged with whatever they touch, as in Flink's joins and `coGroup` and behind Beam's
/// `CoGroupByKey`. Each pair is sent once, with the last time of the session as it was when it was complete.
/// As a record at exactly the end of a session still touches it, such a session is kept until the frontier
/// is past its end ([`past_end`](crate::nodes::window::Session::past_end) sends its pairs only then, and
/// [`apart`](crate::nodes::window::Session::apart) says that nothing touches it there).
///
/// Which side comes first never changes the pairs, as far as no record is behind what its own stream has
/// promised. What becomes of those that are depends on how far both sides have come: a
/// [`settle`](crate::nodes::settle) before the join decides about them by their own stream alone.
///
/// To see all records of a window at once, of both sides, put them into one enum, and
/// [`merge`](crate::nodes::merge) and [`collect`](crate::nodes::window::collect) them in a [`window`](fn@crate::nodes::window::window).
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
    let least = least_lateness(&windows);
    let mut plan = Plan::new(windows, Unsummed);
    plan.lateness = least;
    WindowJoin { plan, items: PhantomData }
}
