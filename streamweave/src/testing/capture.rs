//! Recording what comes out of a graph, and when.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::graph::{Inline, Output};
use crate::testing::feed::give_way;
use crate::time::{Frontier, LogicalTime};

/// What has come out of an output, with the times at which it did. Made by
/// [`Inline::capture`](crate::graph::Inline::capture); clones share it.
pub struct Capture<T>(Arc<Mutex<Record<T>>>);

struct Record<T> {
    items: Vec<Captured<T>>,
    ended: bool,
}

/// An item that came out of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Captured<T> {
    /// Where the run's clock stood, in milliseconds since the run began.
    pub at: i64,
    /// The item's own time, where the stream is timed.
    pub time: Option<LogicalTime>,
    /// What the port had promised before the item came: it is early for that, unless it is late.
    pub frontier: Option<Frontier>,
    /// The item.
    pub item: T,
}

impl<T> Clone for Capture<T> {
    fn clone(&self) -> Self {
        Capture(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Capture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = self.record();
        f.debug_struct("Capture")
            .field("items", &record.items.len())
            .field("ended", &record.ended)
            .finish()
    }
}

impl<T> Capture<T> {
    fn record(&self) -> MutexGuard<'_, Record<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The items so far, in the order in which they came.
    pub fn items(&self) -> Vec<T>
    where
        T: Clone,
    {
        self.record().items.iter().map(|captured| captured.item.clone()).collect()
    }

    /// The items so far, each behind the place of the clock at which it came.
    pub fn clocked(&self) -> Vec<(i64, T)>
    where
        T: Clone,
    {
        self.record().items.iter().map(|captured| (captured.at, captured.item.clone())).collect()
    }

    /// The items so far, each behind its own time, where the stream is timed.
    pub fn timed(&self) -> Vec<(Option<LogicalTime>, T)>
    where
        T: Clone,
    {
        self.record().items.iter().map(|captured| (captured.time, captured.item.clone())).collect()
    }

    /// Takes out what has come so far, with all that is known of it: to be looked at, or
    /// [replayed](crate::graph::Inline::replay).
    pub fn take(&self) -> Vec<Captured<T>> {
        std::mem::take(&mut self.record().items)
    }

    /// Whether the output has ended: no more will come, and no failure is why.
    pub fn has_ended(&self) -> bool {
        self.record().ended
    }
}

impl<I, O> Inline<I, O> {
    /// Records what comes out of an output from now on; in a simulation the seed decides how
    /// eagerly it is read.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streamweave::nodes::debounce;
    /// use streamweave::prelude::*;
    ///
    /// let graph = graph! {
    ///     quiet: debounce(Duration::from_millis(10)),
    ///     graph.keys => quiet.input,
    ///     quiet.out => graph.keys,
    /// };
    /// let (inputs, outputs, mut run) = graph.inline()?.split();
    /// let keys = run.capture(outputs.keys);
    /// run.feed(inputs.keys.clone(), ['a', 'b']);
    /// run.step()?;
    /// run.advance(Duration::from_millis(100))?;
    /// run.feed(inputs.keys.clone(), ['c']);
    /// run.until_idle()?;
    /// assert_eq!(keys.clocked(), [(100, 'b'), (110, 'c')]);
    /// assert!(!keys.has_ended());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn capture<T: Send + 'static>(&mut self, output: Output<T>) -> Capture<T> {
        let capture = Capture(Arc::new(Mutex::new(Record { items: Vec::new(), ended: false })));
        let (into, mut output) = (capture.clone(), output);
        self.driver.beside("capture", |clock, chance| {
            Box::pin(async move {
                while let Some((time, item)) = output.recv_timed().await {
                    let (at, frontier) = (clock.now(), output.frontier());
                    into.record().items.push(Captured { at, time, frontier, item });
                    give_way(&chance).await;
                }
                into.record().ended = !output.has_failed();
                Ok(())
            })
        });
        capture
    }
}
