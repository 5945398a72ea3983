//! What lies on what: when changes are put onto the last checkpoint, and which ones are kept.

use std::collections::BTreeSet;

use crate::broken::{Broken, broken};
use crate::checkpoint::manifest::Link;
use crate::graph::{CutId, Snapshot};

/// So many checkpoints of changes lie on one of everything, at most: each is read at a restore.
const LONGEST: usize = 32;

/// The last complete checkpoint of this process, with all that it lies on.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    /// The run that it is of.
    run: Option<u64>,
    /// Its cut, if changes since that are known to somebody.
    cut: Option<CutId>,
    /// From the one of everything to the last.
    pub(super) links: Vec<Link>,
    /// The bytes of the one of everything, and of the changes on it.
    base: u64,
    changes: u64,
}

impl Chain {
    /// A checkpoint is complete: alone, or on `below`.
    pub(super) fn with(below: Option<Chain>, snapshot: &Snapshot, link: Link) -> Self {
        let (run, cut, bytes) = (snapshot.descent.run, snapshot.cut(), snapshot.bytes());
        match below {
            None => Chain { run, cut, links: vec![link], base: bytes, changes: 0 },
            Some(mut chain) => {
                chain.links.push(link);
                Chain { cut, changes: chain.changes + bytes, ..chain }
            }
        }
    }

    /// The cut since which changes are enough: until they outweigh what they lie on, as then a
    /// restore reads no more than twice the state, and what is written is at most doubled.
    pub(super) fn takes_changes_since(&self) -> Option<CutId> {
        self.cut.filter(|_| self.links.len() <= LONGEST && self.changes <= self.base)
    }

    /// Its id, where it is of the same run as this snapshot.
    pub(super) fn parent_of(&self, snapshot: &Snapshot) -> Option<u64> {
        let same = self.run.is_some() && self.run == snapshot.descent.run;
        self.links.last().filter(|_| same).map(|link| link.id)
    }

    /// Changes since this cut may lie here.
    pub(super) fn is_of(&self, cut: CutId) -> bool {
        self.cut == Some(cut)
    }
}

/// Of all checkpoints, each with what it lies on and the oldest first, those that are not kept: the
/// newest first, as what lies on others goes before them.
///
/// Kept are the last `retained`; more, until two of them need nothing in common; and whatever one of
/// these lies on.
pub(super) fn not_kept(all: &[(u64, Vec<u64>)], retained: usize) -> Vec<u64> {
    let wholes = all.iter().enumerate().filter(|(_, (_, on))| on.is_empty());
    let second = wholes.rev().nth(retained.min(2) - 1).map_or(0, |(at, _)| at);
    let kept = &all[second.min(all.len().saturating_sub(retained))..];
    let named = kept.iter().flat_map(|(_, on)| on);
    let mut ids: BTreeSet<u64> =
        named.copied().filter(|_| !broken(Broken::BaseIsRemoved)).collect();
    ids.extend(kept.iter().map(|(id, _)| *id));
    all.iter().rev().map(|(id, _)| *id).filter(|id| !ids.contains(id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `*` is a checkpoint of everything, `+` one of changes on the one before it.
    fn kept(chain: &str, retained: usize) -> String {
        let mut all: Vec<(u64, Vec<u64>)> = Vec::new();
        for (id, kind) in (0..).zip(chain.chars()) {
            let below = all.last().filter(|_| kind == '+');
            let on = below.map(|(id, on)| [on.as_slice(), &[*id]].concat());
            all.push((id, on.unwrap_or_default()));
        }
        let gone = not_kept(&all, retained);
        assert!(gone.is_sorted_by(|a, b| a > b), "{gone:?}");
        let is_kept = |id: usize| !gone.contains(&(id as u64));
        chain.char_indices().map(|(id, kind)| if is_kept(id) { kind } else { '.' }).collect()
    }

    #[test]
    fn what_is_kept_spans_two_of_everything_and_all_that_is_needed() {
        assert_eq!(kept("", 3), "");
        assert_eq!(kept("*", 3), "*");
        assert_eq!(kept("*****", 3), "..***");
        assert_eq!(kept("*****", 1), "....*");
        assert_eq!(kept("*****", 2), "...**");
        assert_eq!(kept("*++++", 3), "*++++");
        assert_eq!(kept("*++*++++", 3), "*++*++++");
        assert_eq!(kept("*++*++++*", 3), "...*++++*");
        assert_eq!(kept("*++*++++*+++", 3), "...*++++*+++");
        // One is enough for who asks for one.
        assert_eq!(kept("*++*++++", 1), "...*++++");
        assert_eq!(kept("*++*++++*", 1), "........*");
        assert_eq!(kept("*+++++**", 3), "*+++++**");
        assert_eq!(kept("*+++++***", 3), "......***");
        assert_eq!(kept("**++", 9), "**++");
    }
}
