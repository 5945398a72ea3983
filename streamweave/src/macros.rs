//! `graph!`: the front that tells the procedural macro where this crate is.

/// Builds a graph to run in place, or declares one as a node.
///
/// The expression form gives a [`Graph`](crate::graph::Graph); start it with `start` or `inline`:
///
/// ```
/// use streamweave::nodes::{from_iter, map, merge};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     #![name = "sums"]
///     numbers: from_iter(0..3_u64),
///     double: map(|n: u64| n * 2),
///     both: merge(),
///     numbers.out  => [double.input, graph.seen],
///     double.out   => both.left,
///     graph.others => both.right,
///     both.out     => graph.all,
/// };
/// let run = graph.inline()?;
/// run.inputs.others.try_send(7)?;
/// let mut run = run.close_inputs()?;
/// let mut all: Vec<_> = std::iter::from_fn(|| run.outputs.all.try_recv()).collect();
/// all.sort();
/// assert_eq!(all, [0, 2, 4, 7]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// | written | says |
/// |---|---|
/// | `name: expression,` | a node: whatever `#[node]` made, a library node, or a nested graph |
/// | `a.out => b.input,` | an edge; the ports are the fields with `#[output]` and `#[input]` |
/// | `a.out => [b.input, c.input],` | to several inputs; the item is cloned, unless it is lent |
/// | `graph.x => a.input,` | an input of the graph: `run.inputs.x` |
/// | `a.out => graph.x,` | an output of the graph: `run.outputs.x` |
/// | `a.out => feedback b.input,` | an edge that closes a cycle |
/// | `#![name = "..."]` | the graph's name, in what is told of it |
/// | `#[workers(n)]` before a node, a nested graph or a group | so many instances of each node; records go to a keyed input by their key, to others as they come; a source must have splits to be divided by, such as files |
/// | `#[buffer(n)]` before an edge | so many records may wait on it; its target has a task of its own |
/// | `#[boundary]` before an edge | its target has a task of its own |
/// | `#[in_turn]` before an edge | in a [deterministic run](crate::graph::ExecutionMode) its target takes one record of each edge in turn |
/// | `#[severable]` before an edge | what is at one end of it goes on where the other has failed for good: see [`EdgeSpec::severable`](crate::graph::EdgeSpec::severable) |
/// | `group name { .. },` | nodes that belong together; `name/node` is their path |
/// | `#[rounds(max = n)] loop name { .. },` | the nodes of a loop, and its bound: beyond it is an error (`max`) or the result (`limit`) |
/// | `#[on_failure(..)]` before a node or a group | what becomes of a record whose unit fails: `stop`, `retry`, `skip` or `dead_letter`, which gives the node the output `dead_letters`; `#[on_failure(dead_letter, retry = 3, backoff = "100ms..5s")]` tries each record so often before; see [`supervision`](crate::supervision) |
/// | `#[restart(max = 3, within = "10s", backoff = "100ms..5s")]` before a node or a group | how often there may be a restart; `then = "escalate"`, `"stop"`, `"restart"` (with `backoff = "100ms..5s"` where none is said) or `"restart_group"` when that is used up, `state = "fresh"` to start without state |
/// | `#[renamed_from = "old"]` before a node or a group | its name before, in the same group: state that was saved under that is its own |
/// | `group name one_for_all { .. },` | a supervision unit: which members restart when one fails (`one_for_one`, `one_for_all`, `rest_for_one`) |
///
/// Every input has to be connected, unless it is `#[input(optional)]`. What leaves by an output
/// that is not connected is dropped. Read all outputs of a started graph while you feed it: one
/// that nobody reads keeps back what is behind it, up to the inputs.
///
/// A loop whose result is what its last round gives:
///
/// ```
/// use streamweave::nodes::{map, merge};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     #[rounds(limit = 3)] loop again { enter: merge(), double: map(|n: u64| n * 2) },
///     graph.numbers => enter.left,
///     enter.out     => double.input,
///     double.out    => feedback enter.right,
///     double.out    => graph.doubled,
/// };
/// let run = graph.inline()?;
/// run.inputs.numbers.try_send(1)?;
/// let mut run = run.close_inputs()?;
/// let doubled: Vec<_> = std::iter::from_fn(|| run.outputs.doubled.try_recv()).collect();
/// assert_eq!(doubled, [2, 4, 8, 16]); // as it came, and three times round
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The item form declares a node whose ports are edges:
///
/// ```
/// use streamweave::nodes::map;
/// use streamweave::prelude::*;
///
/// graph! {
///     /// Adds, then doubles.
///     pub struct Both(by: u64) {
///         #[input] numbers: u64,
///         #[output] out: u64,
///
///         add: map(move |n: u64| n + by),
///         double: map(|n: u64| n * 2),
///         graph.numbers => add.input,
///         add.out => double.input,
///         double.out => graph.out,
///     }
/// }
///
/// let graph = graph! {
///     both: Both::new(3),
///     graph.numbers => both.numbers,
///     both.out => graph.out,
/// };
/// let run = graph.inline()?;
/// run.inputs.numbers.try_send(4)?;
/// let mut run = run.close_inputs()?;
/// assert_eq!(run.outputs.out.try_recv(), Some(14));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[macro_export]
macro_rules! graph {
    ($($tokens:tt)*) => { $crate::expansion::graph_at! { ($crate) $($tokens)* } };
}
