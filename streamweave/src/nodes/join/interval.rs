//! `interval_join`: pairs whose times lie within an interval of each other.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::broken::{Broken, broken};
use crate::node::{Context, Timer, TimerAt};
use crate::nodes::Storable;
use crate::nodes::join::stash::{Stash, drop_done, look_again, passed, places, put, time_of};
use crate::{LogicalTime, NodeError, NodeResult, StableKey, node};

/// Joins records whose times lie near each other. Made by [`interval_join`].
#[node(crate = crate, key = K, strict)]
#[derive(Debug)]
pub struct IntervalJoin<K: StableKey + Serialize + DeserializeOwned, A: Storable, B: Storable> {
    /// One stream.
    #[input(key = |item| &item.0)]
    left: (K, A),
    /// The other.
    #[input(key = |item| &item.0)]
    right: (K, B),
    /// Each pair, with the later of its two times.
    #[output]
    out: (K, (A, B)),
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
    lower: i64,
    upper: i64,
    items: PhantomData<fn(K, A, B)>,
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

impl<K, A, B> IntervalJoin<K, A, B>
where
    K: StableKey + Serialize + DeserializeOwned,
    A: Storable,
    B: Storable,
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

impl<K, A, B> IntervalJoinHandlers<K, A, B> for IntervalJoin<K, A, B>
where
    K: StableKey + Serialize + DeserializeOwned,
    A: Storable,
    B: Storable,
{
    fn on_start(
        &self,
        _: &mut IntervalJoinState<K, A, B>,
        _: &mut impl IntervalJoinOut<K, A, B>,
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
        state: &mut IntervalJoinState<K, A, B>,
        (key, left): (K, A),
        out: &mut impl IntervalJoinOut<K, A, B>,
    ) -> NodeResult {
        let time = time_of(out)?;
        let Some((first, last)) = self.of_left(time) else { return Ok(()) };
        // The last that it could match is kept no longer.
        if self.of_right(last).is_some_and(|(_, last)| passed(out.frontier(), last)) {
            out.count_late();
            out.late_left((key, left));
            return Ok(());
        }
        if let Some(rights) = state.rights.get(&key) {
            for ((at, _), right) in rights.range(places(first, last)) {
                let pair = (key.clone(), (left.clone(), right.clone()));
                out.at(LogicalTime(time.max(*at))).out(pair);
            }
        }
        if !passed(out.frontier(), last) && put(&mut state.lefts.entry_ref(&key), time, left) {
            out.set_timer("drop", TimerAt::Event(LogicalTime(last)));
        }
        Ok(())
    }

    fn on_right(
        &self,
        state: &mut IntervalJoinState<K, A, B>,
        (key, right): (K, B),
        out: &mut impl IntervalJoinOut<K, A, B>,
    ) -> NodeResult {
        let time = time_of(out)?;
        let Some((first, last)) = self.of_right(time) else { return Ok(()) };
        if self.of_left(last).is_some_and(|(_, last)| passed(out.frontier(), last)) {
            out.count_late();
            out.late_right((key, right));
            return Ok(());
        }
        if let Some(lefts) = state.lefts.get(&key) {
            for ((at, _), left) in lefts.range(places(first, last)) {
                let pair = (key.clone(), (left.clone(), right.clone()));
                out.at(LogicalTime(time.max(*at))).out(pair);
            }
        }
        if !passed(out.frontier(), last) && put(&mut state.rights.entry_ref(&key), time, right) {
            out.set_timer("drop", TimerAt::Event(LogicalTime(last)));
        }
        Ok(())
    }

    /// The first record of a side may have become useless: drops all that have, and waits for the
    /// next.
    fn on_timer(
        &self,
        state: &mut IntervalJoinState<K, A, B>,
        timer: Timer<K>,
        out: &mut impl IntervalJoinOut<K, A, B>,
    ) -> NodeResult {
        let frontier = out.frontier();
        let early = i64::from(broken(Broken::JoinDropsEarly));
        let done = |span: Option<(i64, i64)>| {
            span.is_none_or(|(_, last)| passed(frontier, last.saturating_sub(early)))
        };
        let left = drop_done(&mut state.lefts, &timer.key, |time| done(self.of_left(time)));
        let right = drop_done(&mut state.rights, &timer.key, |time| done(self.of_right(time)));
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
pub fn interval_join<K, A, B>(lower: i64, upper: i64) -> IntervalJoin<K, A, B>
where
    K: StableKey + Serialize + DeserializeOwned,
    A: Storable,
    B: Storable,
{
    IntervalJoin { lower, upper, items: PhantomData }
}
