//! `interval_join`: pairs whose times lie within an interval of each other.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::broken::{Broken, broken};
use crate::node::{Context, Timer, TimerAt};
use crate::nodes::Storable;
use crate::nodes::join::stash::{Stash, look_again, passed, places, put, take_done, time_of};
use crate::nodes::join::{Full, Inner, LeftOuter, RightOuter, Sides};
use crate::{LogicalTime, NodeError, NodeResult, StableKey, node};

/// Joins records whose times lie near each other. Made by [`interval_join`].
#[node(crate = crate, key = K, strict)]
#[derive(Debug)]
pub struct IntervalJoin<
    K: StableKey + Serialize + DeserializeOwned,
    A: Storable,
    B: Storable,
    S: Sides<A, B>,
> {
    /// One stream.
    #[input(key = |item| &item.0)]
    left: (K, A),
    /// The other.
    #[input(key = |item| &item.0)]
    right: (K, B),
    /// Each pair, with the later of its two times.
    #[output]
    out: (K, S::Joined),
    /// Records of the left that came when nothing that they could match was kept any more.
    #[output(optional)]
    late_left: (K, A),
    /// Records of the right that came when nothing that they could match was kept any more.
    #[output(optional)]
    late_right: (K, B),
    /// Records of the left that one of the right may still match.
    #[state]
    lefts: Stash<K, A>,
    /// Records of the right that one of the left may still match.
    #[state]
    rights: Stash<K, B>,
    /// Those of `lefts` that have no partner yet, where that is to be told.
    #[state]
    lone_lefts: Stash<K, ()>,
    /// Those of `rights`.
    #[state]
    lone_rights: Stash<K, ()>,
    lower: i64,
    upper: i64,
    items: PhantomData<fn(K, A, B) -> S>,
}

/// The times from `time + from` to `time + to`, as far as there are such times.
fn span(time: i64, from: i128, to: i128) -> Option<(i64, i64)> {
    let (first, last) = (i128::from(time) + from, i128::from(time) + to);
    let (least, greatest) = (i128::from(i64::MIN), i128::from(i64::MAX));
    if first > last || first > greatest || last < least {
        return None;
    }
    Some((first.max(least) as i64, last.min(greatest) as i64))
}

impl<K, A, B> IntervalJoin<K, A, B, Inner>
where
    K: StableKey + Serialize + DeserializeOwned,
    A: Storable,
    B: Storable,
{
    /// Records of the left without a partner are sent too, when none can come any more: results are
    /// `(A, Option<B>)`.
    ///
    /// ```
    /// use streamweave::nodes::interval_join;
    /// use streamweave::prelude::*;
    ///
    /// let graph = graph! {
    ///     paid: interval_join(0, 60_000).left_outer(),
    ///     graph.orders => paid.left,
    ///     graph.payments => paid.right,
    ///     paid.out => graph.paid,
    /// };
    /// let mut run = graph.inline()?;
    /// run.inputs.orders.try_send_at(LogicalTime(5_000), (7_u64, "book".to_owned()))?;
    /// run.inputs.orders.try_send_at(LogicalTime(6_000), (8, "pen".to_owned()))?;
    /// run.inputs.payments.try_send_at(LogicalTime(8_000), (8, 9.5))?;
    /// run.inputs.orders.advance(LogicalTime(70_000));
    /// run.inputs.payments.advance(LogicalTime(70_000));
    /// run.step()?;
    /// let paid: Vec<_> = std::iter::from_fn(|| run.outputs.paid.try_recv_timed()).collect();
    /// let pen = (Some(LogicalTime(8_000)), (8, ("pen".to_owned(), Some(9.5))));
    /// let book = (Some(LogicalTime(65_000)), (7, ("book".to_owned(), None)));
    /// assert_eq!(paid, [pen, book]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn left_outer(self) -> IntervalJoin<K, A, B, LeftOuter> {
        self.with_sides()
    }

    /// Records of the right without a partner are sent too, when none can come any more: results are
    /// `(Option<A>, B)`.
    #[must_use]
    pub fn right_outer(self) -> IntervalJoin<K, A, B, RightOuter> {
        self.with_sides()
    }

    /// Records of both sides without a partner are sent too, when none can come any more: results are
    /// `(Option<A>, Option<B>)`.
    #[must_use]
    pub fn full_outer(self) -> IntervalJoin<K, A, B, Full> {
        self.with_sides()
    }

    fn with_sides<S: Sides<A, B>>(self) -> IntervalJoin<K, A, B, S> {
        IntervalJoin { lower: self.lower, upper: self.upper, items: PhantomData }
    }
}

impl<K, A, B, S> IntervalJoin<K, A, B, S>
where
    K: StableKey + Serialize + DeserializeOwned,
    A: Storable,
    B: Storable,
    S: Sides<A, B>,
{
    /// The times on the right that match one on the left.
    fn of_left(&self, time: i64) -> Option<(i64, i64)> {
        span(time, self.lower.into(), self.upper.into())
    }

    /// The times on the left that match one on the right.
    fn of_right(&self, time: i64) -> Option<(i64, i64)> {
        span(time, -i128::from(self.upper), -i128::from(self.lower))
    }
}

/// When a record is sent alone that nothing of times up to `last` has matched.
fn alone_at(time: i64, last: i64, earliest: Option<LogicalTime>) -> LogicalTime {
    let own = LogicalTime(time.max(last));
    earliest.map_or(own, |earliest| own.max(earliest))
}

impl<K, A, B, S> IntervalJoinHandlers<K, A, B, S> for IntervalJoin<K, A, B, S>
where
    K: StableKey + Serialize + DeserializeOwned,
    A: Storable,
    B: Storable,
    S: Sides<A, B>,
{
    fn on_start(
        &self,
        _: &mut IntervalJoinState<K, A, B, S>,
        _: &mut impl IntervalJoinOut<K, A, B, S>,
    ) -> NodeResult {
        if self.lower > self.upper {
            let (lower, upper) = (self.lower, self.upper);
            return Err(NodeError::new(format!(
                "`interval_join({lower}, {upper})` joins nothing, as its lower bound is above the \
                 upper one: swap them"
            )));
        }
        Ok(())
    }

    fn on_left(
        &self,
        state: &mut IntervalJoinState<K, A, B, S>,
        (key, left): (K, A),
        out: &mut impl IntervalJoinOut<K, A, B, S>,
    ) -> NodeResult {
        let time = time_of(out)?;
        let Some((first, last)) = self.of_left(time) else {
            // There are no such times on the other side.
            if let Some(joined) = S::left(&left) {
                out.out((key, joined));
            }
            return Ok(());
        };
        // The last that it could match is kept no longer.
        if self.of_right(last).is_some_and(|(_, last)| passed(out.frontier(), last)) {
            out.count_late();
            out.late_left((key, left));
            return Ok(());
        }
        let mut is_alone = true;
        if let Some(rights) = state.rights.get(&key) {
            let mut lone = S::RIGHT.then(|| state.lone_rights.entry_ref(&key));
            for (place, right) in rights.range(places(first, last)) {
                is_alone = broken(Broken::PartnersStayAlone);
                if let Some(lone) = lone.as_mut().filter(|_| !broken(Broken::PartnersStayAlone)) {
                    lone.remove(place);
                }
                let pair = (key.clone(), S::pair(&left, right));
                out.at(LogicalTime(time.max(place.0))).out(pair);
            }
        }
        if !passed(out.frontier(), last) {
            let (place, is_first) = put(&mut state.lefts.entry_ref(&key), time, left);
            if S::LEFT && is_alone {
                state.lone_lefts.entry_ref(&key).insert(place, ());
            }
            if is_first {
                out.set_timer("drop", TimerAt::Event(LogicalTime(last)));
            }
        } else if is_alone && let Some(joined) = S::left(&left) {
            let at = alone_at(time, last, out.promised());
            out.at(at).out((key, joined));
        }
        Ok(())
    }

    fn on_right(
        &self,
        state: &mut IntervalJoinState<K, A, B, S>,
        (key, right): (K, B),
        out: &mut impl IntervalJoinOut<K, A, B, S>,
    ) -> NodeResult {
        let time = time_of(out)?;
        let Some((first, last)) = self.of_right(time) else {
            // There are no such times on the other side.
            if let Some(joined) = S::right(&right) {
                out.out((key, joined));
            }
            return Ok(());
        };
        // The last that it could match is kept no longer.
        if self.of_left(last).is_some_and(|(_, last)| passed(out.frontier(), last)) {
            out.count_late();
            out.late_right((key, right));
            return Ok(());
        }
        let mut is_alone = true;
        if let Some(lefts) = state.lefts.get(&key) {
            let mut lone = S::LEFT.then(|| state.lone_lefts.entry_ref(&key));
            for (place, left) in lefts.range(places(first, last)) {
                is_alone = broken(Broken::PartnersStayAlone);
                if let Some(lone) = lone.as_mut().filter(|_| !broken(Broken::PartnersStayAlone)) {
                    lone.remove(place);
                }
                let pair = (key.clone(), S::pair(left, &right));
                out.at(LogicalTime(time.max(place.0))).out(pair);
            }
        }
        if !passed(out.frontier(), last) {
            let (place, is_first) = put(&mut state.rights.entry_ref(&key), time, right);
            if S::RIGHT && is_alone {
                state.lone_rights.entry_ref(&key).insert(place, ());
            }
            if is_first {
                out.set_timer("drop", TimerAt::Event(LogicalTime(last)));
            }
        } else if is_alone && let Some(joined) = S::right(&right) {
            let at = alone_at(time, last, out.promised());
            out.at(at).out((key, joined));
        }
        Ok(())
    }

    /// The first record of a side may have become useless: drops all that have, tells those that found
    /// no partner, and waits for the next.
    fn on_timer(
        &self,
        state: &mut IntervalJoinState<K, A, B, S>,
        timer: Timer<K>,
        out: &mut impl IntervalJoinOut<K, A, B, S>,
    ) -> NodeResult {
        let frontier = out.frontier();
        let early = i64::from(broken(Broken::JoinDropsEarly));
        let done = |span: Option<(i64, i64)>| {
            span.is_none_or(|(_, last)| passed(frontier, last.saturating_sub(early)))
        };
        let (key, now) = (&timer.key, out.time());
        let left = take_done(
            &mut state.lefts,
            key,
            |time| done(self.of_left(time)),
            |place, left| {
                if S::LEFT
                    && state.lone_lefts.entry_ref(key).remove(&place).is_some()
                    && let Some(joined) = S::left(&left)
                {
                    let last = self.of_left(place.0).map_or(place.0, |(_, last)| last);
                    out.at(alone_at(place.0, last, now)).out((key.clone(), joined));
                }
            },
        );
        let right = take_done(
            &mut state.rights,
            key,
            |time| done(self.of_right(time)),
            |place, right| {
                if S::RIGHT
                    && state.lone_rights.entry_ref(key).remove(&place).is_some()
                    && let Some(joined) = S::right(&right)
                {
                    let last = self.of_right(place.0).map_or(place.0, |(_, last)| last);
                    out.at(alone_at(place.0, last, now)).out((key.clone(), joined));
                }
            },
        );
        let left = left.and_then(|time| self.of_left(time));
        let right = right.and_then(|time| self.of_right(time));
        for (_, last) in [left, right].into_iter().flatten() {
            look_again(out, "drop", last);
        }
        Ok(())
    }
}

/// Joins each record of `left` with those of `right` that have the same key and whose time is
/// between `lower` and `upper` milliseconds after its own, both included; before it, where they
/// are negative. A pair has the later of the two times.
///
/// A record is kept as long as one of the other side may match it, going by the frontier of both
/// sides; `interval_join(i64::MIN, i64::MAX)` joins all there are, and keeps them to the end. What
/// an input that was idle brings behind the frontier is joined with what is still kept; where nothing
/// that it could match is, it leaves by `late_left` or `late_right`, and is counted in
/// [`NodeMetrics::late`](crate::engine::NodeMetrics::late) whether that is connected or not.
///
/// Outer joins ([`left_outer`](IntervalJoin::left_outer) and its like) send a record without a partner
/// alone when the frontier is past the last time of one: at that time, or its own where that is later. A
/// record that comes when its partners could no longer come, but some are kept, is joined with those or
/// sent alone at once; a late one is not sent alone.
///
/// A lower bound above the upper one fails at the start, and a record without a time when it comes.
///
/// ```
/// use streamweave::nodes::interval_join;
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     paid: interval_join(0, 60_000),
///     graph.orders => paid.left,
///     graph.payments => paid.right,
///     paid.out => graph.paid,
/// };
/// let mut run = graph.inline()?;
/// // The payment comes first, and is a second later by its own time.
/// run.inputs.payments.try_send_at(LogicalTime(6_000), (7_u64, 9.5))?;
/// run.inputs.orders.try_send_at(LogicalTime(5_000), (7_u64, "book".to_owned()))?;
/// run.step()?;
/// let paid = (7, ("book".to_owned(), 9.5));
/// assert_eq!(run.outputs.paid.try_recv_timed(), Some((Some(LogicalTime(6_000)), paid)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn interval_join<K, A, B>(lower: i64, upper: i64) -> IntervalJoin<K, A, B, Inner>
where
    K: StableKey + Serialize + DeserializeOwned,
    A: Storable,
    B: Storable,
{
    IntervalJoin { lower, upper, items: PhantomData }
}
