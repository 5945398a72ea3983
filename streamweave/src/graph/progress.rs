//! How far a graph has come, as its caller sees it.

use std::fmt;
use std::sync::Arc;

use futures_util::future::{Either, select};
use tokio::sync::watch;

use crate::engine::Counters;
use crate::time::{Frontier, LogicalTime};

/// A frontier of completed work, as a [`ProgressHandle`] tells it: nothing of an earlier time is on
/// its way any more, in any node, edge, timer or window.
pub type CompletedFrontier = Frontier;

/// How far a graph, a sink or a node has come: of completed work, so that nothing before the
/// frontier is on its way any more. Clones and parts see the same progress, and it never goes back.
///
/// The progress of a graph is the least of its sinks: of the nodes without a connected output, and
/// of the graph's own outputs, as far as their reader has read.
#[derive(Clone)]
pub struct ProgressHandle {
    all: Arc<[Part]>,
    /// Which of `all` this handle is about.
    of: Vec<usize>,
    /// Whether the run is over.
    over: watch::Receiver<bool>,
}

struct Part {
    path: Arc<str>,
    frontier: watch::Receiver<Option<Frontier>>,
    /// What complete checkpoints hold of a node that frontiers come to; the graph's outputs are in
    /// none.
    durable: Option<watch::Receiver<Option<Frontier>>>,
    sink: bool,
}

impl fmt::Debug for ProgressHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = self.of.iter().map(|at| (&self.all[*at].path, self.all[*at].at()));
        f.debug_map().entries(of).finish()
    }
}

impl Part {
    fn at(&self) -> Option<Frontier> {
        *self.frontier.borrow()
    }
}

impl ProgressHandle {
    /// `timed` says whether a sink sees any frontier but the end: those that do not are waited for
    /// only where none does.
    pub(crate) fn new(
        counters: &Counters,
        timed: &dyn Fn(&str) -> bool,
        over: watch::Receiver<bool>,
    ) -> Self {
        let no_sink_is_timed = !counters
            .sinks
            .iter()
            .chain(counters.outputs.iter().map(|(path, _)| path))
            .any(|path| timed(path));
        let timed = |path: &str| no_sink_is_timed || timed(path);
        let nodes = counters.nodes.iter().map(|(path, node)| Part {
            path: Arc::clone(path),
            frontier: node.frontier(),
            durable: timed(path).then(|| node.durable()),
            sink: counters.sinks.contains(path) && timed(path),
        });
        let outputs = counters.outputs.iter().map(|(path, frontier)| Part {
            path: Arc::clone(path),
            frontier: frontier.subscribe(),
            durable: None,
            sink: timed(path),
        });
        let all: Arc<[Part]> = nodes.chain(outputs).collect();
        let of = (0..all.len()).filter(|at| all[*at].sink).collect();
        ProgressHandle { all, of, over }
    }

    /// The progress of the node at `path` (`desk/matcher`), over all its workers, or of the
    /// graph's output `graph.report`. `None` if there is none of that name.
    pub fn of(&self, path: &str) -> Option<ProgressHandle> {
        let is = |part: &Part| {
            let rest = part.path.strip_prefix(path);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('#'))
        };
        let of: Vec<_> = (0..self.all.len()).filter(|at| is(&self.all[*at])).collect();
        (!of.is_empty()).then(|| ProgressHandle { of, ..self.clone() })
    }

    /// The sinks that the progress of the graph is the least of, by path.
    pub fn sinks(&self) -> impl Iterator<Item = &str> {
        self.all.iter().filter(|part| part.sink).map(|part| &*part.path)
    }

    /// The frontier: everything before it is done. `None` before there is one.
    pub fn frontier(&self) -> Option<CompletedFrontier> {
        self.of.iter().map(|at| self.all[*at].at()).min().unwrap_or(Some(Frontier::Ended))
    }

    /// What the last complete checkpoint covers: a run that goes on from it has done everything before
    /// this frontier. `None` before there is one. It is what was completed when the checkpoint's
    /// barrier came by: of a node at the node; of the graph, or of one of its outputs, at all nodes
    /// that frontiers come to.
    ///
    /// ```
    /// use streamweave::checkpoint::FileCheckpointStorage;
    /// use streamweave::nodes::map;
    /// use streamweave::prelude::*;
    ///
    /// let graph = graph! {
    ///     double: map(|n: u64| n * 2),
    ///     graph.numbers => double.input,
    ///     double.out => graph.numbers,
    /// };
    /// # let name = format!("streamweave-doc-durable-{}", std::process::id());
    /// # let folder = std::env::temp_dir().join(name);
    /// let storage = FileCheckpointStorage::open(&folder)?;
    /// let mut run = graph.inline()?;
    /// let progress = run.progress();
    /// run.inputs.numbers.advance(LogicalTime(5));
    /// run.checkpoint(&storage)?;
    /// run.inputs.numbers.advance(LogicalTime(9));
    /// run.step()?;
    /// while run.outputs.numbers.try_recv().is_some() {}
    /// assert_eq!(progress.frontier(), Some(Frontier::At(LogicalTime(9))));
    /// assert_eq!(progress.durable(), Some(Frontier::At(LogicalTime(5))));
    /// # std::fs::remove_dir_all(folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn durable(&self) -> Option<CompletedFrontier> {
        let parts = || self.of.iter().map(|at| &self.all[*at]);
        let least = |parts: &mut dyn Iterator<Item = &Part>| {
            parts.filter_map(|part| Some(*part.durable.as_ref()?.borrow())).min().flatten()
        };
        match parts().all(|part| part.durable.is_some()) {
            true => least(&mut parts()),
            false => least(&mut self.all.iter()),
        }
    }

    /// Whether something of an earlier time than `time` may still be on its way.
    pub fn less_than(&self, time: LogicalTime) -> bool {
        self.frontier().is_none_or(|frontier| frontier.less_than(time))
    }

    /// Whether something of `time` or an earlier time may still be on its way.
    pub fn less_equal(&self, time: LogicalTime) -> bool {
        self.frontier().is_none_or(|frontier| frontier.less_equal(time))
    }

    /// Why nobody says yet what there was at `time`.
    pub(crate) fn has_not_completed(&self, time: LogicalTime) -> String {
        let at = self.frontier().map_or("no frontier yet".to_owned(), |at| at.to_string());
        format!("it has not completed {time}: it has come to {at}")
    }

    /// Ready when everything up to and including `time` is done; `false` if the run ended before,
    /// which only a failed or stopped one does.
    ///
    /// ```
    /// use streamweave::nodes::{event_time_by, for_each};
    /// use streamweave::prelude::*;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let graph = graph! {
    ///     times: event_time_by(|at: &i64| LogicalTime(*at)),
    ///     store: for_each(|_: i64| ()),
    ///     graph.readings => times.input,
    ///     times.out => store.input,
    /// };
    /// let run = graph.start()?;
    /// let progress = run.progress();
    /// run.inputs.readings.send(50).await?;
    /// assert!(progress.reached(LogicalTime(49)).await); // all of it is stored
    /// assert!(progress.less_equal(LogicalTime(50)));    // more of this time may come
    /// run.close_inputs().drain().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn reached(&self, time: LogicalTime) -> bool {
        for at in &self.of {
            let mut frontier = self.all[*at].frontier.clone();
            let mut over = self.over.clone();
            let past = |at: &Option<Frontier>| at.is_some_and(|at| !at.less_equal(time));
            let reached = std::pin::pin!(frontier.wait_for(past));
            let over = std::pin::pin!(over.wait_for(|over| *over));
            if let Either::Left((Err(_), _)) = select(reached, over).await {
                return false;
            }
        }
        !self.less_equal(time)
    }
}
