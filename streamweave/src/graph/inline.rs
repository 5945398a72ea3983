//! A graph that its caller steps: for tests, for tight loops, for the smallest latency.

use std::fmt;
use std::time::Duration;

use crate::checkpoint::{CheckpointError, CheckpointStorage};
use crate::engine::{Chance, Metrics};
use crate::graph::driver::Driver;
use crate::graph::error::RunError;
use crate::graph::graph::Graph;
use crate::graph::progress::ProgressHandle;
use crate::graph::queries::{Answers, CutQuery};
use crate::graph::run::Summary;
use crate::graph::snapshot::Snapshot;
use crate::supervision::FailureReports;
use crate::time::LogicalTime;

/// A graph on the caller's thread. Nothing happens but in [`Inline::step`] and in what calls it.
///
/// Its clock starts at 0 and stands still until it is moved: by [`Inline::advance`], or by
/// [`Inline::until_idle`].
///
/// ```
/// use std::time::Duration;
/// use streamweave::nodes::delay;
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     later: delay(Duration::from_secs(60)),
///     graph.numbers => later.input,
///     later.out => graph.numbers,
/// };
/// let mut run = graph.inline()?;
/// run.inputs.numbers.try_send(7_u64)?;
/// run.step()?;
/// assert_eq!(run.outputs.numbers.try_recv(), None);
/// run.advance(Duration::from_secs(60))?;
/// assert_eq!(run.outputs.numbers.try_recv(), Some(7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Inline<I, O> {
    /// The graph's own inputs.
    pub inputs: I,
    /// The graph's own outputs.
    pub outputs: O,
    pub(crate) driver: Driver,
}

impl<I, O> fmt::Debug for Inline<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inline").field("graph", &self.driver.name).finish_non_exhaustive()
    }
}

impl<I, O> Inline<I, O> {
    pub(crate) fn new(graph: Graph<I, O>, chance: Chance) -> Self {
        let (inputs, outputs, driver) = Driver::new(graph, chance);
        Inline { inputs, outputs, driver }
    }

    /// Does all there is to do now: until every stage waits for input, time or room.
    ///
    /// # Errors
    /// The failure that stopped the graph.
    #[inline]
    pub fn step(&mut self) -> Result<(), RunError> {
        self.driver.step()
    }

    /// Moves the clock on, and does what that makes due. (In a simulation what is there to do
    /// comes first, and the clock stops on the way as the seed has it: it may be early for what is
    /// due, on time, or late, as real clocks are.)
    ///
    /// # Errors
    /// As [`Inline::step`].
    pub fn advance(&mut self, by: Duration) -> Result<(), RunError> {
        self.driver.advance(by)
    }

    /// Does all that can be done without more input: where everything waits for time, the clock
    /// is moved on to what is due next, until nothing waits for it any more. What has no room in
    /// the graph's outputs goes on waiting for it: read them, or [capture](Inline::capture) them.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streamweave::nodes::delay;
    /// use streamweave::prelude::*;
    ///
    /// let graph = graph! {
    ///     later: delay(Duration::from_secs(60)),
    ///     graph.numbers => later.input,
    ///     later.out => graph.numbers,
    /// };
    /// let mut run = graph.inline()?;
    /// run.inputs.numbers.try_send(7_u64)?;
    /// run.until_idle()?;
    /// assert_eq!(run.now(), 60_000);
    /// assert_eq!(run.outputs.numbers.try_recv(), Some(7));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Inline::step`], and [`RunError::NeverIdle`] where something is due again and again,
    /// as a source's ticks are: use [`Inline::advance`] there.
    pub fn until_idle(&mut self) -> Result<(), RunError> {
        self.driver.until_idle()
    }

    /// Where the clock stands, in milliseconds since the run began.
    pub fn now(&self) -> i64 {
        self.driver.clock.now()
    }

    /// The counters as of now; printed, they are a table:
    ///
    /// ```
    /// use streamweave::nodes::{from_iter, map};
    /// use streamweave::prelude::*;
    ///
    /// let graph = graph! {
    ///     numbers: from_iter(0..1_000_u64),
    ///     double: map(|n: u64| n * 2),
    ///     numbers.out => double.input,
    ///     double.out => graph.doubled,
    /// };
    /// let mut run = graph.inline()?;
    /// run.step()?;
    /// let table = run.metrics().to_string();
    /// let double = table.lines().find(|line| line.starts_with("double")).expect("a row for it");
    /// let counters: Vec<_> = double.split_whitespace().skip(1).take(2).collect();
    /// assert_eq!(counters, ["1000", "1000"]); // in, out
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn metrics(&self) -> Metrics {
        self.driver.counters.read()
    }

    /// The failures that policies treat: see
    /// [`Running::failures`](crate::graph::Running::failures).
    pub fn failures(&self) -> FailureReports {
        self.driver.reports.read()
    }

    /// How far the graph has come.
    pub fn progress(&self) -> ProgressHandle {
        self.driver.progress.clone()
    }

    /// The state of every node. After a failure it is the state at the failure: where changes are
    /// logged, as of before the failed unit.
    ///
    /// # Errors
    /// When a state does not serialize.
    pub fn snapshot(&mut self) -> Result<Snapshot, RunError> {
        self.driver.snapshot()
    }

    /// What `read` makes of the state of the node at this path, of each of its instances in the order of
    /// its workers: see [`Running::query`](crate::graph::Running::query). Does all there is to do now.
    ///
    /// # Errors
    /// [`RunError::Query`] when there is no such node, its state is another type, an instance of it has
    /// ended or waits in a handler, or `read` panics.
    pub fn query<S: 'static, R: Send + 'static>(
        &mut self,
        node: &str,
        read: impl Fn(&S) -> R + Clone + Send + 'static,
    ) -> Result<Answers<R>, RunError> {
        self.driver.query(node, read)
    }

    /// As [`query`](Inline::query), once the node has completed everything up to `time`: see
    /// [`Running::query_at`](crate::graph::Running::query_at). Does all there is to do now.
    ///
    /// # Errors
    /// As [`query`](Inline::query), and [`RunError::Query`] when the node has not completed it by then.
    pub fn query_at<S: 'static, R: Send + 'static>(
        &mut self,
        node: &str,
        time: LogicalTime,
        read: impl Fn(&S) -> R + Clone + Send + 'static,
    ) -> Result<Answers<R>, RunError> {
        self.step()?;
        match self.driver.progress.of(node).filter(|of| of.less_equal(time)) {
            Some(of) => Err(RunError::query(&self.driver.name, node, of.has_not_completed(time))),
            None => self.query(node, read),
        }
    }

    /// Answers questions to several nodes as of one cut: see
    /// [`Running::query_cut`](crate::graph::Running::query_cut). Does all there is to do now, and moves the
    /// clock on where a handler waits for it.
    ///
    /// # Errors
    /// As [`Running::query_cut`](crate::graph::Running::query_cut); [`RunError::Waiting`] where it does not get
    /// through.
    pub fn query_cut(&mut self, query: CutQuery) -> Result<(), RunError> {
        self.driver.ask(query)
    }

    /// The state of every node as of one cut through the whole graph: see
    /// [`Running::cut`](crate::graph::Running::cut). Does all there is to do now, and moves the clock
    /// on where a handler waits for it.
    ///
    /// # Errors
    /// As [`Running::cut`](crate::graph::Running::cut); [`RunError::Waiting`] where it does not get
    /// through, though it overtakes what has no room.
    pub fn cut(&mut self) -> Result<Snapshot, RunError> {
        self.driver.cut()
    }

    /// A [cut](Inline::cut) whose barrier waits for nothing: what it overtakes is saved with it, as it is
    /// of a checkpoint of a [started](crate::graph::Graph::start) graph that is late. In a
    /// [simulation](crate::testing) the seed decides at which stages. It can be restored where the edges
    /// on which something was overtaken lead to where they did, and that is on as many workers.
    ///
    /// # Errors
    /// As [`Inline::cut`].
    pub fn cut_unaligned(&mut self) -> Result<Snapshot, RunError> {
        self.driver.cut_unaligned()
    }

    /// Puts a [cut](Inline::cut) into `storage`, and lets nodes commit what it holds; its id.
    ///
    /// # Errors
    /// As [`Inline::cut`], and when it cannot be written.
    pub fn checkpoint(&mut self, storage: &impl CheckpointStorage) -> Result<u64, CheckpointError> {
        self.driver.checkpoint(storage)
    }

    /// Tells sources to stop; the next steps bring the graph to its end.
    pub fn stop_sources(&mut self) {
        self.driver.signals.stop();
    }

    /// The inputs, the outputs and the run as separate values, to be moved apart.
    pub fn split(self) -> (I, O, Inline<(), ()>) {
        let Inline { inputs, outputs, driver } = self;
        (inputs, outputs, Inline { inputs: (), outputs: (), driver })
    }

    /// Closes the graph's inputs, and does all there is to do.
    ///
    /// # Errors
    /// As [`Inline::step`].
    pub fn close_inputs(self) -> Result<Inline<(), O>, RunError> {
        let Inline { inputs, outputs, mut driver } = self;
        drop(inputs);
        driver.step()?;
        Ok(Inline { inputs: (), outputs, driver })
    }

    /// Brings the graph to its end; what is left in its outputs is dropped.
    ///
    /// # Errors
    /// The failure that stopped the graph, or [`RunError::Waiting`] where it waits for time.
    pub fn drain(self) -> Result<Summary, RunError> {
        let Inline { inputs, outputs, mut driver } = self;
        drop(inputs);
        drop(outputs);
        driver.finish()?;
        if let Some(stage) = driver.waiting() {
            return Err(RunError::Waiting { graph: driver.name, stage });
        }
        Ok(Summary { metrics: driver.counters.read(), state: driver.snapshot()? })
    }
}
