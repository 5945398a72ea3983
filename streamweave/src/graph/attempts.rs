//! Runs that begin again from the last checkpoint when they fail.

use std::error::Error;
use std::time::Duration;

use tokio::time::Instant;

use crate::broken::{Broken, broken};
use crate::checkpoint::{CheckpointError, CheckpointStorage};
use crate::graph::error::RunError;
use crate::graph::graph::Graph;
use crate::graph::run::Running;
use crate::supervision::{RestartSpec, Restarts};

type BoxError = Box<dyn Error + Send + Sync>;

/// Runs a graph, and where it fails runs it again from the last checkpoint in `storage`: as a graph
/// that `make` makes anew, after the wait, and as often, as `restart` says. What `attend` gives is
/// what this gives, unless it is an error that comes with a failure of the graph.
///
/// It is what stands above the outermost supervisor: a failure comes here that no policy of the graph
/// deals with, or that is beyond their attempts. Everything goes back to the last checkpoint, all
/// states and sources together, while a policy takes back one record. What was in the state since then
/// is made again from what the sources give again. So sources must be able to do that (`rewindable`, or
/// fed by who keeps what it sends until then: [`retained`](crate::nodes::retained)), and it is an error where one is not, or where
/// the graph has inputs of its own, unless [`Graph::allow_loss`] says that this may be lost. What sinks
/// have been given since then they are given again: that does no harm where they wait for a complete checkpoint
/// (`#[node(commits)]`) or are idempotent, and is an error for others, and the graph's outputs, unless
/// [`Graph::allow_duplicates`] says that they may.
///
/// `attend` gets each run. It takes its checkpoints, reads its outputs and waits for its end, and has to
/// come to its own when the run fails: outputs end then, and whatever else waits for the run gives an
/// error. What it gives of a run that has failed is dropped. The next attempt begins when no task of the last
/// is left, those that nodes have [spawned](crate::node::Context::spawn) included, so nothing of it can come
/// in between; a run that [hangs](Graph::set_watchdog), or of which something is left after a minute, is not
/// tried again. Nor is one whose storage another run has taken over ([`CheckpointError::Fenced`]). A restart
/// that does not come about, as the storage cannot be read just then or `make` gives an error, counts as one
/// that failed, and is tried again.
///
/// What `restart` says of the state has no meaning here. Beyond its restarts the error of the last
/// attempt is given back, whatever it says is `then` to happen, but for
/// [`FailureAction::Restart`](crate::supervision::FailureAction::Restart).
///
/// ```
/// use std::time::Duration;
/// use streamweave::checkpoint::{
///     CheckpointStorage, FileCheckpointStorage, restart_from_checkpoint,
/// };
/// use streamweave::nodes::from_iter;
/// use streamweave::prelude::*;
/// use streamweave::supervision::RestartSpec;
///
/// /// Adds up, and fails once, as what depends on another system does. It changes nothing but its state.
/// #[node(idempotent)]
/// struct Sum {
///     #[input] numbers: u64,
///     #[state] sum: Value<u64>,
///     fails: Option<u64>,
/// }
///
/// impl SumHandlers for Sum {
///     fn on_numbers(&self, state: &mut SumState, n: u64, _: &mut impl SumOut) -> NodeResult {
///         if self.fails == Some(n) {
///             return Err(NodeError::new("no connection"));
///         }
///         *state.sum.get_mut() += n;
///         Ok(())
///     }
/// }
///
/// # let folder = std::env::temp_dir().join(format!("streamweave-again-{}", std::process::id()));
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn run(folder: &std::path::Path) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let storage = FileCheckpointStorage::open(folder)?;
/// let restart = RestartSpec { max: 3, ..RestartSpec::default() };
/// let mut fails = Some(50_000);
/// let make = || {
///     let fails = fails.take();
///     Ok(graph! {
///         numbers: from_iter(0..100_000_u64),
///         sum: Sum { fails },
///         numbers.out => sum.numbers,
///     })
/// };
/// let summary = restart_from_checkpoint(&storage, &restart, make, async |run| {
///     run.checkpoint_every(storage.clone(), Duration::from_millis(10), Duration::from_secs(10))?;
///     Ok(run.drain_into(&storage).await?)
/// })
/// .await?;
/// // The second attempt restored what the first had counted.
/// let checkpoint = storage.latest()?.ok_or("there is one")?;
/// assert_eq!(*checkpoint.snapshot(), summary.state);
/// assert_eq!(fails, None);
/// # Ok(())
/// # }
/// # run(&folder)?;
/// # std::fs::remove_dir_all(folder)?;
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
///
/// # Errors
/// What `attend` gives; what `make` gives, when the last checkpoint cannot be read, or does not fit the
/// graph, or the graph does not start: at once if it has never run, and otherwise beyond the restarts.
pub async fn restart_from_checkpoint<S, I, O, T>(
    storage: &S,
    restart: &RestartSpec,
    mut make: impl FnMut() -> Result<Graph<I, O>, BoxError>,
    mut attend: impl AsyncFnMut(Running<I, O>) -> Result<T, BoxError>,
) -> Result<T, BoxError>
where
    S: CheckpointStorage + Clone + 'static,
{
    #[allow(clippy::disallowed_methods, reason = "between two attempts no run has a clock")]
    let begun = Instant::now();
    let now = || i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX);
    let mut restarts = Restarts::default();
    // Of the graph, once it has run.
    let mut named = None;
    let mut attempt = 0;
    loop {
        let (name, run) = match begin(storage, &mut make, &mut attempt).await {
            Ok(begun) => begun,
            Err(error) => {
                // A restart that fails is one all the same; what never ran is not tried again.
                let is_final =
                    CheckpointError::is_fenced(&*error) || broken(Broken::FailedRestartIsFinal);
                let name = named.as_ref().filter(|_| !is_final);
                let again = name.and_then(|name: &String| restarts.again(restart, name, now()));
                let Some(wait) = again else {
                    name.inspect(|name| gives_up(name, restart));
                    return Err(error);
                };
                tracing::warn!(graph = named, ?wait, "the graph could not begin again: {error}");
                sleep(wait).await;
                continue;
            }
        };
        let mut life = run.life();
        let error = match attend(run).await {
            Ok(done) if !life.has_failed() || broken(Broken::FailedLooksDone) => return Ok(done),
            // What it has is of a run that came to nothing.
            Ok(_) => RunError::Aborted { graph: name.clone() }.into(),
            Err(error) => error,
        };
        let is_over = life.is_over().await;
        let Some(failure) = life.failure() else { return Err(error) };
        // What is in the storage now may be another run's.
        let is_final = !is_over || CheckpointError::is_fenced(&*failure);
        let again = if is_final { None } else { restarts.again(restart, &name, now()) };
        let Some(wait) = again else {
            if !is_final {
                gives_up(&name, restart);
            }
            return Err(match error.downcast_ref() {
                Some(RunError::Aborted { graph }) => {
                    RunError::Failed { graph: graph.clone(), failure }.into()
                }
                _ => error,
            });
        };
        tracing::warn!(
            graph = name,
            node = &*failure.node,
            ?wait,
            "the graph has failed, and begins again from its last checkpoint: {failure}"
        );
        named = Some(name);
        sleep(wait).await;
    }
}

/// A run of the graph from the last checkpoint, and the graph's name. It is one attempt more.
async fn begin<S, I, O>(
    storage: &S,
    make: &mut impl FnMut() -> Result<Graph<I, O>, BoxError>,
    attempt: &mut u64,
) -> Result<(String, Running<I, O>), BoxError>
where
    S: CheckpointStorage + Clone + 'static,
{
    let mut graph = make()?;
    let name = graph.name().to_owned();
    graph.check_restart()?;
    let from = storage.clone();
    #[allow(clippy::disallowed_methods, reason = "the engine is what spawns")]
    let latest = tokio::task::spawn_blocking(move || from.latest()).await;
    if let Some(checkpoint) = latest?? {
        graph.restore(checkpoint.snapshot())?;
    }
    *attempt = graph.carried.descent.attempt.max(*attempt + 1);
    graph.carried.descent.attempt = *attempt;
    // What has failed begins again with all the rest.
    graph.severable.clear();
    Ok((name, graph.start()?))
}

fn gives_up(graph: &str, restart: &RestartSpec) {
    let RestartSpec { max, within, .. } = restart;
    tracing::warn!(graph, max, ?within, "the restarts from the last checkpoint are used up");
}

async fn sleep(wait: Duration) {
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
}
