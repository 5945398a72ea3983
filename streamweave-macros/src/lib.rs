//! The procedural macros of streamweave: use them through the `streamweave` crate.
//!
//! Each works in stages: parse the user's tokens into a model, check it and collect every
//! mistake, then expand. Mistakes that rustc reports well are left to rustc.

mod diag;
mod duration;
mod event_time;
mod graph;
mod node;
mod stable_key;

use proc_macro::TokenStream;

/// Makes a node of a struct with named fields, or of a function with one parameter.
///
/// # A struct
///
/// ```
/// use streamweave::state::Value;
/// use streamweave::{NodeResult, node};
///
/// /// Numbers its lines.
/// #[node]
/// pub struct Number {
///     /// Lines to number.
///     #[input]
///     lines: String,
///     #[output]
///     numbered: (u64, String),
///     #[state]
///     count: Value<u64>, // in every checkpoint
///     first: u64,        // configuration
/// }
///
/// impl NumberHandlers for Number {
///     fn on_lines(
///         &self,
///         state: &mut NumberState,
///         line: String,
///         out: &mut impl NumberOut,
///     ) -> NodeResult {
///         let count = *state.count;
///         state.count.set(count + 1);
///         out.numbered((self.first + count, line));
///         Ok(())
///     }
/// }
///
/// let number = Number { first: 1 };
/// ```
///
/// Fields with one of these attributes are moved off the struct; the others are configuration. A
/// node without any is written `Number {}`. Derives go below `#[node]`.
///
/// - `#[input]`: records by value (`lines: String`) or lent (`lines: &String`). Options:
///   `key = |record| ..` gives the record's key or a reference to it, `broadcast` sends each
///   record to every worker, `optional` lets graphs leave it unconnected.
/// - `#[output]`, with the option `optional`.
/// - `#[state]`, saved in checkpoints, and `#[scratch]`, never saved. Both start as `Default`, or
///   as `init = expression` says, which may use `self`. A state field that had another name when
///   it was saved says so: `renamed_from = "tally"`. `ttl = "30m"` says after how long the keys of an
///   `Expiring<..>` are gone, and how far back a `Versioned<K, V>` can be asked.
///
/// It writes the traits `NumberHandlers` (to be implemented) and `NumberOut` (to be sent to), and
/// the structs `NumberState`, `NumberInputs` and `NumberOutputs`. Handlers have no `state`
/// parameter where there is neither state nor scratch. In a generic node all of them take the
/// struct's parameters, and the handlers' `impl` carries the struct's bounds; what every node
/// needs of its parameters (`Send`, `'static`) is understood. The struct itself goes without them
/// where its fields can, so that rustc tells of a type that breaks one once; if it must have them, as
/// with an `impl Drop`, write them as a `where` clause.
///
/// # Options
///
/// - `key = Type`: a node with keys; each of its inputs has a key or is broadcast.
/// - `async`: handlers are `async fn`, one record at a time.
/// - `async, concurrency = 8`: many records at once. The handlers are
///   `async fn call(&self, record) -> NodeResult<Self::Answer>` and `complete`, which takes the
///   answers: `ordered` as their records came (unless said otherwise), or `unordered`. Each call
///   may have a `timeout = "2s"`, is made again `retry = 3` times, and waits before that,
///   `backoff = "100ms..5s"`. With `breaker(failures = 5, within = "10s", open = "30s")` none is made
///   for so long after so many failures; then one is tried.
/// - `source`: no inputs; `async fn next` sends a bounded batch, `async fn wait` is ready when
///   there may be more.
/// - `sink`: no outputs. Its handlers have the parameter `out` too, for what it can do besides sending:
///   `out.time()`, timers.
/// - `promises`: the frontier behind the node is its own, made by `out.promise(time)`; `estimates`:
///   the same from a guess, so that records may come behind it, which are late; `settles`: nothing
///   that it sends is late. A node without any of them passes on the frontier of its inputs.
/// - `strict`: its inputs take no edge on which records may be late.
/// - `single`: what it sends is of all its records together, so that it does not start on several workers,
///   each of which would have a share of them.
/// - `commits`: what it makes visible waits for a checkpoint. It gets ready in `on_checkpoint`, which is
///   called before its state is saved, and commits in `on_complete`, which is called when the
///   checkpoint is complete, at the end of the run, and after a restore. The number that both are given counts
///   the barriers of this run, from 1: it is not the storage's, and the next run counts anew. So who prepares
///   something elsewhere names it by a count of its own, in its state, as `streamweave::io::PartFiles` does.
///   A source commits what it has taken in, to who keeps it until then: see
///   `streamweave::nodes::retained`; `commits = in_memory` where that is in the same process, and gone
///   with it.
/// - `source, rewindable`: it goes on from the position in its saved state, and gives again what came
///   behind that; `sink, idempotent`: what comes again changes nothing, `idempotent =
///   expression` where that depends on the node (`self`). All of it counts for `graph.guarantees()`.
/// - `source, splits = expression`: the ids of the parts that it reads, a `Vec<String>`, by which it is divided
///   under `#[workers(n)]`: `out.owns_split(id)` says which ones an instance reads. Its state is by these ids,
///   `Keyed<String, _>`, and goes with them to another number of workers.
/// - `enough = expression`: when it wants no more records, by its `state` and what it is (`self`). From then on it
///   never does, and where nobody else wants what comes to it either, what feeds it ends: sources, and inputs of the
///   graph. Otherwise they go on, and what still comes is handed to it as before: see `streamweave::nodes::take`.
/// - `dropped = "field"`: saved state of a field that it no longer has is dropped.
/// - `version = 2`: what its state means has changed since the first version, so that state saved by an
///   older one is refused; or, with `migrate = path`, made into its own by the function
///   `fn(old: &mut OldState<'_>, state: &mut NodeState) -> NodeResult`: see `streamweave::state::OldState`.
/// - `register = false` keeps it out of the catalogue; generic nodes are never in it.
/// - `crate = path`: where `streamweave` is, if it has another name.
///
/// # A function
///
/// ```
/// use streamweave::node;
///
/// #[node]
/// fn parse(line: &str) -> Result<u64, std::num::ParseIntError> {
///     line.parse()
/// }
///
/// let node = Parse;
/// ```
///
/// The function stays, and a node with its name is beside it. Its input is `input`, its outputs
/// `out` and, of a `Result`, `errors`; with `errors` unconnected an error fails its record. So an error
/// is what `?` takes in handlers: a type with `std::error::Error`, `String`, `&'static str` or
/// `Box<dyn Error + Send + Sync>`. An `async fn` is a node too, which takes one record at a time.
/// `Option`, `Vec` and `impl IntoIterator` send what is in them; `returns = one | option | many |
/// result` says what another type is.
#[proc_macro_attribute]
pub fn node(args: TokenStream, item: TokenStream) -> TokenStream {
    node::expand(args.into(), item.into()).into()
}

/// Implements `StableKey` (and `StableHash`) by the type's fields in order, for structs and enums.
///
/// ```
/// #[derive(Clone, PartialEq, Eq, streamweave::StableKey)]
/// struct Route {
///     from: String,
///     to: u32,
/// }
/// ```
///
/// An enum's variants count by their order of declaration. `#[stable_key(crate = path)]` names
/// the crate where it has another name.
#[proc_macro_derive(StableKey, attributes(stable_key))]
pub fn stable_key(item: TokenStream) -> TokenStream {
    stable_key::expand(item.into()).into()
}

/// Implements `HasEventTime` by the field that has `#[event_time]`: an `i64` of milliseconds since
/// the Unix epoch, a `LogicalTime`, or whatever converts into one and is `Copy`.
///
/// ```
/// #[derive(streamweave::HasEventTime)]
/// struct Click {
///     #[event_time]
///     at: i64,
///     page: String,
/// }
/// ```
#[proc_macro_derive(HasEventTime, attributes(event_time))]
pub fn has_event_time(item: TokenStream) -> TokenStream {
    event_time::expand(item.into()).into()
}

/// Behind `streamweave::graph!`, which hands over the path of its crate.
#[doc(hidden)]
#[proc_macro]
pub fn __graph(input: TokenStream) -> TokenStream {
    graph::graph(input.into()).into()
}
