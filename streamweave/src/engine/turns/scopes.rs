//! Which stages and channels make up a scope: found from the channels themselves, so that nested
//! graphs and regions of workers need no word about it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::engine::turns::{Mailbox, Scope};

/// A channel's number within its graph.
pub(crate) type ChannelId = u64;

/// The channels at both ends of a stage.
#[derive(Debug, Default)]
pub(crate) struct Wiring {
    pub(crate) inlets: Vec<ChannelId>,
    pub(crate) outlets: Vec<ChannelId>,
}

/// A feedback edge.
#[derive(Debug)]
pub(crate) struct FeedbackEdge {
    /// What it leads to.
    pub(crate) path: Arc<str>,
    /// The graph that it is an edge of: what the paths of its nodes begin with.
    pub(crate) graph: String,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) channels: Vec<ChannelId>,
    /// How many loops of that graph are around the one that it closes.
    pub(crate) depth: usize,
}

/// Out of which loops an edge leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaves {
    /// Of all.
    All,
    /// Out of the inner loop at this place, into the outer one.
    Inner(u32),
}

/// What a stage has to know of the loops that it is part of, or that lead to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Looped {
    /// By which of its inlets turns come in.
    pub(crate) turns: Vec<bool>,
    /// What comes in by each of its inlets has left these loops.
    pub(crate) exits: Vec<Option<Leaves>>,
    /// The place of the inner loop that it is part of.
    place: Option<u32>,
    /// The coordinator of those that it is part of.
    pub(crate) scope: Option<Arc<Scope>>,
    /// Where its outlets stay: in the loop, and in the inner one.
    stays: Arc<BTreeMap<ChannelId, Option<u32>>>,
}

impl Looped {
    /// Out of which loops an edge of a stage that is in one leads whose other end sends to these channels.
    pub(crate) fn leaves(&self, channels: &[ChannelId]) -> Option<Leaves> {
        let mut places = channels.iter().filter_map(|channel| self.stays.get(channel)).peekable();
        if places.peek().is_none() {
            return Some(Leaves::All);
        }
        let place = self.place.filter(|_| places.all(|place| *place != self.place));
        place.map(Leaves::Inner)
    }
}

/// So many inner loops share the count of rounds of one outer loop.
const PLACES: usize = 255;

/// Gives the cuts of each scope their coordinator, and says what each stage has to know; or why these loops
/// do not run.
pub(crate) fn assemble(stages: &[Wiring], cuts: &[FeedbackEdge]) -> Result<Vec<Looped>, String> {
    let ends = Ends::of(stages);
    let outer = ends.components(stages, &BTreeSet::new());
    let mut scopes = BTreeMap::<usize, Vec<&FeedbackEdge>>::new();
    for cut in cuts {
        let mut known = cut.channels.iter().filter_map(|channel| ends.get(*channel)).peekable();
        if known.peek().is_none() {
            continue;
        }
        let scope = known.find(|(from, to)| outer[*from] == outer[*to]);
        let Some((scope, _)) = scope else { return Err(closes_nothing(cut)) };
        scopes.entry(outer[scope]).or_default().push(cut);
    }
    let outermost: BTreeSet<ChannelId> = scopes
        .values()
        .flat_map(|cuts| cuts.iter().filter(|cut| depth(cut, cuts) == 0))
        .flat_map(|cut| cut.channels.iter().copied())
        .collect();
    let inner = ends.components(stages, &outermost);
    let (mut places, mut begun) = (BTreeMap::new(), BTreeMap::new());
    for (number, cuts) in scopes {
        let (places_of, scope) = begin(&cuts, &ends, &inner)?;
        places.extend(places_of);
        begun.insert(number, scope);
    }
    let place = |stage: usize| places.get(&inner[stage]).copied();
    let stays: BTreeMap<_, _> = ends
        .known()
        .filter(|(_, (from, to))| outer[*from] == outer[*to])
        .map(|(channel, (from, to))| (channel, place(from).filter(|_| inner[from] == inner[to])))
        .collect();
    let loops: BTreeSet<usize> =
        stays.keys().filter_map(|channel| Some(outer[ends.get(*channel)?.0])).collect();
    let stays = Arc::new(stays);
    let exit = |channel: &ChannelId| {
        let (from, to) = ends.get(*channel)?;
        if outer[from] != outer[to] {
            return loops.contains(&outer[from]).then_some(Leaves::All);
        }
        let left = inner[from] != inner[to] && !outermost.contains(channel);
        place(from).filter(|_| left).map(Leaves::Inner)
    };
    let looped = stages.iter().enumerate().map(|(stage, wiring)| Looped {
        turns: wiring.inlets.iter().map(|channel| stays.contains_key(channel)).collect(),
        exits: wiring.inlets.iter().map(exit).collect(),
        place: place(stage),
        scope: begun.get(&outer[stage]).cloned(),
        stays: Arc::clone(&stays),
    });
    Ok(looped.collect())
}

/// How many loops are around the one that `cut` closes, one of the `cuts` of its scope: those of a nested
/// graph are inside those of the graph around it.
fn depth(cut: &FeedbackEdge, cuts: &[&FeedbackEdge]) -> usize {
    let inside = cuts.iter().any(|other| other.graph.len() < cut.graph.len());
    cut.depth + usize::from(inside)
}

/// Begins the scope of these cuts; the places of its inner loops, in the order in which they lead to each
/// other, are told with it.
fn begin(
    cuts: &[&FeedbackEdge],
    ends: &Ends,
    inner: &[usize],
) -> Result<(BTreeMap<usize, u32>, Arc<Scope>), String> {
    let mut graphs = BTreeMap::<usize, &FeedbackEdge>::new();
    for cut in cuts.iter().filter(|cut| depth(cut, cuts) > 0) {
        let mut known = cut.channels.iter().filter_map(|channel| ends.get(*channel));
        let Some((from, _)) = known.find(|(from, to)| inner[*from] == inner[*to]) else { continue };
        let other = *graphs.entry(inner[from]).or_insert(cut);
        let deepest = if other.graph.len() < cut.graph.len() { cut } else { other };
        if depth(cut, cuts) > 1 || other.graph != cut.graph {
            return Err(too_deep(deepest));
        }
    }
    if graphs.len() > PLACES {
        return Err(format!(
            "the loop around `{}` has {} loops inside, and the rounds of more than {PLACES} cannot be \
             told apart",
            cuts[0].path,
            graphs.len()
        ));
    }
    let places: BTreeMap<_, _> = graphs.into_keys().zip(0..).collect();
    let crossings = cuts.iter().map(|cut| {
        let known = cut.channels.iter().find_map(|channel| ends.get(*channel));
        let place = known.and_then(|(from, _)| places.get(&inner[from]).copied());
        let depth = depth(cut, cuts);
        (Arc::clone(&cut.mailbox), (depth, place.filter(|_| depth > 0).unwrap_or(0)))
    });
    let scope = Scope::begin(crossings.collect());
    Ok((places, scope))
}

fn closes_nothing(cut: &FeedbackEdge) -> String {
    format!(
        "the feedback edge to `{}` closes no loop: what comes in there does not lead back to where the \
         edge begins, as no way leads through a graph on it: write it without `feedback`, or, where that \
         makes a cycle through the graph, divide that into one for each of its ways",
        cut.path
    )
}

fn too_deep(cut: &FeedbackEdge) -> String {
    format!(
        "the feedback edge to `{}` closes a loop inside two others, of the graphs around it, and loops \
         nest two deep: put the innermost one into a node of its own",
        cut.path
    )
}

/// The stages at both ends of each channel.
struct Ends {
    target: BTreeMap<ChannelId, usize>,
    origin: BTreeMap<ChannelId, usize>,
}

impl Ends {
    fn of(stages: &[Wiring]) -> Self {
        let mut ends = Ends { target: BTreeMap::new(), origin: BTreeMap::new() };
        for (stage, wiring) in stages.iter().enumerate() {
            ends.target.extend(wiring.inlets.iter().map(|channel| (*channel, stage)));
            ends.origin.extend(wiring.outlets.iter().map(|channel| (*channel, stage)));
        }
        ends
    }

    /// From which stage the channel leads to which.
    fn get(&self, channel: ChannelId) -> Option<(usize, usize)> {
        Some((*self.origin.get(&channel)?, *self.target.get(&channel)?))
    }

    fn known(&self) -> impl Iterator<Item = (ChannelId, (usize, usize))> {
        self.origin.keys().filter_map(|channel| Some((*channel, self.get(*channel)?)))
    }

    /// For each stage the number of its strongly connected component, where the channels that are
    /// `left_out` are not there: components come behind those that lead to them.
    fn components(&self, stages: &[Wiring], left_out: &BTreeSet<ChannelId>) -> Vec<usize> {
        let mut edges = [vec![Vec::new(); stages.len()], vec![Vec::new(); stages.len()]];
        for (_, (from, to)) in self.known().filter(|(channel, _)| !left_out.contains(channel)) {
            edges[0][from].push(to);
            edges[1][to].push(from);
        }
        let [forward, back] = edges;
        // By Kosaraju: the stages in the order in which a search along the channels is done with them, then,
        // from the last, what leads to each.
        let mut done = Vec::new();
        let mut seen = vec![false; stages.len()];
        for start in 0..stages.len() {
            search(start, &forward, &mut seen, &mut |stage| done.push(stage));
        }
        let mut components = vec![0; stages.len()];
        let mut seen = vec![false; stages.len()];
        for (number, start) in done.into_iter().rev().enumerate() {
            search(start, &back, &mut seen, &mut |stage| components[stage] = number);
        }
        components
    }
}

/// Goes to all that has not been seen, depth first; `done` with each behind all that it leads to.
fn search(start: usize, edges: &[Vec<usize>], seen: &mut [bool], done: &mut dyn FnMut(usize)) {
    if std::mem::replace(&mut seen[start], true) {
        return;
    }
    let mut path = vec![(start, 0)];
    while let Some((stage, next)) = path.last_mut() {
        let stage = *stage;
        match edges[stage].get(*next) {
            Some(&to) => {
                *next += 1;
                if !std::mem::replace(&mut seen[to], true) {
                    path.push((to, 0));
                }
            }
            None => {
                done(stage);
                path.pop();
            }
        }
    }
}
