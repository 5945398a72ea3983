//! What holds of the records of a graph when it is restored from a checkpoint.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::broken::{Broken, broken};
use crate::graph::flow::{NodeTiming, base, from_place, to_place};
use crate::graph::spec::GraphSpec;
use crate::node::{Descriptor, Node};
use crate::supervision::{RestartedState, SupervisionPolicy, is_within};

/// What is known of a record that a graph takes in, whatever happens to the process: see
/// [`Graph::guarantees`](crate::graph::Graph::guarantees).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Guarantee {
    /// It may be lost, and what came of it may be seen again.
    Nothing,
    /// It may be lost, and what came of it is not seen again.
    AtMostOnce,
    /// It is not lost, and what came of it may be seen again.
    AtLeastOnce,
    /// What came of it is seen once.
    ExactlyOnce,
}

impl Guarantee {
    fn of(is_lost: bool, is_repeated: bool) -> Self {
        match (is_lost, is_repeated) {
            (true, true) => Guarantee::Nothing,
            (true, false) => Guarantee::AtMostOnce,
            (false, true) => Guarantee::AtLeastOnce,
            (false, false) => Guarantee::ExactlyOnce,
        }
    }

    /// Whether a loss, and a repetition, is against it.
    fn excludes(self) -> (bool, bool) {
        match self {
            Guarantee::Nothing => (false, false),
            Guarantee::AtMostOnce => (false, true),
            Guarantee::AtLeastOnce => (true, false),
            Guarantee::ExactlyOnce => (true, true),
        }
    }
}

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Guarantee::Nothing => "without any guarantee",
            Guarantee::AtMostOnce => "at most once",
            Guarantee::AtLeastOnce => "at least once",
            Guarantee::ExactlyOnce => "exactly once",
        })
    }
}

/// Whether what came in can be had again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Replay {
    /// From the position that is saved: `#[node(source, rewindable)]`.
    Rewindable,
    /// From who sends, who keeps it until a complete checkpoint holds it: `#[node(source, commits)]`.
    Retained,
    /// From who sends, who keeps it in the memory of this process until then
    /// (`#[node(source, commits = in_memory)]`, [`retained`](crate::nodes::retained)): a graph that fails
    /// and begins again in the process loses nothing, and with the process what was kept is gone.
    Remembered,
    /// No: what was taken in since the last checkpoint is lost with the process. The graph's own
    /// inputs are so, unless who sends keeps count of it.
    Volatile,
}

impl Replay {
    /// Whether it is lost with the process.
    fn is_lost(self) -> bool {
        matches!(self, Replay::Remembered | Replay::Volatile)
    }
}

/// When what goes out is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// When a checkpoint that holds it is complete: `#[node(commits)]`.
    Transactional,
    /// As it comes, and what comes again changes nothing: `#[node(sink, idempotent)]`. That is exact
    /// where what is before it makes the same of the same records again.
    Idempotent,
    /// As it comes: after a restart some may come again.
    Visible,
    /// When the graph's own output is read. What has reached it and has not been read is in no
    /// checkpoint; what has been read may come again.
    Handed,
}

/// What holds on the ways from one of a graph's ends to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathGuarantee {
    /// The source's path, or the input: `graph.orders`.
    pub from: String,
    /// Whether it can be had again.
    pub replay: Replay,
    /// The sink's path, or the output: `graph.breaches`.
    pub to: String,
    /// When it is seen.
    pub delivery: Delivery,
    /// A node on the way, both ends included, that a policy restarts
    /// [without its state](RestartedState::Fresh): what was in it is lost. A source loses its position,
    /// and gives again what it has given.
    pub fresh: Option<String>,
}

impl PathGuarantee {
    /// What holds, also when the process is killed.
    pub fn guarantee(&self) -> Guarantee {
        let is_handed = self.delivery == Delivery::Handed;
        Guarantee::of(self.replay.is_lost() || is_handed || self.fresh.is_some(), self.repeats())
    }

    fn repeats(&self) -> bool {
        matches!(self.delivery, Delivery::Visible | Delivery::Handed) || self.rewinds()
    }

    /// Whether the source itself begins anew.
    fn rewinds(&self) -> bool {
        self.fresh.as_ref() == Some(&self.from)
    }
}

impl fmt::Display for PathGuarantee {
    /// `orders -> audit: exactly once (rewindable, transactional)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PathGuarantee { from, replay, to, delivery, fresh } = self;
        let how = format!("{replay:?}, {delivery:?}").to_lowercase();
        write!(f, "{from} -> {to}: {} ({how}", self.guarantee())?;
        fresh.iter().try_for_each(|node| write!(f, ", `{node}` restarts without its state"))?;
        f.write_str(")")
    }
}

/// A node that records come from, or end at.
#[derive(Clone, Debug)]
pub(crate) enum End {
    Source(Replay),
    Sink(Delivery),
}

impl End {
    /// What a node is, if it is an end.
    pub(crate) fn of<N: Node>(node: &N) -> Option<Self> {
        let Descriptor { inputs, outputs, .. } = N::descriptor();
        match (inputs.is_empty(), outputs.is_empty()) {
            (true, _) if N::REWINDABLE => Some(End::Source(Replay::Rewindable)),
            (true, _) if N::COMMITS && N::IN_MEMORY => Some(End::Source(Replay::Remembered)),
            (true, _) if N::COMMITS => Some(End::Source(Replay::Retained)),
            (true, _) => Some(End::Source(Replay::Volatile)),
            (_, true) if N::COMMITS => Some(End::Sink(Delivery::Transactional)),
            (_, true) if node.is_idempotent() => Some(End::Sink(Delivery::Idempotent)),
            (_, true) => Some(End::Sink(Delivery::Visible)),
            _ => None,
        }
    }
}

/// What is asked of a graph when it starts.
#[derive(Debug, Default)]
pub(crate) struct Required {
    pub(crate) guarantee: Option<Guarantee>,
    pub(crate) losses: BTreeSet<String>,
    pub(crate) duplicates: BTreeSet<String>,
}

impl Required {
    /// Why a run of these paths cannot begin again from a checkpoint in the same process, if so.
    pub(crate) fn refuses_restart(&self, paths: &[PathGuarantee]) -> Option<String> {
        let refuses = |path: &PathGuarantee| {
            let PathGuarantee { from, to, .. } = path;
            let advice = if path.replay == Replay::Volatile && !self.losses.contains(from) {
                format!(
                    "what `{from}` has given cannot be had again: use a source that can be rewound, or one of \
                     `retained`, or say `allow_loss(\"{from}\")`"
                )
            } else if path.repeats() && !self.duplicates.contains(to) {
                format!(
                    "what `{to}` has been given since then it is given once more: use a sink that commits with \
                     checkpoints or one that is idempotent, or say `allow_duplicates(\"{to}\")`"
                )
            } else {
                return None;
            };
            Some(format!("it is to begin again from a checkpoint when it fails, and {advice}"))
        };
        paths.iter().find_map(refuses)
    }

    /// Why one of these paths does not do, if so.
    pub(crate) fn refuses(&self, paths: &[PathGuarantee]) -> Option<String> {
        let required = self.guarantee?;
        let (no_loss, no_repetition) = required.excludes();
        let refuses = |path: &PathGuarantee| {
            let PathGuarantee { from, to, fresh, .. } = path;
            let begins_fresh = |allowed: &str| match fresh {
                Some(node) => format!(
                    "`{node}` restarts without its state: let it keep it (`state = \"kept\"`), or say \
                     `{allowed}`"
                ),
                None => String::new(),
            };
            let advice = if no_loss && path.replay.is_lost() && !self.losses.contains(from) {
                let gone = match path.replay {
                    Replay::Remembered => "is kept in memory, and gone with the process",
                    _ => "cannot be had again",
                };
                format!(
                    "what `{from}` has given {gone}: use a source that can be rewound, \
                     or say `allow_loss(\"{from}\")`"
                )
            } else if no_loss && path.delivery == Delivery::Handed && !self.losses.contains(to) {
                format!(
                    "what has reached `{to}` and has not been read is in no checkpoint: let a sink \
                     take it, or say `allow_loss(\"{to}\")`"
                )
            } else if no_loss
                && let Some(node) = fresh
                && !self.losses.contains(node)
            {
                begins_fresh(&format!("allow_loss(\"{node}\")"))
            } else if no_repetition && path.rewinds() && !self.duplicates.contains(to) {
                begins_fresh(&format!("allow_duplicates(\"{to}\")"))
            } else if no_repetition && path.repeats() && !self.duplicates.contains(to) {
                format!(
                    "what reaches `{to}` is seen before a checkpoint holds it: use a sink that commits \
                     with checkpoints or one that is idempotent, or say `allow_duplicates(\"{to}\")`"
                )
            } else {
                return None;
            };
            let holds = path.guarantee();
            Some(format!(
                "records go from `{from}` to `{to}` {holds}, and {required} is asked for: {advice}"
            ))
        };
        paths.iter().find_map(refuses)
    }
}

/// Whether all that a run of these paths does can be done again: nothing that was given has to be there
/// for it, and what comes again changes nothing.
pub(crate) fn is_repeatable(paths: &[PathGuarantee]) -> bool {
    let repeatable = |path: &PathGuarantee| {
        (path.replay, path.delivery) == (Replay::Rewindable, Delivery::Idempotent)
    };
    !paths.is_empty() && paths.iter().all(repeatable)
}

/// What holds between each two ends of a graph.
pub(crate) fn paths(
    spec: &GraphSpec,
    nodes: &[NodeTiming],
    ends: &[(Arc<str>, End)],
) -> Vec<PathGuarantee> {
    let nodes: BTreeMap<&str, &NodeTiming> =
        nodes.iter().map(|node| (base(&node.path), node)).collect();
    let ends: BTreeMap<&str, &End> = ends.iter().map(|(path, end)| (base(path), end)).collect();
    let mut next: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for edge in &spec.edges {
        let to = to_place(&edge.to, &nodes);
        next.entry(from_place(&edge.from, &nodes)).or_default().push(to);
    }
    let fresh: Vec<&str> = nodes.keys().copied().filter(|node| begins_fresh(spec, node)).collect();
    let reached_from = |start: &str| {
        let (mut reached, mut todo) = (BTreeSet::new(), vec![start.to_owned()]);
        while let Some(place) = todo.pop() {
            if reached.insert(place.clone()) {
                todo.extend(next.get(&place).into_iter().flatten().cloned());
            }
        }
        reached
    };
    let behind_fresh: Vec<_> = fresh.iter().map(|node| (*node, reached_from(node))).collect();
    let mut paths = Vec::new();
    for start in next.keys() {
        let (from, replay) = match (ends.get(start.as_str()), start.strip_prefix("input graph.")) {
            (Some(End::Source(replay)), _) => (start.clone(), *replay),
            (_, Some(input)) => (format!("graph.{input}"), Replay::Volatile),
            _ => continue,
        };
        let reached = reached_from(start);
        for place in &reached {
            let delivery = match ends.get(place.as_str()) {
                Some(End::Sink(delivery)) => *delivery,
                None if place.starts_with("graph.") => Delivery::Handed,
                _ => continue,
            };
            // Of several the source is worst.
            let mut on_the_way = behind_fresh
                .iter()
                .filter(|(node, behind)| reached.contains(*node) && behind.contains(place));
            let worst = on_the_way.clone().find(|(node, _)| node == start);
            let fresh = worst.or_else(|| on_the_way.next()).map(|(node, _)| (*node).to_owned());
            let (from, to) = (from.clone(), place.clone());
            paths.push(PathGuarantee { from, replay, to, delivery, fresh });
        }
    }
    paths
}

/// Whether a policy restarts the node without its state: its own, or one of what is around it.
fn begins_fresh(spec: &GraphSpec, node: &str) -> bool {
    let is_fresh = |policy: &SupervisionPolicy| {
        let restart = policy.restart.as_ref();
        restart.is_some_and(|restart| restart.state == RestartedState::Fresh)
            && !broken(Broken::FreshLooksKept)
    };
    let of_nodes = spec.nodes.iter().map(|node| (&node.path, &node.policy));
    let of_groups = spec.groups.iter().map(|group| (&group.path, &group.policy));
    of_nodes.chain(of_groups).any(|(path, policy)| is_within(node, path) && is_fresh(policy))
}
