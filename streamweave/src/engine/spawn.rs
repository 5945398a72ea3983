//! Tasks that a node spawned: a panic or an error in one is the node's failure.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::task::{Context as Task, Poll};

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::broken::{Broken, broken};
use crate::engine::cx::{Cause, Failure};
use crate::node::{NodeError, NodeResult};

/// What every task of a run holds, so that it is known when none is left.
#[derive(Clone, Debug, Default)]
pub(crate) struct Alive {
    _held: Option<watch::Sender<()>>,
}

impl Alive {
    /// With what is closed when the last clone is gone.
    pub(crate) fn new() -> (Self, watch::Receiver<()>) {
        let (alive, gone) = watch::channel(());
        (Alive { _held: Some(alive) }, gone)
    }
}

/// The tasks that the nodes of one stage have spawned and that have not ended.
#[derive(Default)]
pub(crate) struct Spawned {
    pub(crate) alive: Alive,
    tasks: JoinSet<NodeResult>,
    owners: Vec<(tokio::task::Id, Arc<str>)>,
}

impl fmt::Debug for Spawned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawned").field("tasks", &self.owners.len()).finish()
    }
}

impl Spawned {
    pub(crate) fn spawn(
        &mut self,
        owner: Arc<str>,
        task: impl Future<Output = NodeResult> + Send + 'static,
    ) -> NodeResult {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| {
            NodeError::new("a node can spawn tasks only when the graph runs on a tokio runtime")
        })?;
        let alive = self.alive.clone();
        let task = async move {
            let _alive = alive;
            task.await
        };
        #[allow(clippy::disallowed_methods, reason = "the engine is what spawns")]
        let id = self.tasks.spawn_on(task, &runtime).id();
        self.owners.push((id, owner));
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    /// Ends all of them: the node starts anew.
    pub(crate) fn abort(&mut self) {
        self.tasks.abort_all();
        self.owners.clear();
    }

    /// The next failure of a task; pending while none has failed (also when there are none).
    #[inline]
    pub(crate) fn poll_failure(&mut self, task: &mut Task<'_>) -> Poll<Arc<Failure>> {
        if self.owners.is_empty() { Poll::Pending } else { self.poll_tasks(task) }
    }

    fn poll_tasks(&mut self, task: &mut Task<'_>) -> Poll<Arc<Failure>> {
        while let Poll::Ready(Some(ended)) = self.tasks.poll_join_next_with_id(task) {
            let (id, cause) = match ended {
                Ok((id, Ok(()))) => (id, None),
                Ok((id, Err(error))) => (id, Some(Cause::Error(error))),
                Err(error) => {
                    let id = error.id();
                    match error.try_into_panic() {
                        Ok(_) if broken(Broken::SwallowedTaskPanic) => (id, None),
                        Ok(panic) => (id, Some(Cause::Panic(panic_message(&*panic)))),
                        Err(_) => (id, None),
                    }
                }
            };
            let Some(at) = self.owners.iter().position(|owner| owner.0 == id) else { continue };
            let (_, node) = self.owners.swap_remove(at);
            if let Some(cause) = cause {
                let input = "spawned task";
                return Poll::Ready(Arc::new(Failure::new(node, input, 0, cause)));
            }
        }
        Poll::Pending
    }
}

/// The text of a panic, where it has one.
pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}
