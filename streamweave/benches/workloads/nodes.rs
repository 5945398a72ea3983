//! The nodes that several workloads share, written as a user would.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use streamweave::node::More;
use streamweave::state::Keyed;
use streamweave::{LogicalTime, NodeResult, node};

/// Sends what an iterator gives, a batch a unit.
#[node(source)]
pub struct Items<I>
where
    I: Iterator<Item: Send + 'static> + Send + 'static,
{
    #[output]
    items: I::Item,
    #[scratch(init = self.from.lock().ok().and_then(|mut from| from.take()))]
    left: Option<I>,
    from: Mutex<Option<I>>,
    batch: usize,
}

impl<I> ItemsHandlers<I> for Items<I>
where
    I: Iterator<Item: Send + 'static> + Send + 'static,
{
    async fn next(
        &self,
        state: &mut ItemsState<I>,
        out: &mut impl ItemsOut<I>,
    ) -> NodeResult<More> {
        let Some(left) = &mut state.left else { return Ok(More::End) };
        out.items_all(left.by_ref().take(self.batch));
        Ok(if left.size_hint().1 == Some(0) { More::End } else { More::Now })
    }
}

/// A source of `items`, `batch` of them a unit.
pub fn items<I>(items: I, batch: usize) -> Items<I>
where
    I: Iterator<Item: Send + 'static> + Send + 'static,
{
    Items { from: Mutex::new(Some(items)), batch }
}

/// As [`Items`], with a time beside each record: that of its batch, which is promised behind it.
#[node(source, promises)]
pub struct TimedItems<I>
where
    I: Iterator<Item: Send + 'static> + Send + 'static,
{
    #[output]
    items: I::Item,
    #[scratch(init = self.from.lock().ok().and_then(|mut from| from.take()))]
    left: Option<I>,
    #[scratch]
    time: i64,
    from: Mutex<Option<I>>,
    batch: usize,
}

impl<I> TimedItemsHandlers<I> for TimedItems<I>
where
    I: Iterator<Item: Send + 'static> + Send + 'static,
{
    async fn next(
        &self,
        state: &mut TimedItemsState<I>,
        out: &mut impl TimedItemsOut<I>,
    ) -> NodeResult<More> {
        let Some(left) = &mut state.left else { return Ok(More::End) };
        let time = LogicalTime(state.time);
        out.at(time).items_all(left.by_ref().take(self.batch));
        out.promise(time);
        state.time += 1;
        Ok(if left.size_hint().1 == Some(0) { More::End } else { More::Now })
    }
}

/// A timed source of `items`, `batch` of them a unit.
pub fn timed_items<I>(items: I, batch: usize) -> TimedItems<I>
where
    I: Iterator<Item: Send + 'static> + Send + 'static,
{
    TimedItems { from: Mutex::new(Some(items)), batch }
}

#[node]
pub fn affine(x: u64) -> u64 {
    x.wrapping_mul(3).wrapping_add(1)
}

#[node]
pub fn even(x: u64) -> Option<u64> {
    x.is_multiple_of(2).then_some(x)
}

#[node]
pub fn stir(x: u64) -> u64 {
    x ^ (x >> 7)
}

/// Adds up all records; the sum is told at the end.
#[node]
pub struct Sum {
    #[input]
    input: u64,
    #[scratch]
    sum: u64,
    total: Arc<AtomicU64>,
}

impl SumHandlers for Sum {
    fn on_input(&self, state: &mut SumState, input: u64, _: &mut impl SumOut) -> NodeResult {
        state.sum = state.sum.wrapping_add(input);
        Ok(())
    }
    fn on_stop(&self, state: &mut SumState, _: &mut impl SumOut) -> NodeResult {
        self.total.fetch_add(state.sum, Ordering::Relaxed);
        Ok(())
    }
}

/// A sum, and where it will be told.
pub fn sum() -> (Sum, Arc<AtomicU64>) {
    let total = Arc::new(AtomicU64::new(0));
    (Sum { total: Arc::clone(&total) }, total)
}

/// The running count of each key.
#[node(key = u64)]
pub struct RunningCount {
    #[input(key = |key| key)]
    input: u64,
    #[output]
    out: u64,
    #[state]
    counts: Keyed<u64, u64>,
}

impl RunningCountHandlers for RunningCount {
    fn on_input(
        &self,
        state: &mut RunningCountState,
        input: u64,
        out: &mut impl RunningCountOut,
    ) -> NodeResult {
        let count = state.counts.entry(input);
        *count += 1;
        out.out(*count);
        Ok(())
    }
}
