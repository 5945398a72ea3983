//! `in_order`: records that come in the order of their times, without exception.

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use crate::state::{Merge, PerWorker};
use crate::time::HasEventTime;
use crate::{LogicalTime, NodeError, NodeResult, node};

/// The time of the last record.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Last(Option<LogicalTime>);

/// The earlier one: it says what each of them may be behind.
impl Merge for Last {
    fn merge(self, other: Self) -> Self {
        Last(self.0.min(other.0))
    }
}

/// Gives records their times, which never go back; on several workers, on none of them. Made by [`in_order`] and
/// [`in_order_by`].
#[node(crate = crate, promises)]
#[derive(Debug)]
pub struct InOrder<T: Send + 'static, F: Fn(&T) -> LogicalTime + Send + Sync + 'static> {
    /// Records, in the order of their times.
    #[input]
    input: T,
    /// The same records, with their times.
    #[output]
    out: T,
    /// The time of the last one.
    #[state]
    last: PerWorker<Last>,
    time: F,
    items: PhantomData<fn(T)>,
}

impl<T, F> InOrderHandlers<T, F> for InOrder<T, F>
where
    T: Send + 'static,
    F: Fn(&T) -> LogicalTime + Send + Sync + 'static,
{
    fn on_input(
        &self,
        state: &mut InOrderState<T, F>,
        input: T,
        out: &mut impl InOrderOut<T, F>,
    ) -> NodeResult {
        let time = (self.time)(&input);
        match state.last.0 {
            Some(last) if time < last => {
                return Err(NodeError::new(format!(
                    "a record of time {time} came after one of {last}: where order is not sure, \
                     use `event_time()` with a disorder"
                )));
            }
            Some(last) if time == last => {}
            _ => {
                state.last.set(Last(Some(time)));
                out.promise(time);
            }
        }
        out.at(time).out(input);
        Ok(())
    }
}

/// Gives each record the time that its [`HasEventTime`] says, where these never go back: the
/// frontier behind the node is strict. A record out of order fails.
///
/// ```
/// use streamweave::nodes::{from_iter, in_order_by};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     numbers: from_iter([3_i64, 5, 5, 8]),
///     times: in_order_by(|n: &i64| LogicalTime(*n)),
///     numbers.out => times.input,
///     times.out => graph.timed,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// assert_eq!(run.outputs.timed.try_recv_timed(), Some((Some(LogicalTime(3)), 3)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn in_order<T: HasEventTime + Send + 'static>() -> InOrder<T, fn(&T) -> LogicalTime> {
    in_order_by(T::event_time as fn(&T) -> LogicalTime)
}

/// As [`in_order`], with a closure that says a record's time.
pub fn in_order_by<T, F>(time: F) -> InOrder<T, F>
where
    T: Send + 'static,
    F: Fn(&T) -> LogicalTime + Send + Sync + 'static,
{
    InOrder { time, items: PhantomData }
}
