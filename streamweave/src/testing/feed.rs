//! Feeding a graph's inputs beside its stages.

use std::future::poll_fn;
use std::task::Poll;

use crate::engine::Chance;
use crate::graph::{Inline, Input};
use crate::testing::Captured;

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
                        return;
                    }
                    give_way(&chance).await;
                }
            })
        });
    }

    /// Sends what was captured from a port into an input, each item when the clock stands at
    /// its time or, where that is past, at once. Then the input ends, but for its clones.
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
    /// assert_eq!(lengths.timed(), [(1000, 3)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn replay<T: Send + 'static>(
        &mut self,
        input: Input<T>,
        captured: impl IntoIterator<Item = Captured<T>, IntoIter: Send + 'static>,
    ) {
        let path = format!("replay into {}", input.name());
        let captured = captured.into_iter();
        self.driver.beside(&path, |clock, chance| {
            Box::pin(async move {
                for Captured { at, item } in captured {
                    clock.sleep_until(at).await;
                    if input.send(item).await.is_err() {
                        return;
                    }
                    give_way(&chance).await;
                }
            })
        });
    }
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
