//! Questions to the state of nodes while their graph runs.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use crate::engine::{Probe, Question, panic_message};
use crate::graph::error::RunError;
use crate::graph::flow::base;
use crate::graph::planned::Planned;
use crate::node::Part;

/// The instances of a run's nodes, and the stages that they are in, with their numbers.
#[derive(Debug)]
pub(crate) struct Queries(Vec<(Arc<str>, usize, Arc<Probe>)>);

/// What one instance says, or why it says nothing.
pub(crate) type Reply<R> = oneshot::Receiver<Result<R, String>>;

/// What a node of a running graph answers, and what that rests on.
///
/// A run that fails may begin again from its last checkpoint. So an answer of a later attempt may be of less
/// than one of an earlier was, but not of less than its `durable` checkpoint, as long as that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answers<R> {
    /// In which attempt of the graph they were given: see [`Snapshot::attempt`](crate::graph::Snapshot::attempt).
    pub attempt: u64,
    /// The last checkpoint that was complete when the node was asked, of this attempt or the one that it was
    /// restored from: the answers are of what it holds, or of more. `None` where there was none.
    pub durable: Option<u64>,
    /// The answer of each instance, in the order of the workers.
    pub of_each: Vec<R>,
}

impl Queries {
    pub(crate) fn of(planned: &mut [Planned]) -> Self {
        let mut instances = Vec::new();
        for (number, stage) in planned.iter_mut().enumerate() {
            let probe = Arc::clone(&stage.probe);
            stage.part().visit(&mut |node| {
                instances.push((Arc::clone(node.path()), number, Arc::clone(&probe)));
            });
        }
        Queries(instances)
    }

    /// Asks each instance of `node`, in the order of the workers.
    pub(crate) fn ask<S: 'static, R: Send + 'static>(
        &self,
        node: &str,
        read: impl Fn(&S) -> R + Clone + Send + 'static,
    ) -> Result<Vec<Reply<R>>, String> {
        self.each(node, read, |_, probe, question| probe.ask(question))
    }

    /// Makes a question for each instance of `node`, and hands it on with its stage.
    fn each<S: 'static, R: Send + 'static>(
        &self,
        node: &str,
        read: impl Fn(&S) -> R + Clone + Send + 'static,
        mut hand: impl FnMut(usize, &Probe, Question),
    ) -> Result<Vec<Reply<R>>, String> {
        let asked = self.0.iter().filter(|(path, ..)| base(path) == node);
        let answers: Vec<_> = asked
            .map(|(path, stage, probe)| {
                let (answer, answers) = oneshot::channel();
                let (path, read) = (Arc::clone(path), read.clone());
                hand(
                    *stage,
                    probe,
                    Box::new(move |root| {
                        if let Some(said) = said(root, &path, read) {
                            // Who asked may have gone.
                            let _ = answer.send(said);
                        }
                    }),
                );
                answers
            })
            .collect();
        if answers.is_empty() {
            return Err("there is no such node".to_owned());
        }
        Ok(answers)
    }
}

/// Questions to nodes of a running graph that are answered as of one cut through it: see
/// [`Running::query_cut`](crate::graph::Running::query_cut).
#[derive(Default)]
pub struct CutQuery(Vec<Ask>);

/// Makes the questions to one node of a graph of this name.
type Ask = Box<dyn FnOnce(&str, &Queries, Standing, &mut ByStage) -> Result<(), RunError> + Send>;

/// In which attempt a graph is, and its last complete checkpoint.
pub(crate) type Standing = (u64, Option<u64>);

/// Questions, by the number of their stage.
type ByStage = Vec<Vec<Question>>;

impl fmt::Debug for CutQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CutQuery({} nodes)", self.0.len())
    }
}

impl CutQuery {
    /// Asks nothing yet.
    pub fn new() -> Self {
        CutQuery::default()
    }

    /// Asks what `read` makes of the state of the node at this path, of each of its instances in the order
    /// of its workers.
    pub fn ask<S: 'static, R: Send + 'static>(
        &mut self,
        node: &str,
        read: impl Fn(&S) -> R + Clone + Send + 'static,
    ) -> Asked<R> {
        let (tell, answers) = oneshot::channel();
        let node = node.to_owned();
        let asked = Asked { node: node.clone(), answers };
        self.0.push(Box::new(move |graph, queries, standing, by_stage| {
            let all = queries
                .each(&node, read, |stage, _, question| {
                    by_stage.resize_with(by_stage.len().max(stage + 1), Vec::new);
                    by_stage[stage].push(question);
                })
                .map_err(|reason| RunError::query(graph, &node, reason))?;
            let _ = tell.send((graph.to_owned(), standing, all));
            Ok(())
        }));
        asked
    }

    pub(crate) fn questions(
        self,
        queries: &Queries,
        graph: &str,
        standing: Standing,
    ) -> Result<ByStage, RunError> {
        let mut by_stage = ByStage::new();
        for ask in self.0 {
            ask(graph, queries, standing, &mut by_stage)?;
        }
        Ok(by_stage)
    }
}

/// What a node was asked, until the [query](CutQuery) that it is part of has been answered.
#[derive(Debug)]
pub struct Asked<R> {
    node: String,
    answers: oneshot::Receiver<(String, Standing, Vec<Reply<R>>)>,
}

impl<R> Asked<R> {
    /// The answers of each instance.
    ///
    /// # Errors
    /// [`RunError::Query`] when the state is another type, an instance of the node has ended, `read` panicked, or
    /// the query was not answered.
    pub fn answers(mut self) -> Result<Answers<R>, RunError> {
        let refused =
            |graph: &str, reason: &str| RunError::query(graph, &self.node, reason.to_owned());
        let Ok((graph, (attempt, durable), answers)) = self.answers.try_recv() else {
            return Err(refused("?", "the query was not answered"));
        };
        let one = |mut answer: Reply<R>| {
            let silent = |error| match error {
                TryRecvError::Empty => refused(&graph, "the cut did not get through"),
                TryRecvError::Closed => refused(&graph, "it has ended"),
            };
            let said = answer.try_recv().map_err(silent)?;
            said.map_err(|reason| refused(&graph, &reason))
        };
        let of_each = answers.into_iter().map(one).collect::<Result<_, _>>()?;
        Ok(Answers { attempt, durable, of_each })
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
