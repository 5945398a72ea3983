//! Feeding a graph's inputs beside its stages.

use std::future::poll_fn;
use std::task::Poll;

use crate::engine::Chance;
use crate::graph::{Inline, Input, SendError};
use crate::testing::Captured;
use crate::time::{Frontier, LogicalTime, StreamMessage};

impl<I, O> Inline<I, O> {
    /// Sends `items` into an input while the graph runs: as fast as it takes them, or, in a
    /// simulation, with pauses. Then the input ends, but for its clones. Nothing is sent before
    /// the next [`step`](Inline::step).
    ///
    /// ```
    /// use streamweave::nodes::map;
    /// use streamweave::prelude::*;
    ///
    /// let graph = graph! {
    ///     double: map(|n: u64| n * 2),
    ///     graph.numbers => double.input,
    ///     double.out => graph.results,
    /// };
    /// let (inputs, mut outputs, mut run) = graph.inline()?.split();
    /// run.feed(inputs.numbers.clone(), [1, 2]);
    /// run.step()?;
    /// run.feed(inputs.numbers, [3]);
    /// run.step()?;
    /// let mut results = vec![];
    /// while let Some(result) = outputs.results.try_recv() {
    ///     results.push(result);
    /// }
    /// assert_eq!(results, [2, 4, 6]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn feed<T: Send + 'static>(
        &mut self,
        input: Input<T>,
        items: impl IntoIterator<Item = T, IntoIter: Send + 'static>,
    ) {
        let path = format!("feed of {}", input.name());
        let items = items.into_iter();
        self.driver.beside(&path, |_, chance| {
            Box::pin(async move {
                for item in items {
                    // A graph that has stopped tells why by itself.
                    if input.send(item).await.is_err() {
                        break;
                    }
                    give_way(&chance).await;
                }
                Ok(())
            })
        });
    }

    /// As [`Inline::feed`], with records that have times, and promises. A record behind a promise,
    /// which [`Input::send_at`] refuses, stops the graph with an error: what an input of a graph
    /// promises holds. Late records are what [`event_time`](crate::nodes::event_time) makes of records
    /// that carry their times.
    ///
    /// ```
    /// use streamweave::nodes::map;
    /// use streamweave::prelude::*;
    /// use streamweave::{StreamMessage, Timestamped};
    ///
    /// let graph = graph! {
    ///     double: map(|n: u64| n * 2),
    ///     graph.numbers => double.input,
    ///     double.out => graph.results,
    /// };
    /// let (inputs, outputs, mut run) = graph.inline()?.split();
    /// let results = run.capture(outputs.results);
    /// let record = Timestamped { time: LogicalTime(5), data: 7 };
    /// run.feed_messages(
    ///     inputs.numbers,
    ///     [StreamMessage::Watermark(LogicalTime(4)), StreamMessage::Data(record)],
    /// );
    /// run.step()?;
    /// assert_eq!(results.timed(), [(Some(LogicalTime(5)), 14)]);
    /// assert_eq!(results.take()[0].frontier, Some(Frontier::At(LogicalTime(4))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn feed_messages<T: Send + 'static>(
        &mut self,
        input: Input<T>,
        messages: impl IntoIterator<Item = StreamMessage<T>, IntoIter: Send + 'static>,
    ) {
        let path = format!("feed of {}", input.name());
        let messages = messages.into_iter();
        self.driver.beside(&path, |_, chance| {
            Box::pin(async move {
                for message in messages {
                    match input.send_message(message).await {
                        Err(SendError::Stopped(_)) => break,
                        Err(error) => return Err(error.to_string().into()),
                        Ok(()) => give_way(&chance).await,
                    }
                }
                Ok(())
            })
        });
    }

    /// Sends what was captured from a port into an input: each item when the clock stands where
    /// it did or, where it is past that, at once; with its time, where it has one, and behind the
    /// port's promise, as far as the items still to come keep that. Then the input ends, but for
    /// its clones.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streamweave::nodes::{delay, map};
    /// use streamweave::prelude::*;
    ///
    /// // What comes out of one graph, and when ...
    /// let graph = graph! {
    ///     later: delay(Duration::from_secs(1)),
    ///     graph.words => later.input,
    ///     later.out => graph.words,
    /// };
    /// let (inputs, outputs, mut run) = graph.inline()?.split();
    /// let words = run.capture(outputs.words);
    /// run.feed(inputs.words.clone(), ["tea".to_owned()]);
    /// run.until_idle()?;
    ///
    /// // ... goes into another.
    /// let graph = graph! {
    ///     length: map(|word: String| word.len()),
    ///     graph.words => length.input,
    ///     length.out => graph.lengths,
    /// };
    /// let (inputs, outputs, mut run) = graph.inline()?.split();
    /// let lengths = run.capture(outputs.lengths);
    /// run.replay(inputs.words, words.take());
    /// run.until_idle()?;
    /// assert_eq!(lengths.clocked(), [(1000, 3)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn replay<T: Send + 'static>(&mut self, input: Input<T>, captured: Vec<Captured<T>>) {
        let path = format!("replay into {}", input.name());
        let kept = promises_kept(&captured);
        self.driver.beside(&path, |clock, chance| {
            Box::pin(async move {
                for (Captured { at, time, item, .. }, promise) in captured.into_iter().zip(kept) {
                    clock.sleep_until(at).await;
                    if let Some(promise) = promise {
                        input.advance(promise);
                    }
                    let sent = match time {
                        Some(time) => input.send_at(time, item).await,
                        None => input.send(item).await,
                    };
                    if sent.is_err() {
                        break;
                    }
                    give_way(&chance).await;
                }
                Ok(())
            })
        });
    }
}

/// What was promised before each item, as far as no later item's time is behind it.
fn promises_kept<T>(captured: &[Captured<T>]) -> Vec<Option<LogicalTime>> {
    let mut least = LogicalTime::MAX;
    let mut kept: Vec<_> = captured
        .iter()
        .rev()
        .map(|captured| {
            least = captured.time.map_or(least, |time| time.min(least));
            captured.frontier.and_then(Frontier::time).map(|time| time.min(least))
        })
        .collect();
    kept.reverse();
    kept
}

/// Lets others run, where chance says so.
pub(super) async fn give_way(chance: &Chance) {
    let mut gives_way = chance.gives_way();
    poll_fn(|task| {
        if std::mem::take(&mut gives_way) {
            task.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
}
