//! What is done about a failure, decided: a state machine that knows the tree of units and when
//! they restarted, and no more.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::broken::{Broken, broken};
use crate::graph::GraphSpec;
use crate::supervision::restarts::{Restarts, wait};
use crate::supervision::{
    FailureAction, OnFailure, RestartSpec, RestartedState, Strategy, SupervisionPolicy,
};

/// What becomes of a record whose unit failed, where the graph does not stop for it.
pub(crate) type Treatment = OnFailure;

/// The supervisors of a run: nodes and groups with policies, as a tree by their paths.
#[derive(Debug)]
pub(crate) struct Supervisor {
    units: Vec<Unit>,
    /// The nodes that head the stages, without the numbers of workers.
    stages: Vec<Arc<str>>,
    /// From node to node: feedback is left out.
    edges: Vec<(String, String)>,
}

#[derive(Debug)]
struct Unit {
    path: Arc<str>,
    /// Of a group.
    strategy: Option<Strategy>,
    policy: SupervisionPolicy,
    restarts: Restarts,
}

/// What is to be done about a failure.
#[derive(Debug, PartialEq)]
pub(crate) struct Decision {
    pub(crate) treatment: Treatment,
    /// Whose policy decided.
    pub(crate) by: Option<Arc<str>>,
    /// The stages that restart, by number.
    pub(crate) restarts: Vec<usize>,
    pub(crate) wait: Duration,
    pub(crate) state: RestartedState,
    /// Which restarts were used up, from the inside out; the last is why the graph stops, where it does.
    pub(crate) gave_up: Vec<String>,
}

impl Decision {
    fn stop() -> Self {
        Decision { treatment: OnFailure::Stop, ..Decision::of(OnFailure::Stop, None) }
    }

    fn of(treatment: Treatment, by: Option<Arc<str>>) -> Self {
        let (restarts, wait, gave_up) = (Vec::new(), Duration::ZERO, Vec::new());
        Decision { treatment, by, restarts, wait, state: RestartedState::Kept, gave_up }
    }
}

/// A unit that has failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failed<'a> {
    /// The stage's number.
    pub(crate) stage: usize,
    /// The node, without the number of its worker.
    pub(crate) node: &'a str,
    /// It was a record's or a timer's: it can be left out.
    pub(crate) is_of_data: bool,
    /// A handler returned an error; otherwise something panicked.
    pub(crate) is_error: bool,
    /// How often its record had been tried again before.
    pub(crate) tries: u32,
    /// It is to restart because of another's failure, and has not begun to: this one comes of the same.
    pub(crate) is_told: bool,
}

impl Supervisor {
    pub(crate) fn new(spec: &GraphSpec, stages: Vec<Arc<str>>) -> Self {
        let nodes = spec.nodes.iter().map(|node| (&node.path, None, &node.policy));
        let groups = spec.groups.iter().map(|group| (&group.path, group.strategy, &group.policy));
        let mut units: Vec<Unit> = groups
            .chain(nodes)
            .map(|(path, strategy, policy)| Unit {
                path: path.as_str().into(),
                strategy,
                policy: policy.clone(),
                restarts: Restarts::default(),
            })
            .collect();
        // Inner ones first: who looks for a unit's supervisors finds them in this order.
        units.sort_by_key(|unit| std::cmp::Reverse(unit.path.len()));
        let edges = spec.edges.iter().filter(|edge| !edge.feedback);
        let edges = edges.map(|edge| (place(&edge.from), place(&edge.to))).collect();
        Supervisor { units, stages, edges }
    }

    /// What becomes of a record whose unit fails in this node.
    pub(crate) fn treatment(&self, node: &str) -> Treatment {
        let said = self.says(node).and_then(|unit| self.units[unit].policy.on_failure);
        said.unwrap_or_else(|| {
            let supervised = self.around(node).any(|unit| self.units[unit].restart().is_some());
            if supervised { OnFailure::Retry } else { OnFailure::Stop }
        })
    }

    /// Whether failed records of this node must be kept.
    pub(crate) fn keeps(&self, node: &str) -> bool {
        matches!(self.treatment(node), OnFailure::Retry | OnFailure::DeadLetter)
            || self.says(node).is_some_and(|unit| self.units[unit].policy.retry > 0)
    }

    /// The innermost unit that says what becomes of records whose unit fails in this node.
    fn says(&self, node: &str) -> Option<usize> {
        self.around(node).find(|unit| self.units[*unit].policy.on_failure.is_some())
    }

    /// The unit at this path and those around it, from the inside out.
    fn around<'a>(&'a self, path: &'a str) -> impl Iterator<Item = usize> + 'a {
        (0..self.units.len()).filter(|unit| is_within(path, &self.units[*unit].path))
    }

    /// A unit has failed, at `now` in milliseconds.
    pub(crate) fn failed(&mut self, failed: Failed<'_>, now: i64) -> Decision {
        let said = self.treatment(failed.node);
        let treatment = match said {
            OnFailure::Skip | OnFailure::DeadLetter if !failed.is_of_data => OnFailure::Retry,
            said => said,
        };
        if treatment == OnFailure::Stop {
            return Decision::stop();
        }
        let around: Vec<usize> = self.around(failed.node).collect();
        // Who says at the record itself that it is to be left out means each of them.
        let own = around.iter().find(|unit| *self.units[**unit].path == *failed.node);
        let own = own.map(|unit| &self.units[*unit].policy);
        // An error that leaves the record out restarts nothing that would count.
        let each = own.is_some_and(|own| {
            own.on_failure.is_some() && (own.restart.is_none() || failed.is_error)
        });
        let mut supervisors: Vec<usize> =
            around.iter().copied().filter(|unit| self.units[*unit].restart().is_some()).collect();
        let restarts = |stage| if failed.is_error { Vec::new() } else { vec![stage] };
        if treatment != OnFailure::Retry {
            let says = self.says(failed.node).map(|unit| &self.units[unit]);
            let by = says.map(|unit| Arc::clone(&unit.path));
            if let Some(Unit { policy, path, .. }) =
                says.filter(|unit| failed.tries < unit.policy.retry)
            {
                let wait = wait(policy.backoff, path, failed.tries as usize);
                let restarts = restarts(failed.stage);
                return Decision { restarts, wait, ..Decision::of(OnFailure::Retry, by) };
            }
            if each || supervisors.is_empty() {
                return Decision {
                    restarts: restarts(failed.stage),
                    ..Decision::of(treatment, by)
                };
            }
        }
        if supervisors.is_empty() {
            // It is to be tried again, and nothing says how often.
            supervisors.extend(around.first());
        }
        if failed.is_told {
            let by = supervisors.first().map(|unit| Arc::clone(&self.units[*unit].path));
            return Decision::of(treatment, by);
        }
        let (mut child, mut all) = (failed.node.to_owned(), false);
        let mut gave_up = Vec::new();
        for unit in supervisors {
            let path = Arc::clone(&self.units[unit].path);
            let spec = self.units[unit].restart().unwrap_or_default();
            let Some(wait) = self.units[unit].restarts.again(&spec, &path, now) else {
                let within = spec.within.map(|within| format!(" within {within:?}"));
                gave_up.push(format!(
                    "the restarts of `{path}` are used up: {}{}",
                    spec.max,
                    within.unwrap_or_default()
                ));
                if spec.then == FailureAction::Stop {
                    break;
                }
                all |= spec.then == FailureAction::RestartGroup;
                child = (*path).to_owned();
                continue;
            };
            let is_alone = *path == *failed.node;
            let goes_on = is_alone && failed.is_error && treatment != OnFailure::Retry;
            // What restarts, by its path.
            let places: Vec<String> = match self.units[unit].strategy {
                _ if is_alone => Vec::new(),
                Some(Strategy::OneForAll) => vec![path.to_string()],
                _ if all => vec![path.to_string()],
                Some(Strategy::RestForOne) => {
                    let behind = self.downstream(member(&child, &path), &path);
                    behind.into_iter().map(str::to_owned).collect()
                }
                _ => vec![child.clone()],
            };
            let is_meant = |path: &str| places.iter().any(|place| is_within(path, place));
            let restarts = match &*places {
                _ if goes_on => Vec::new(),
                [] => vec![failed.stage],
                // A member that is a node fails with the stage of the worker it runs on.
                [node] if *node == failed.node => vec![failed.stage],
                _ => {
                    let mut restarts = self.within(is_meant);
                    // A stage of a nested graph may be headed by something else.
                    if !restarts.contains(&failed.stage) {
                        restarts.push(failed.stage);
                    }
                    restarts
                }
            };
            // A supervisor that is restarted itself has restarted nothing yet.
            if !broken(Broken::CountsOutliveRestart) {
                let inner = self.units.iter_mut();
                let inner = inner.filter(|unit| unit.path != path && is_meant(&unit.path));
                inner.for_each(|unit| unit.restarts = Restarts::default());
            }
            return Decision {
                restarts,
                wait,
                state: spec.state,
                gave_up,
                ..Decision::of(treatment, Some(path))
            };
        }
        Decision { gave_up, ..Decision::stop() }
    }

    fn within(&self, is_meant: impl Fn(&str) -> bool) -> Vec<usize> {
        let stages = self.stages.iter().enumerate();
        stages.filter(|(_, node)| is_meant(node)).map(|(stage, _)| stage).collect()
    }

    /// What records reach from `child` on without leaving `group`, itself included.
    fn downstream<'a>(&'a self, child: &'a str, group: &str) -> BTreeSet<&'a str> {
        let mut reached = BTreeSet::from([child]);
        loop {
            let before = reached.len();
            for (from, to) in &self.edges {
                let from_here = reached.iter().any(|place| is_within(from, place));
                if from_here && is_within(to, group) && **to != *group {
                    reached.insert(to);
                }
            }
            if reached.len() == before {
                return reached;
            }
        }
    }
}

impl Unit {
    /// How often it may restart what is in it; a strategy alone says as often as OTP does.
    fn restart(&self) -> Option<RestartSpec> {
        let by_strategy = || self.strategy.map(|_| RestartSpec::default());
        self.policy.restart.clone().or_else(by_strategy)
    }
}

/// Whether `path` is that of `unit`, or of something in it.
pub(crate) fn is_within(path: &str, unit: &str) -> bool {
    let rest = path.strip_prefix(unit);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The member of `group` that `path` is, or is in.
fn member<'a>(path: &'a str, group: &str) -> &'a str {
    let inside = path.get(group.len() + 1..).unwrap_or_default();
    match inside.find('/') {
        Some(slash) => &path[..group.len() + 1 + slash],
        None => path,
    }
}

/// The node at one end of an edge; of a nested graph's own port, the graph.
fn place(end: &str) -> String {
    let node = end.rsplit_once('.').map_or(end, |(node, _)| node);
    node.strip_suffix("/graph").unwrap_or(node).to_owned()
}
