//! `settle`: what happens to what is late, so that nothing is behind it.

use std::marker::PhantomData;

use crate::node::Context;
use crate::{NodeResult, node};

/// What [`settle`] does with late records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Late {
    /// They leave by the output `late`, and are counted in
    /// [`NodeMetrics::late`](crate::engine::NodeMetrics::late) whether that is connected or not.
    #[default]
    Aside,
    /// They get the time of the frontier where they are behind it, and go on with the others.
    Restamp,
}

/// Turns a stream with late records into one without. Made by [`settle`].
#[node(crate = crate, settles)]
#[derive(Debug)]
pub struct Settle<T: Send + 'static> {
    /// Records, of which some may be late.
    #[input]
    input: T,
    /// Records of which none is late.
    #[output]
    out: T,
    /// The late ones, with their own times.
    #[output(optional)]
    late: T,
    how: Late,
    items: PhantomData<fn(T)>,
}

impl<T: Send + 'static> SettleHandlers<T> for Settle<T> {
    fn on_input(&self, input: T, out: &mut impl SettleOut<T>) -> NodeResult {
        if !out.is_late() {
            out.out(input);
            return Ok(());
        }
        // Late where the promise was made, which is further on than the frontier here if others
        // have joined meanwhile.
        match (self.how, out.time().max(out.promised())) {
            (Late::Restamp, Some(time)) => out.at(time).out(input),
            _ => {
                out.count_late();
                out.late(input);
            }
        }
        Ok(())
    }
}

/// Says what happens to late records, so that what follows can rely on the frontier without
/// exception: loops, differential operators and stream joins ask for that.
///
/// ```
/// use streamweave::nodes::{Late, event_time_by, settle};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     times: event_time_by(|n: &i64| LogicalTime(*n)),
///     settled: settle(Late::Aside),
///     graph.numbers => times.input,
///     times.out => settled.input,
///     settled.out => graph.numbers,
///     settled.late => graph.late,
/// };
/// let mut run = graph.inline()?;
/// for n in [5, 9, 7] {
///     run.inputs.numbers.try_send(n)?;
/// }
/// run.step()?;
/// assert_eq!(run.outputs.numbers.try_recv(), Some(5));
/// assert_eq!(run.outputs.numbers.try_recv(), Some(9));
/// assert_eq!(run.outputs.late.try_recv_timed(), Some((Some(LogicalTime(7)), 7)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn settle<T: Send + 'static>(how: Late) -> Settle<T> {
    Settle { how, items: PhantomData }
}
