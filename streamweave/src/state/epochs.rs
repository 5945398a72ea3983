//! Stamps: one counter that tells both which unit and which epoch an entry was last changed in.
//!
//! The counter rises at every unit that changed something (while undo is on) and at every epoch;
//! where each epoch began is remembered here. So an entry carries one number, never wraps, and
//! "changed in this unit?" and "changed since epoch e?" are each one comparison.

use std::collections::VecDeque;

/// Epochs further back than this are not told apart: a snapshot since one of them is a full one.
const REMEMBERED: usize = 64;

#[derive(Debug, Clone)]
pub(super) struct Epochs {
    now: u64,
    /// (epoch, the first stamp in it), both rising.
    begun: VecDeque<(u32, u64)>,
    /// Changes at stamps from here on are known in full, removals included.
    known_from: u64,
}

impl Epochs {
    pub(super) fn new() -> Self {
        Self { now: 1, begun: VecDeque::new(), known_from: u64::MAX }
    }

    /// The stamp of a change made now.
    #[inline(always)]
    pub(super) fn now(&self) -> u64 {
        self.now
    }

    /// From here on, changes are told apart from those before.
    #[inline(always)]
    pub(super) fn advance(&mut self) {
        self.now += 1;
    }

    pub(super) fn begin_epoch(&mut self, epoch: u32) {
        self.advance();
        // Epochs only grow; after going back to a checkpoint the state is a new one anyway.
        while self.begun.back().is_some_and(|&(last, _)| last >= epoch) {
            self.begun.pop_back();
            self.known_from = u64::MAX;
        }
        if self.begun.is_empty() || self.known_from == u64::MAX {
            self.begun.clear();
            self.known_from = self.now;
        }
        self.begun.push_back((epoch, self.now));
        if self.begun.len() > REMEMBERED {
            self.forget_before(self.begun[1].0);
        }
    }

    /// The epoch in which a change with this stamp was made; 0 if before the first one known.
    pub(super) fn epoch_of(&self, stamp: u64) -> u32 {
        self.begun.iter().rev().find(|&&(_, start)| start <= stamp).map_or(0, |&(epoch, _)| epoch)
    }

    /// The first stamp of `epoch` or, if it has not begun, one later than now. `None` if changes
    /// since then are not known in full.
    pub(super) fn start_of(&self, epoch: u32) -> Option<u64> {
        let start = match self.begun.iter().find(|&&(begun, _)| begun >= epoch) {
            Some(&(begun, start)) => {
                let first = self.begun.front().is_some_and(|&(first, _)| first == begun);
                // An epoch before the first one known may have changes before its start.
                if first && begun != epoch {
                    return None;
                }
                start
            }
            None => self.now + 1,
        };
        (start >= self.known_from).then_some(start)
    }

    /// Removals are worth recording: some later snapshot may be of changes only.
    pub(super) fn recording(&self) -> bool {
        self.now >= self.known_from
    }

    /// Removals up to now were dropped.
    pub(super) fn lose_up_to_now(&mut self) {
        self.known_from = self.now + 1;
    }

    /// No snapshot since an epoch before this one will be asked for. The first stamp still of use.
    pub(super) fn forget_before(&mut self, epoch: u32) -> u64 {
        while self.begun.len() > 1 && self.begun[1].0 <= epoch {
            self.begun.pop_front();
        }
        let start = self.begun.front().map_or(0, |&(_, start)| start);
        if self.known_from != u64::MAX {
            self.known_from = self.known_from.max(start);
        }
        start
    }
}
