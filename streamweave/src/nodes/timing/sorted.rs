//! `sorted`: records in the order of their times.

use std::marker::PhantomData;

use crate::node::{Context, Timer, TimerAt};
use crate::nodes::Storable;
use crate::nodes::join::stash::{Stash, passed, put, time_of};
use crate::nodes::window::outputs::frontier_of;
use crate::{LogicalTime, NodeResult, node};

/// Sends records in the order of their times. Made by [`sorted`].
#[node(crate = crate, settles, single)]
#[derive(Debug)]
pub struct Sorted<T: Storable> {
    /// Records in any order.
    #[input]
    input: T,
    /// The same records by time, those of one time in the order in which they came.
    #[output]
    out: T,
    /// Records that came behind the frontier, with their own times.
    #[output(optional)]
    late: T,
    /// Records that others may still have to go before.
    #[state]
    waiting: Stash<(), T>,
    items: PhantomData<fn(T)>,
}

impl<T: Storable> SortedHandlers<T> for Sorted<T> {
    fn on_input(
        &self,
        state: &mut SortedState<T>,
        input: T,
        out: &mut impl SortedOut<T>,
    ) -> NodeResult {
        let time = time_of(out)?;
        if passed(frontier_of(out), time) {
            out.count_late();
            out.late(input);
        } else if put(&mut state.waiting.entry_ref(&()), time, input).1 {
            out.set_timer_at_end("due", LogicalTime(time));
        }
        Ok(())
    }

    /// Everything up to the timer's time or the frontier is due; looks again at what is behind that.
    fn on_timer(
        &self,
        state: &mut SortedState<T>,
        timer: Timer<()>,
        out: &mut impl SortedOut<T>,
    ) -> NodeResult {
        let TimerAt::Event(LogicalTime(due)) = timer.at else { return Ok(()) };
        let frontier = out.frontier();
        let mut waiting = state.waiting.entry_ref(&());
        while let Some(((time, _), _)) = waiting.first() {
            let time = *time;
            if time > due && !passed(frontier, time) {
                out.set_timer_at_end("due", LogicalTime(time));
                break;
            }
            if let Some((_, record)) = waiting.pop_first() {
                out.at(LogicalTime(time)).out(record);
            }
        }
        Ok(())
    }
}

/// Sends records in the order of their times, those of one time in the order in which they came: each
/// waits in saved state until the frontier is past its time, so that none can come before it any more.
///
/// A record behind the frontier has no place in that order: it leaves by `late`, and is counted in
/// [`NodeMetrics::late`](crate::engine::NodeMetrics::late) whether that is connected or not; so `out` is
/// strict, as behind a [`settle`](crate::nodes::settle). A record without a time fails. What waits takes
/// memory: as much as comes within the disorder. It does not start on several workers, as their records would
/// be sorted apart.
///
/// ```
/// use std::time::Duration;
/// use streamweave::nodes::{event_time_by, from_iter, sorted};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     numbers: from_iter([30_i64, 10, 20, 45, 15, 35]),
///     times: event_time_by(|n: &i64| LogicalTime(*n)).disorder(Duration::from_millis(20)),
///     sorted: sorted(),
///     numbers.out => times.input,
///     times.out => sorted.input,
///     sorted.out => graph.numbers,
///     sorted.late => graph.late,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// let numbers: Vec<_> = std::iter::from_fn(|| run.outputs.numbers.try_recv()).collect();
/// assert_eq!(numbers, [10, 20, 30, 35, 45]);
/// assert_eq!(run.outputs.late.try_recv(), Some(15));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn sorted<T: Storable>() -> Sorted<T> {
    Sorted { items: PhantomData }
}
