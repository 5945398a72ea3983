//! The order in which several edges become one, where the run is deterministic.
//!
//! What comes in is stashed, at its position: its time, but not before what its own edge had
//! promised by then. It goes on once every edge has promised to be past that, ordered by
//! (position, edge, order on the edge); and every promise that any edge made becomes the frontier,
//! once all have promised as much. So neither depends on which edge was faster.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::engine::records::{Mark, Records};
use crate::time::{Inputs, LogicalTime, Promise, Stamp};

/// What decides the order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum MergeOrder {
    /// The times of the records.
    #[default]
    ByTime,
    /// One record of each edge in turn, by number: there is no frontier but the end.
    InTurn,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MergeNext {
    /// The first that is stashed for this edge, and what follows before that stamp.
    Records(usize, Option<Stamp>),
    /// The frontier.
    Frontier(Promise),
    /// Nothing, before more comes in.
    Nothing,
}

/// How far each edge has come.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Merge {
    order: MergeOrder,
    /// What each has promised.
    promised: Vec<Option<Promise>>,
    /// What any of them has promised and has not become the frontier yet.
    ahead: BTreeSet<Promise>,
    /// In turn: how many records each has brought.
    brought: Vec<i64>,
}

impl Merge {
    pub(crate) fn new(order: MergeOrder, edges: usize) -> Self {
        Merge {
            order,
            promised: vec![None; edges],
            ahead: BTreeSet::new(),
            brought: vec![0; edges],
        }
    }

    /// Whether it is one of so many edges.
    pub(crate) fn is_of(&self, edges: usize) -> bool {
        self.promised.len() == edges && self.brought.len() == edges
    }

    pub(crate) fn order(&self) -> MergeOrder {
        self.order
    }

    /// What its edges have promised, as the states of inputs.
    pub(crate) fn inputs(&self) -> Inputs {
        let mut inputs = Inputs::new(self.promised.len());
        for (edge, promised) in self.promised.iter().enumerate() {
            match promised {
                Some(Promise::ENDED) => _ = inputs.ends(edge),
                // What is taken in turn promises nothing but its end.
                Some(promise) if self.order == MergeOrder::ByTime => {
                    inputs.promises(edge, *promise)
                }
                _ => {}
            }
        }
        inputs
    }

    /// The position of the next record of this edge.
    pub(crate) fn position(&mut self, edge: usize, mark: Mark) -> Stamp {
        let promised = self.promised[edge].and_then(Promise::stamp);
        match self.order {
            MergeOrder::ByTime => mark.stamp().max(promised).unwrap_or(Stamp::UNTIMED),
            MergeOrder::InTurn => {
                let brought = &mut self.brought[edge];
                let at = LogicalTime(*brought).into();
                *brought += 1;
                self.promised[edge] = Some(Stamp::from(LogicalTime(*brought)).into());
                at
            }
        }
    }

    /// The edge promises that no later record is before this.
    pub(crate) fn promises(&mut self, edge: usize, promise: Promise) {
        let counts = self.order == MergeOrder::ByTime || promise == Promise::ENDED;
        // One that does not rise says nothing, whether or not the frontier has passed it already.
        if counts && self.promised[edge] < Some(promise) {
            self.promised[edge] = Some(promise);
            self.ahead.insert(promise);
        }
    }

    /// Whether all wait for this edge: only what it brings can make something due.
    pub(crate) fn waits_for(&self, edge: usize) -> bool {
        self.promised.iter().all(|promised| *promised >= self.promised[edge])
    }

    /// What comes next, where these are the positions of the first that are stashed for each edge.
    pub(crate) fn next(&mut self, first: &[Option<Stamp>]) -> MergeNext {
        let Some(reach) = self.promised.iter().copied().min().flatten() else {
            return MergeNext::Nothing;
        };
        let frontier = self.ahead.first().copied().filter(|next| *next <= reach);
        let firsts = first.iter().enumerate().filter_map(|(edge, at)| at.map(|at| (at, edge)));
        let least = firsts.clone().min();
        let is_due = |at: Stamp| frontier.unwrap_or(reach).is_past(at);
        if let Some((at, edge)) = least.filter(|(at, _)| is_due(*at)) {
            let others = firsts.filter(|(_, other)| *other != edge).map(|(at, _)| at).min();
            let until = [others, frontier.unwrap_or(reach).stamp()].into_iter().flatten().min();
            debug_assert!(until.is_none_or(|until| until >= at));
            return MergeNext::Records(edge, until);
        }
        match frontier {
            Some(next) => {
                self.ahead.remove(&next);
                MergeNext::Frontier(next)
            }
            None => MergeNext::Nothing,
        }
    }
}

/// Records of one edge that wait for their turn.
#[derive(Debug)]
pub(crate) struct Stash<T>(BTreeMap<Stamp, Vec<(Mark, T)>>);

impl<T> Default for Stash<T> {
    fn default() -> Self {
        Stash(BTreeMap::new())
    }
}

impl<T> Stash<T> {
    pub(crate) fn put(&mut self, at: Stamp, mark: Mark, record: T) {
        self.0.entry(at).or_default().push((mark, record));
    }

    /// The first position.
    pub(crate) fn first(&self) -> Option<Stamp> {
        self.0.first_key_value().map(|(at, _)| *at)
    }

    /// All that wait, in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Stamp, &Mark, &T)> {
        self.0
            .iter()
            .flat_map(|(at, waiting)| waiting.iter().map(|(mark, record)| (*at, mark, record)))
    }

    /// What stands first and carries the same, and what follows it at positions before `until`.
    pub(crate) fn take(&mut self, until: Option<Stamp>) -> Records<T> {
        let mut records = Records::default();
        while let Some(mut entry) = self.0.first_entry() {
            if !records.is_empty() && until.is_some_and(|until| *entry.key() >= until) {
                break;
            }
            let waiting = entry.get_mut();
            let Some((first, _)) = waiting.first() else {
                entry.remove();
                continue;
            };
            if records.is_empty() {
                records.prepare(first.carried, waiting.len());
            }
            let same = waiting.iter().take_while(|(mark, _)| mark.carried == records.carried());
            let same = same.count();
            for (mark, record) in waiting.drain(..same) {
                records.push(&mark, record);
            }
            if !waiting.is_empty() {
                break;
            }
            entry.remove();
        }
        records
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    fn at(time: i64) -> Stamp {
        LogicalTime(time).into()
    }

    /// What two edges bring, each in its order: records as times, promises as `Err`.
    type Brought = [Vec<Result<i64, i64>>; 2];

    /// What comes out when the edges bring things in the order that `pick` says.
    fn merged(
        order: MergeOrder,
        brought: &Brought,
        mut pick: impl FnMut() -> usize,
    ) -> Vec<Result<(usize, i64), Promise>> {
        let mut merge = Merge::new(order, 2);
        let mut stashes = [Stash::default(), Stash::default()];
        let mut next = [0, 0];
        let mut out = Vec::new();
        while next[0] <= brought[0].len() || next[1] <= brought[1].len() {
            let edge = pick();
            match brought[edge].get(next[edge]) {
                Some(Ok(time)) => {
                    let mark = Mark::at(at(*time));
                    let position = merge.position(edge, mark);
                    stashes[edge].put(position, mark, *time);
                }
                Some(Err(time)) => merge.promises(edge, at(*time).into()),
                None => merge.promises(edge, Promise::ENDED),
            }
            next[edge] += 1;
            loop {
                match merge.next(&[stashes[0].first(), stashes[1].first()]) {
                    MergeNext::Records(edge, until) => {
                        let records = stashes[edge].take(until);
                        assert!(!records.is_empty());
                        out.extend(records.items.into_iter().map(|time| Ok((edge, time))));
                    }
                    MergeNext::Frontier(promise) => out.push(Err(promise)),
                    MergeNext::Nothing => break,
                }
            }
        }
        out
    }

    fn alternately() -> impl FnMut() -> usize {
        let mut turn = 1;
        move || {
            turn = 1 - turn;
            turn
        }
    }

    #[test]
    fn by_time_then_edge_and_every_promise_becomes_the_frontier() {
        let brought = [vec![Ok(3), Ok(1), Err(4), Ok(4), Err(9)], vec![Ok(1), Err(2), Ok(5)]];
        let promise = |time| Err(Promise::from(at(time)));
        let expected = [
            Ok((0, 1)),
            Ok((1, 1)),
            promise(2),
            Ok((0, 3)),
            promise(4),
            Ok((0, 4)),
            Ok((1, 5)),
            promise(9),
            Err(Promise::ENDED),
        ];
        assert_eq!(merged(MergeOrder::ByTime, &brought, alternately()), expected);
    }

    #[test]
    fn in_turn_by_number() {
        let brought = [vec![Ok(7), Ok(1), Ok(9), Ok(2)], vec![Ok(5), Err(3), Ok(8)]];
        let expected: Vec<_> = [(0, 7), (1, 5), (0, 1), (1, 8), (0, 9), (0, 2)]
            .into_iter()
            .map(Ok)
            .chain([Err(Promise::ENDED)])
            .collect();
        assert_eq!(merged(MergeOrder::InTurn, &brought, alternately()), expected);
    }

    /// Late records and all: who is faster changes nothing.
    #[test]
    fn the_order_of_arrival_changes_nothing() {
        let mut seed = 7_u64;
        let mut random = move |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % below
        };
        for order in [MergeOrder::ByTime, MergeOrder::InTurn] {
            for _ in 0..200 {
                let mut edge = || -> Vec<Result<i64, i64>> {
                    (0..random(30))
                        .map(|_| match random(3) {
                            0 => Err(random(20) as i64),
                            _ => Ok(random(20) as i64),
                        })
                        .collect()
                };
                let brought = [edge(), edge()];
                let expected = merged(order, &brought, alternately());
                for _ in 0..5 {
                    let mut habit = random(10);
                    let faster = random(2) as usize;
                    let arrival = merged(order, &brought, || {
                        habit = habit.wrapping_add(random(3));
                        if habit % 7 < 4 { faster } else { random(2) as usize }
                    });
                    assert_eq!(arrival, expected);
                }
            }
        }
    }
}
