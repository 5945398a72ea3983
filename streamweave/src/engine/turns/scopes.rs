//! Which stages and channels make up a scope: found from the channels themselves, so that nested
//! graphs and regions of workers need no word about it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::turns::Mailbox;
use crate::engine::turns::cut::Scope;

/// A channel's number within its graph.
pub(crate) type ChannelId = u64;

/// The channels at both ends of a stage.
#[derive(Debug, Default)]
pub(crate) struct Wiring {
    pub(crate) inlets: Vec<ChannelId>,
    pub(crate) outlets: Vec<ChannelId>,
}

/// Gives the cuts of each scope their coordinator. For each stage: by which of its inlets turns
/// come in.
///
/// `cuts` are the mailboxes of the feedback edges with the channels that they send to.
pub(crate) fn assemble(
    stages: &[Wiring],
    cuts: &[(Arc<Mailbox>, Vec<ChannelId>)],
) -> Vec<Vec<bool>> {
    let mut target = BTreeMap::new();
    let mut origin = BTreeMap::new();
    for (stage, wiring) in stages.iter().enumerate() {
        target.extend(wiring.inlets.iter().map(|channel| (*channel, stage)));
        origin.extend(wiring.outlets.iter().map(|channel| (*channel, stage)));
    }
    let next = |stage: usize| {
        stages[stage].outlets.iter().filter_map(|channel| target.get(channel).copied())
    };
    let reached: Vec<Vec<bool>> = (0..stages.len())
        .map(|start| {
            let mut reached = vec![false; stages.len()];
            // Of others than those that cuts lead to nobody asks.
            let asked = cuts.iter().flat_map(|(_, channels)| channels);
            if asked.filter_map(|channel| target.get(channel)).any(|stage| *stage == start) {
                let mut todo = vec![start];
                while let Some(stage) = todo.pop() {
                    if !std::mem::replace(&mut reached[stage], true) {
                        todo.extend(next(stage));
                    }
                }
            }
            reached
        })
        .collect();
    // The cuts of one scope are those whose sources can be reached from each other's targets.
    let mut scopes: Vec<(usize, Vec<usize>)> = Vec::new();
    for (number, (_, channels)) in cuts.iter().enumerate() {
        let ends = channels
            .iter()
            .find_map(|channel| Some((*origin.get(channel)?, *target.get(channel)?)));
        let Some((from, to)) = ends else { continue };
        let same =
            |scope: &&mut (usize, Vec<usize>)| reached[to][scope.0] && reached[scope.0][from];
        match scopes.iter_mut().find(same) {
            Some(scope) => scope.1.push(number),
            None => scopes.push((to, vec![number])),
        }
    }
    let mut turns: Vec<Vec<bool>> =
        stages.iter().map(|wiring| vec![false; wiring.inlets.len()]).collect();
    for (first, numbers) in scopes {
        let back = |stage: usize| {
            numbers.iter().any(|number| {
                let channels = &cuts[*number].1;
                let targets = channels.iter().filter_map(|channel| target.get(channel));
                targets.into_iter().any(|target| leads(stages, stage, *target, &next))
            })
        };
        let member: Vec<bool> =
            (0..stages.len()).map(|stage| reached[first][stage] && back(stage)).collect();
        for (stage, wiring) in stages.iter().enumerate().filter(|(stage, _)| member[*stage]) {
            for (inlet, channel) in wiring.inlets.iter().enumerate() {
                turns[stage][inlet] |= origin.get(channel).is_some_and(|from| member[*from]);
            }
        }
        Scope::begin(numbers.iter().map(|number| Arc::clone(&cuts[*number].0)).collect());
    }
    turns
}

/// Whether one stage leads to another.
fn leads<I: Iterator<Item = usize>>(
    stages: &[Wiring],
    from: usize,
    to: usize,
    next: &impl Fn(usize) -> I,
) -> bool {
    let mut seen = vec![false; stages.len()];
    let mut todo = vec![from];
    while let Some(stage) = todo.pop() {
        if stage == to {
            return true;
        }
        if !std::mem::replace(&mut seen[stage], true) {
            todo.extend(next(stage));
        }
    }
    false
}
