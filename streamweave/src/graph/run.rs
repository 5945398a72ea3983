//! A graph that runs on tokio.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, FutureExt, TryFutureExt, select};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use crate::checkpoint::{CheckpointError, CheckpointStorage, FileCheckpointStorage};
use crate::engine::{Chance, Clock, Counters, Failure, Metrics, Signals};
use crate::graph::barriers::Barriers;
use crate::graph::cuts::Cuts;
use crate::graph::ending::{Severing, supervise};
use crate::graph::error::RunError;
use crate::graph::graph::Graph;
use crate::graph::intervals::Checkpoints;
use crate::graph::life::Life;
use crate::graph::mode::ExecutionMode;
use crate::graph::progress::ProgressHandle;
use crate::graph::queries::{Answers, CutQuery, Queries};
use crate::graph::snapshot::Snapshot;
use crate::graph::watchdog::Watchdog;
use crate::supervision::{FailureReports, Reports};
use crate::time::LogicalTime;

/// A running graph. Dropping it aborts the run.
pub struct Running<I, O> {
    /// The graph's own inputs.
    pub inputs: I,
    /// The graph's own outputs.
    pub outputs: O,
    run: Run,
}

impl<I, O> fmt::Debug for Running<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("graph", &self.run.name).finish_non_exhaustive()
    }
}

/// Until when a caller waits, which is no time of the run.
#[allow(clippy::disallowed_methods, reason = "the run's clock does not decide how long")]
fn deadline(limit: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(limit).unwrap_or(now + Duration::from_secs(86_400 * 365))
}

/// The run itself, without the handles.
struct Run {
    name: String,
    counters: Arc<Counters>,
    queries: Queries,
    cuts: Arc<Cuts>,
    progress: ProgressHandle,
    reports: Reports,
    signals: Signals,
    ended: watch::Receiver<Option<Ended>>,
    supervisor: AbortHandle,
    life: Life,
}

impl Drop for Run {
    fn drop(&mut self) {
        self.supervisor.abort();
    }
}

#[derive(Clone, Debug)]
pub(super) enum Ended {
    Finished,
    Failed(Arc<Failure>),
    Aborted,
}

/// What a run that came to its end leaves behind.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Summary {
    /// The counters at the end.
    pub metrics: Metrics,
    /// The state of every node at the end.
    pub state: Snapshot,
}

/// How a run stopped.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StopReport {
    /// Whether everything in flight was handled before the time was up.
    pub complete: bool,
    /// The edges on which records were left, with their number; empty when complete.
    pub unflushed: Vec<(Arc<str>, u64)>,
    /// The counters at the end.
    pub metrics: Metrics,
}

impl<I, O> Running<I, O> {
    pub(crate) fn start(mut graph: Graph<I, O>) -> Self {
        let (barred, elsewhere) = (graph.barred(), graph.elsewhere());
        let Graph {
            name,
            mut planned,
            counters,
            inputs,
            outputs,
            flow,
            mode,
            watchdog,
            input_edges,
            reports,
            carried,
            parts,
            ..
        } = graph;
        let (over, is_over) = watch::channel(false);
        let progress = ProgressHandle::new(&counters, &|path| flow.is_timed(path), is_over);
        let clock = match mode {
            ExecutionMode::Concurrent => Clock::tokio(),
            ExecutionMode::Deterministic => Clock::standing(),
        };
        let signals = Signals::default();
        let probes = planned
            .iter()
            .map(|stage| (Arc::clone(&stage.path), Arc::clone(&stage.probe)))
            .collect();
        let queries = Queries::of(&mut planned);
        let (tell, ended) = watch::channel(None);
        let mut barriers = Barriers::new(
            name.clone(),
            signals.clone(),
            input_edges,
            probes,
            barred,
            carried,
            Arc::clone(&counters),
        );
        barriers.elsewhere = elsewhere;
        let cuts = Arc::new(Cuts::new(name.clone(), barriers, ended.clone()));
        let stages = counters.stages.clone();
        let barriers = Arc::clone(&cuts.barriers);
        let watchdog = Watchdog { stages, limit: watchdog, barriers };
        let (life, lives) = Life::of(&cuts);
        let mut stages = JoinSet::new();
        let mut tasks = Vec::new();
        for (number, stage) in planned.into_iter().enumerate() {
            let alive = lives.alive.clone();
            let stage = stage.run(clock.clone(), Chance::default(), &signals, alive);
            let stage = lives.clone().while_runs(stage).map(move |end| (number, end));
            #[allow(clippy::disallowed_methods, reason = "the engine is what spawns")]
            tasks.push(stages.spawn(stage));
        }
        let severing = Severing { parts, tasks, barriers: Arc::clone(&cuts.barriers) };
        let supervise = supervise(stages, severing, watchdog, tell, over, life.clone());
        #[allow(clippy::disallowed_methods, reason = "the engine is what spawns")]
        let supervisor = tokio::spawn(supervise).abort_handle();
        let run = Run {
            name,
            counters,
            queries,
            cuts,
            progress,
            reports,
            signals,
            ended,
            supervisor,
            life,
        };
        Running { inputs, outputs, run }
    }

    /// What outlives it.
    pub(super) fn life(&self) -> Life {
        self.run.life.clone()
    }

    /// The counters as of now.
    pub fn metrics(&self) -> Metrics {
        self.run.counters.read()
    }

    /// How far the graph has come: to be asked, cloned, and awaited.
    pub fn progress(&self) -> ProgressHandle {
        self.run.progress.clone()
    }

    /// The failures that policies treat, as they come: from the start of the run on for who asks
    /// first, from then on for others. They end with the run.
    ///
    /// ```
    /// use streamweave::prelude::*;
    /// use streamweave::supervision::OnFailure;
    ///
    /// #[node]
    /// fn parse(line: String) -> Result<u64, std::num::ParseIntError> {
    ///     line.parse()
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let graph = graph! {
    ///     #[on_failure(skip)]
    ///     parse: Parse,
    ///     graph.lines => parse.input,
    ///     parse.out   => graph.numbers,
    /// };
    /// let run = graph.start()?;
    /// let mut failures = run.failures();
    /// run.inputs.lines.send("two".to_owned()).await?;
    /// run.drain().await?;
    /// let report = failures.recv().await.expect("one failure");
    /// assert_eq!(report.on_failure, OnFailure::Skip);
    /// assert_eq!(&*report.failure.node, "parse");
    /// assert!(failures.recv().await.is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub fn failures(&self) -> FailureReports {
        self.run.reports.read()
    }

    /// Whether the run has ended, well or not.
    pub fn has_ended(&self) -> bool {
        // Of a run that was aborted nobody is left to tell it.
        self.run.ended.borrow().is_some() || self.run.ended.has_changed().is_err()
    }

    /// What `read` makes of the state of the node at this path, while the graph runs: of each of its
    /// instances between two of its units, in the order of its workers. It is the latest state, which a
    /// restart may take back (the [`Answers`] say in which attempt they were given, and the last checkpoint
    /// that was complete then); what all nodes say together is no cut.
    ///
    /// The stage does nothing else meanwhile: copy what is wanted, and work with it outside.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use streamweave::prelude::*;
    ///
    /// /// Counts the visits of each page.
    /// #[node(key = String)]
    /// struct Visits {
    ///     #[input(key = |page| page)] pages: String,
    ///     #[output] count: (String, u64),
    ///     #[state] visits: Keyed<String, u64>,
    /// }
    ///
    /// impl VisitsHandlers for Visits {
    ///     fn on_pages(
    ///         &self,
    ///         state: &mut VisitsState,
    ///         page: String,
    ///         out: &mut impl VisitsOut,
    ///     ) -> NodeResult {
    ///         let visits = state.visits.entry(page.clone());
    ///         *visits += 1;
    ///         out.count((page, *visits));
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    /// # runtime.block_on(async {
    /// let mut run = graph! {
    ///     #[workers(2)]
    ///     visits: Visits {},
    ///     graph.pages => visits.pages,
    ///     visits.count => graph.count,
    /// }
    /// .start()?;
    /// for page in ["/", "/shop", "/"] {
    ///     run.inputs.pages.send(page.to_owned()).await?;
    ///     run.outputs.count.recv().await;
    /// }
    /// let visits = |state: &VisitsState| state.visits.get("/").copied();
    /// // Of two workers one has the page.
    /// let answers = run.query("visits", Duration::from_secs(10), visits).await?;
    /// assert_eq!(answers.of_each.into_iter().flatten().sum::<u64>(), 2);
    /// // It is the first attempt, of which no checkpoint holds anything yet.
    /// assert_eq!((answers.attempt, answers.durable), (1, None));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`RunError::Query`] when there is no such node, its state is another type, an instance of it has
    /// ended, or `read` panics; [`RunError::TimedOut`] when an instance is busy for longer than
    /// `limit`.
    pub async fn query<S: 'static, R: Send + 'static>(
        &self,
        node: &str,
        limit: Duration,
        read: impl Fn(&S) -> R + Clone + Send + 'static,
    ) -> Result<Answers<R>, RunError> {
        self.run.query(node, (deadline(limit), limit), read).await
    }

    /// As [`query`](Running::query), once every instance of the node has completed everything up to and including
    /// `time`, on all workers: for state that is kept by time ([`Versioned`](crate::state::Versioned)), which
    /// says then what was valid, and says the same whenever it is asked. Where all that leads to several nodes comes in
    /// order, what they say of one time fits together.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streamweave::prelude::*;
    /// use streamweave::state::Versioned;
    ///
    /// /// The latest price of each item, and those of an hour before.
    /// #[node(sink, key = String)]
    /// struct Prices {
    ///     #[input(key = |(item, _)| item)] prices: (String, u64),
    ///     #[state(ttl = "1h")] valid: Versioned<String, u64>,
    /// }
    ///
    /// impl PricesHandlers for Prices {
    ///     fn on_prices(
    ///         &self,
    ///         state: &mut PricesState,
    ///         (item, price): (String, u64),
    ///         _: &mut impl PricesOut,
    ///     ) -> NodeResult {
    ///         state.valid.set(item, price);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    /// # runtime.block_on(async {
    /// let run = graph! {
    ///     #[workers(2)]
    ///     prices: Prices {},
    ///     graph.prices => prices.prices,
    /// }
    /// .start()?;
    /// for (time, price) in [(100, 7), (200, 8), (300, 9)] {
    ///     run.inputs.prices.send_at(LogicalTime(time), ("tea".to_owned(), price)).await?;
    /// }
    /// run.inputs.prices.advance(LogicalTime(300));
    /// let at = LogicalTime(250);
    /// let tea = move |state: &PricesState| state.valid.at("tea", at).map(|price| price.copied());
    /// let answers = run.query_at("prices", at, Duration::from_secs(10), tea).await?;
    /// // Of two workers one has the item.
    /// let tea: Vec<_> = answers.of_each.into_iter().collect::<Result<_, _>>()?;
    /// assert_eq!(tea.into_iter().flatten().next(), Some(8));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`query`](Running::query), and [`RunError::Query`] when the node has not completed it within `limit`, or
    /// the run ends before.
    pub async fn query_at<S: 'static, R: Send + 'static>(
        &self,
        node: &str,
        time: LogicalTime,
        limit: Duration,
        read: impl Fn(&S) -> R + Clone + Send + 'static,
    ) -> Result<Answers<R>, RunError> {
        let until = deadline(limit);
        if let Some(of) = self.run.progress.of(node)
            && !tokio::time::timeout_at(until, of.reached(time)).await.unwrap_or(false)
        {
            return Err(RunError::query(&self.run.name, node, of.has_not_completed(time)));
        }
        self.run.query(node, (until, limit), read).await
    }

    /// Answers questions to several nodes as of one cut through the running graph: of everything that its inputs
    /// were sent and its sources gave before, and of nothing behind. What [`Running::query`] says of two nodes
    /// is of two moments; this fits together. Nothing is saved for it, and no node hears of it. (What is on its
    /// way round a loop, or put aside by a deterministic run, is in no node's state.) It overtakes nothing, and a
    /// checkpoint that is due meanwhile waits for it: choose a short `limit`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streamweave::graph::CutQuery;
    /// use streamweave::prelude::*;
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    /// # runtime.block_on(async {
    /// /// Counts what comes.
    /// #[node(sink)]
    /// struct Total {
    ///     #[input] numbers: u64,
    ///     #[state] total: Value<u64>,
    /// }
    ///
    /// impl TotalHandlers for Total {
    ///     fn on_numbers(&self, state: &mut TotalState, _: u64, _: &mut impl TotalOut) -> NodeResult {
    ///         *state.total.get_mut() += 1;
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let run = graph! {
    ///     some: Total {},
    ///     all: Total {},
    ///     #[boundary]
    ///     graph.numbers => some.numbers,
    ///     graph.numbers => all.numbers,
    /// }
    /// .start()?;
    /// for n in 0..1_000 {
    ///     run.inputs.numbers.send(n).await?;
    /// }
    /// let mut query = CutQuery::new();
    /// let some = query.ask("some", |state: &TotalState| *state.total);
    /// let all = query.ask("all", |state: &TotalState| *state.total);
    /// run.query_cut(query, Duration::from_secs(10)).await?;
    /// assert_eq!((some.answers()?.of_each, all.answers()?.of_each), (vec![1_000], vec![1_000]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`RunError::Query`] when there is no such node; when the cut does not get through within `limit`, as it
    /// overtakes nothing. What a single node does not answer its [`Asked`](crate::graph::Asked) tells.
    pub async fn query_cut(&self, query: CutQuery, limit: Duration) -> Result<(), RunError> {
        let standing = self.run.cuts.barriers.standing();
        let questions = query.questions(&self.run.queries, &self.run.name, standing)?;
        self.run.cuts.ask(questions, limit).await
    }

    /// The state of every node as of one cut through the whole graph: of everything that its
    /// inputs were sent and its sources gave before, and of nothing behind. A graph that is
    /// [restored](Graph::restore) from it and gets what comes behind goes on as if nothing had
    /// happened.
    ///
    /// The cut travels with the records; a node with several inputs waits until it has come by all
    /// of them. By a feedback edge it comes last: what comes by that before it is saved as on its
    /// way, and so is what a deterministic run has put aside. What has left the graph by then is not taken
    /// back by a restore: its outputs may give some records again.
    ///
    /// Where something holds it up (an output that nobody reads, a slow node with much before it), it
    /// overtakes that when half of `limit` is over: what waits between the stages is saved as on its way,
    /// too. Such a cut can be restored where the same edges lead to each stage, with as many workers. It goes
    /// on waiting where records do not serialize, in a deterministic run, and for a handler that has not
    /// come to its end.
    ///
    /// # Errors
    /// When it does not get through within `limit`, when records that would be on their way in a loop or put
    /// aside by a deterministic run do not serialize ([`RunError::NoCheckpoint`]), or a state does not.
    pub async fn cut(&self, limit: Duration) -> Result<Snapshot, RunError> {
        self.run.cuts.cut(limit).await
    }

    /// Puts a [cut](Running::cut) into `storage`, beside the run, which goes on meanwhile; its id
    /// once it is complete there. `limit` counts for the cut, and again for the storage.
    ///
    /// # Errors
    /// As [`Running::cut`], when it cannot be written, and when the storage has not answered within `limit`
    /// ([`CheckpointError::StorageTimedOut`]). It is still waited for then: what it has written after all is a
    /// complete checkpoint, as any other, and the next one is begun only behind it.
    pub async fn checkpoint<S>(&self, storage: &S, limit: Duration) -> Result<u64, CheckpointError>
    where
        S: CheckpointStorage + Clone + 'static,
    {
        self.run.cuts.checkpoint(storage, limit, |_, _| {}).await
    }

    /// Has the run put a [checkpoint](Running::checkpoint) into `storage` by itself, again and again
    /// until it ends: the first after `period`, at least a millisecond, each further one that long
    /// after the end of the one before it, so never two at once. Those that fail, or do not get
    /// through the graph within `limit`, are counted, reported as a `tracing` event and in the
    /// handle, and the run goes on: but where another run has taken over the storage
    /// ([`CheckpointError::Fenced`]) this one fails, as nothing of it would count.
    ///
    /// As something that holds a checkpoint up is overtaken after half of `limit` only
    /// ([`Running::cut`]), choose one of about twice the delay that you accept: behind a slow node a
    /// `limit` of 10 seconds gives a checkpoint every five seconds at best, and none before a process
    /// that lives for less. A handler that awaits for longer than `limit` lets none get through.
    ///
    /// A storage that has not answered within `limit` is one that fails, and is still waited for: each attempt
    /// fails until it has.
    ///
    /// None is taken when the run ends: [`Running::drain_into`] does that.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streamweave::checkpoint::FileCheckpointStorage;
    /// use streamweave::nodes::fold;
    /// use streamweave::prelude::*;
    ///
    /// # let folder = std::env::temp_dir().join(format!("streamweave-every-{}", std::process::id()));
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    /// # runtime.block_on(async {
    /// let run = graph! {
    ///     sum: fold(0_u64, |sum: &mut u64, n: u64| *sum += n),
    ///     graph.numbers => sum.input,
    ///     sum.out => graph.sum,
    /// }
    /// .start()?;
    /// let storage = FileCheckpointStorage::open(&folder)?;
    /// let (period, limit) = (Duration::from_millis(10), Duration::from_secs(10));
    /// let mut checkpoints = run.checkpoint_every(storage, period, limit)?;
    ///
    /// run.inputs.numbers.send(1).await?;
    /// let report = checkpoints.changed().await.ok_or("the run has ended")?;
    /// assert_eq!((report.complete, report.failed), (1, 0));
    ///
    /// run.drain().await?;
    /// let report = checkpoints.ended().await;
    /// assert!(report.last.is_some_and(|last| last.id >= 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # std::fs::remove_dir_all(folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When no cut goes through the graph ([`RunError::NoCheckpoint`]).
    pub fn checkpoint_every<S>(
        &self,
        storage: S,
        period: Duration,
        limit: Duration,
    ) -> Result<Checkpoints, RunError>
    where
        S: CheckpointStorage + Clone + 'static,
    {
        Checkpoints::begin(Arc::clone(&self.run.cuts), storage, period, limit)
    }

    /// Puts a [cut](Running::cut) into `storage` as the next [checkpoint](Running::checkpoint), and beside
    /// that as a savepoint of this name: one that holds everything, and stays until somebody removes
    /// it, such as what a new version of the program is to begin with. It overtakes nothing: but
    /// for calls in flight, loops and deterministic runs nothing is on its way in it, and the graph may have
    /// other edges and another number of workers then. The run goes on; its id.
    ///
    /// # Errors
    /// As [`Running::checkpoint`], when there is a savepoint of that name, and where a node has
    /// [state on disk](crate::state::Stored).
    pub async fn savepoint<S>(
        &self,
        storage: &S,
        name: &str,
        limit: Duration,
    ) -> Result<u64, CheckpointError>
    where
        S: CheckpointStorage + Clone + 'static,
    {
        self.run.cuts.savepoint(storage, name, limit, false).await
    }

    /// As [`Running::savepoint`], and the run stops there: nothing behind the cut is handled, so no window
    /// fires and no frontier rises that would not have otherwise, and what is committed with
    /// checkpoints is committed as far as the cut covers it. What comes by feedback edges goes on
    /// until the cut is whole. The run has ended then, as if it were aborted; what has left the
    /// graph by its outputs can still be read. `limit` counts for the cut, again for the storage, and again for
    /// what is committed.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streamweave::checkpoint::FileCheckpointStorage;
    /// use streamweave::nodes::{fold, from_iter};
    /// use streamweave::prelude::*;
    ///
    /// # let folder = std::env::temp_dir().join(format!("streamweave-save-{}", std::process::id()));
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    /// # runtime.block_on(async {
    /// let make = || {
    ///     graph! {
    ///         numbers: from_iter(0..1_000_000_u64),
    ///         sum: fold(0_u64, |sum: &mut u64, n: u64| *sum += n),
    ///         numbers.out => sum.input,
    ///         sum.out => graph.sum,
    ///     }
    /// };
    /// let storage = FileCheckpointStorage::open(&folder)?;
    /// let mut run = make().start()?;
    /// run.stop_at_savepoint(&storage, "before-2.0", Duration::from_secs(10)).await?;
    /// assert_eq!(run.outputs.sum.recv().await, None, "it was stopped, and not ended");
    ///
    /// assert_eq!(storage.savepoints()?, ["before-2.0"]);
    /// let mut graph = make();
    /// graph.restore(storage.read_savepoint("before-2.0")?.snapshot())?;
    /// let mut run = graph.start()?;
    /// assert_eq!(run.outputs.sum.recv().await, Some(499_999_500_000));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # std::fs::remove_dir_all(folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Running::savepoint`]: then the run goes on, even where the savepoint is there and only what it
    /// covers was not committed in time, or where the storage answers late.
    pub async fn stop_at_savepoint<S>(
        &self,
        storage: &S,
        name: &str,
        limit: Duration,
    ) -> Result<u64, CheckpointError>
    where
        S: CheckpointStorage + Clone + 'static,
    {
        let id = self.run.cuts.savepoint(storage, name, limit, true).await?;
        self.run.supervisor.abort();
        self.run.cuts.ended().await;
        Ok(id)
    }

    /// Closes the graph's inputs, clones and [split](Running::split) ones included, lets its sources run
    /// to their end, and waits until everything has been handled. Who still sends is refused
    /// ([`SendError::Stopped`](crate::graph::SendError::Stopped)). What is left in the graph's outputs is dropped: read them first, or
    /// take them out with [`Running::split`].
    ///
    /// # Errors
    /// The failure that stopped the graph.
    pub async fn drain(self) -> Result<Summary, RunError> {
        let Running { inputs, outputs, run } = self;
        drop((inputs, outputs));
        run.close_inputs();
        run.end().await
    }

    /// As [`Running::drain`], with the state at the end as the last checkpoint in `storage`: a run
    /// that is restored from it has nothing left to do. What is committed with checkpoints (by nodes
    /// with `#[node(commits)]`) is committed once it is complete; [`Running::drain`] commits it
    /// without one, so that a run which is restored from an earlier one does it again. It waits for the
    /// storage without a limit.
    ///
    /// # Errors
    /// The failure that stopped the graph, or what went wrong with the checkpoint: then nothing of
    /// it is committed.
    pub async fn drain_into<S>(self, storage: &S) -> Result<Summary, CheckpointError>
    where
        S: CheckpointStorage + Clone + 'static,
    {
        let Running { inputs, outputs, run } = self;
        drop((inputs, outputs));
        run.close_inputs();
        run.end_into(storage).await
    }

    /// As [`Running::drain_into`], of a run whose sources are told to stop where they are.
    ///
    /// # Errors
    /// As [`Running::drain_into`].
    pub async fn stop_into<S>(self, storage: &S) -> Result<Summary, CheckpointError>
    where
        S: CheckpointStorage + Clone + 'static,
    {
        self.run.signals.stop();
        self.drain_into(storage).await
    }

    /// The inputs, the outputs and the run as separate values, to be moved into tasks.
    pub fn split(self) -> (I, O, Running<(), ()>) {
        let Running { inputs, outputs, run } = self;
        (inputs, outputs, Running { inputs: (), outputs: (), run })
    }

    /// Closes the graph's inputs, clones included; its outputs end once everything has been handled.
    pub fn close_inputs(self) -> Running<(), O> {
        let Running { inputs, outputs, run } = self;
        drop(inputs);
        run.close_inputs();
        Running { inputs: (), outputs, run }
    }

    /// Tells sources to stop, closes the inputs as [`Running::drain`] does and waits until everything in
    /// flight has been handled, but no longer than `limit`; then what still runs is aborted.
    ///
    /// # Errors
    /// The failure that stopped the graph.
    pub async fn stop(self, limit: Duration) -> Result<StopReport, RunError> {
        let Running { inputs, outputs, run } = self;
        run.signals.stop();
        drop((inputs, outputs));
        run.close_inputs();
        let complete = match tokio::time::timeout(limit, run.end()).await {
            Ok(ended) => {
                ended?;
                true
            }
            Err(_) => false,
        };
        let metrics = run.counters.read();
        let waiting = metrics.edges.iter().filter(|edge| edge.waiting > 0 && !complete);
        let unflushed = waiting.map(|edge| (Arc::clone(&edge.path), edge.waiting)).collect();
        Ok(StopReport { complete, unflushed, metrics })
    }

    /// Stops at once; what is in flight is lost.
    pub fn abort(self) {
        drop(self);
    }
}

impl Run {
    /// Closes the graph's inputs, clones and those that were [split](Running::split) off included.
    fn close_inputs(&self) {
        self.cuts.barriers.close_inputs();
    }

    /// Waits for the end, at which everything is committed.
    async fn end(&self) -> Result<Summary, RunError> {
        // Without a storage nothing can go wrong with it.
        let _ = self.cuts.finish(None::<&FileCheckpointStorage>).await;
        self.ended().await
    }

    /// As [`Run::end`], with the state at the end in `storage` before anything is committed.
    async fn end_into<S>(&self, storage: &S) -> Result<Summary, CheckpointError>
    where
        S: CheckpointStorage + Clone + 'static,
    {
        self.cuts.finish(Some(storage)).await?;
        Ok(self.ended().await?)
    }

    async fn ended(&self) -> Result<Summary, RunError> {
        let ended = self.cuts.ended().await;
        let graph = self.name.clone();
        match ended {
            Ended::Finished => {
                let mut state = self.cuts.barriers.carried();
                for (_, probe) in &self.cuts.barriers.probes {
                    state.add(&probe.at_end().unwrap_or_default())?;
                }
                Ok(Summary { metrics: self.counters.read(), state })
            }
            Ended::Failed(failure) => Err(RunError::Failed { graph, failure }),
            Ended::Aborted => Err(RunError::Aborted { graph }),
        }
    }

    async fn query<S: 'static, R: Send + 'static>(
        &self,
        node: &str,
        (deadline, limit): (Instant, Duration),
        read: impl Fn(&S) -> R + Clone + Send + 'static,
    ) -> Result<Answers<R>, RunError> {
        let refused = |reason| RunError::query(&self.name, node, reason);
        let (attempt, durable) = self.cuts.barriers.standing();
        let mut of_each = Vec::new();
        for answer in self.queries.ask(node, read).map_err(refused)? {
            let answered = pin!(tokio::time::timeout_at(deadline, answer.map_err(drop)));
            let answered = match select(answered, pin!(self.cuts.ended())).await {
                Either::Left((answered, _)) => answered,
                // It may have answered all the same.
                Either::Right((_, answered)) => answered.now_or_never().unwrap_or(Ok(Err(()))),
            };
            match answered {
                Ok(Ok(said)) => of_each.push(said.map_err(refused)?),
                Ok(Err(_)) => return Err(refused("it has ended".to_owned())),
                Err(_) => {
                    let (graph, stage) = (self.name.clone(), node.into());
                    return Err(RunError::TimedOut { graph, stage, limit });
                }
            }
        }
        Ok(Answers { attempt, durable, of_each })
    }
}
