//! `messages`: records and promises that come as data.

use std::marker::PhantomData;

use crate::time::StreamMessage;
use crate::{NodeResult, node};

/// Makes a timed stream of records and promises. Made by [`messages`].
#[node(crate = crate, promises, single)]
#[derive(Debug)]
pub struct Messages<T: Send + 'static> {
    /// Records with their times, and promises about those behind them.
    #[input]
    input: StreamMessage<T>,
    /// The records, at their times.
    #[output]
    out: T,
    items: PhantomData<fn(T)>,
}

impl<T: Send + 'static> MessagesHandlers<T> for Messages<T> {
    fn on_input(&self, input: StreamMessage<T>, out: &mut impl MessagesOut<T>) -> NodeResult {
        match input {
            StreamMessage::Data(record) => out.at(record.time).out(record.data),
            StreamMessage::Watermark(time) => out.promise(time),
        }
        Ok(())
    }
}

/// Makes a timed stream of [`StreamMessage`]s, as a channel from outside may bring them: a record has the
/// time that came with it, and a watermark says that every later record has at least its time. The stream
/// is strict: a record behind a watermark fails
/// ([`BehindPromise`](crate::node::TimeError::BehindPromise)). A watermark behind the last changes nothing. It
/// does not start on several workers, of which one alone would have each watermark.
///
/// ```
/// use streamweave::nodes::{from_channel, messages};
/// use streamweave::prelude::*;
/// use streamweave::{StreamMessage, Timestamped};
///
/// let (send, receive) = tokio::sync::mpsc::channel(8);
/// let graph = graph! {
///     orders: from_channel(receive),
///     timed: messages(),
///     orders.out => timed.input,
///     timed.out => graph.orders,
/// };
/// let mut run = graph.inline()?;
/// send.try_send(StreamMessage::Data(Timestamped { time: LogicalTime(12), data: "tea" }))?;
/// send.try_send(StreamMessage::Watermark(LogicalTime(20)))?;
/// run.step()?;
/// assert_eq!(run.outputs.orders.try_recv_timed(), Some((Some(LogicalTime(12)), "tea")));
/// assert!(run.outputs.orders.try_recv().is_none());
/// assert_eq!(run.outputs.orders.frontier(), Some(Frontier::At(LogicalTime(20))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn messages<T: Send + 'static>() -> Messages<T> {
    Messages { items: PhantomData }
}
