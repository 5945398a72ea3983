//! Questions to the state of nodes while their graph runs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::engine::{Probe, panic_message};
use crate::graph::flow::base;
use crate::graph::planned::Planned;
use crate::node::Part;

/// The instances of a run's nodes, and the stages that they are in.
#[derive(Debug)]
pub(crate) struct Queries(Vec<(Arc<str>, Arc<Probe>)>);

/// What one instance says, or why it says nothing.
pub(crate) type Answer<R> = oneshot::Receiver<Result<R, String>>;

impl Queries {
    pub(crate) fn of(planned: &mut [Planned]) -> Self {
        let mut instances = Vec::new();
        for stage in planned {
            let probe = Arc::clone(&stage.probe);
            stage.part().visit(&mut |node| {
                instances.push((Arc::clone(node.path()), Arc::clone(&probe)));
            });
        }
        Queries(instances)
    }

    /// Asks each instance of `node`, in the order of the workers.
    pub(crate) fn ask<S: 'static, R: Send + 'static>(
        &self,
        node: &str,
        read: impl Fn(&S) -> R + Clone + Send + 'static,
    ) -> Result<Vec<Answer<R>>, String> {
        let asked = self.0.iter().filter(|(path, _)| base(path) == node);
        let answers: Vec<_> = asked
            .map(|(path, probe)| {
                let (answer, answers) = oneshot::channel();
                let (path, read) = (Arc::clone(path), read.clone());
                probe.ask(Box::new(move |root| {
                    if let Some(said) = said(root, &path, read) {
                        // Who asked may have gone.
                        let _ = answer.send(said);
                    }
                }));
                answers
            })
            .collect();
        if answers.is_empty() {
            return Err("there is no such node".to_owned());
        }
        Ok(answers)
    }
}

/// What `read` makes of the state of the instance at `path`.
fn said<S: 'static, R>(
    root: &mut dyn Part,
    path: &str,
    read: impl Fn(&S) -> R,
) -> Option<Result<R, String>> {
    let mut said = None;
    root.visit(&mut |node| {
        if **node.path() == *path {
            said = Some(match node.state().downcast_ref::<S>() {
                // The stage is not to end with the question.
                Some(state) => catch_unwind(AssertUnwindSafe(|| read(state)))
                    .map_err(|panic| format!("the question panicked: {}", panic_message(&*panic))),
                None => Err(format!("its state is no `{}`", std::any::type_name::<S>())),
            });
        }
    });
    said
}
