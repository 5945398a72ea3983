//! How a graph runs.

/// How a graph runs: see [`Graph::set_mode`](crate::graph::Graph::set_mode).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExecutionMode {
    /// What comes first is taken first: the fastest, and where edges meet or workers run beside
    /// each other, the order of records may differ from run to run.
    #[default]
    Concurrent,
    /// The same input gives the same output in the same order: on every run and machine, on any
    /// number of threads.
    ///
    /// - Where several edges lead to one node, to one output of the graph, or from several workers,
    ///   records are put aside until every edge has promised to be past their time, and go on
    ///   ordered by (time, edge, order on the edge); edges are numbered by port, in the order of
    ///   their declaration, and by worker. Every promise made on any of the edges becomes the
    ///   frontier behind them. What waits is kept in memory (where one edge has to be read far
    ///   ahead of the others, it takes as much), and is part of a cut; what waits at an output of
    ///   the graph has left it.
    /// - The graph's own inputs count as timed: they have promised as much as they were
    ///   [advanced](crate::graph::Input::advance) to, and everything when they end. Where records are
    ///   sent into several without times, and are to come out before that, say `#[in_turn]`.
    /// - Records without times have no such order. `#[in_turn]` before one of the edges takes one
    ///   record of each in turn instead; where no edge says so, the graph does not start
    ///   ([`StartError::Unordered`](crate::graph::StartError::Unordered)). In a loop the rounds
    ///   order them; a loop without times begins once what leads into it has ended.
    /// - Answers of asynchronous calls are taken in the order of the records.
    /// - Nothing depends on a clock. In a started graph it stands at 0, timers of the clock fail
    ///   the unit that sets them, and nobody is idle because nothing has come for so long. Inline
    ///   and in a simulation the clock is part of the input: there timers of the clock fire, and nodes that ask
    ///   for the time (`throttle`, `rate_limit`, `interval`) do as they should; started they fail.
    /// - An input that is idle ([`Input::idle`](crate::graph::Input::idle)) is waited for all the
    ///   same.
    ///
    /// Input that several tasks send at the same time has no order of its own to begin with, and a
    /// handler that asks the outside world gets what it gets.
    ///
    /// ```
    /// use streamweave::graph::ExecutionMode;
    /// use streamweave::nodes::merge;
    /// use streamweave::prelude::*;
    ///
    /// let mut graph = graph! {
    ///     both: merge(),
    ///     graph.left => both.left,
    ///     graph.right => both.right,
    ///     both.out => graph.all,
    /// };
    /// graph.set_mode(ExecutionMode::Deterministic);
    /// let mut run = graph.inline()?;
    /// run.inputs.left.try_send_at(LogicalTime(2), "second")?;
    /// run.step()?;
    /// run.inputs.right.try_send_at(LogicalTime(1), "first")?;
    /// let mut run = run.close_inputs()?;
    /// assert_eq!(run.outputs.all.try_recv(), Some("first"));
    /// assert_eq!(run.outputs.all.try_recv(), Some("second"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    Deterministic,
}
