//! Marks: one byte for each entry that tells in which epoch it was last changed.
//!
//! An epoch's mark is one more than that of the epoch before. When the byte is used up, the epochs
//! still remembered are given the lowest marks again, and every mark held anywhere is replaced:
//! one pass over the marks in some hundred epochs.

use std::collections::VecDeque;

/// Epochs further back than this are not told apart: a snapshot since one of them is a full one.
const REMEMBERED: usize = 64;

/// What to replace each mark by.
pub(super) type Renumbering = [u8; 256];

#[derive(Debug, Clone)]
pub(super) struct Epochs {
    /// The mark of a change made now.
    now: u8,
    /// (epoch, its mark), both rising.
    begun: VecDeque<(u32, u8)>,
    /// Changes with marks from here on are known in full, removals included. Above 256 if none.
    known_from: u16,
}

impl Epochs {
    pub(super) fn new() -> Self {
        Self { now: 0, begun: VecDeque::new(), known_from: u16::MAX }
    }

    /// The mark of a change made now.
    #[inline(always)]
    pub(super) fn now(&self) -> u8 {
        self.now
    }

    /// A new epoch. Where marks are renumbered for it, that is to be done to all.
    pub(super) fn begin_epoch(&mut self, epoch: u32) -> Option<Renumbering> {
        // Epochs only grow; after going back to a checkpoint the state is a new one anyway.
        while self.begun.back().is_some_and(|&(last, _)| last >= epoch) {
            self.begun.pop_back();
            self.known_from = u16::MAX;
        }
        if self.known_from == u16::MAX {
            self.begun.clear();
        }
        let renumbering = (self.now == u8::MAX).then(|| self.renumber());
        self.now += 1;
        if self.begun.is_empty() {
            self.known_from = u16::from(self.now);
        }
        self.begun.push_back((epoch, self.now));
        if self.begun.len() > REMEMBERED {
            self.forget_before(self.begun[1].0);
        }
        renumbering
    }

    /// Gives the epochs remembered the marks from 1 on.
    fn renumber(&mut self) -> Renumbering {
        let last = self.now;
        let mut renumbering = [0; 256];
        self.now = 0;
        for (number, (_, mark)) in (1..).zip(&mut self.begun) {
            renumbering[usize::from(*mark)..].fill(number);
            *mark = number;
            self.now = number;
        }
        self.known_from = match self.known_from {
            u16::MAX => u16::MAX,
            from if from > u16::from(last) => u16::from(self.now) + 1,
            from => u16::from(renumbering[usize::from(from)]),
        };
        renumbering
    }

    /// The epoch in which a change with this mark was made; 0 if before the first one known.
    pub(super) fn epoch_of(&self, mark: u8) -> u32 {
        self.begun.iter().rev().find(|&&(_, start)| start <= mark).map_or(0, |&(epoch, _)| epoch)
    }

    /// The first mark of `epoch` or, if it has not begun, one later than now. `None` if changes
    /// since then are not known in full.
    pub(super) fn start_of(&self, epoch: u32) -> Option<u16> {
        let start = match self.begun.iter().find(|&&(begun, _)| begun >= epoch) {
            Some(&(begun, start)) => {
                let first = self.begun.front().is_some_and(|&(first, _)| first == begun);
                // An epoch before the first one known may have changes before its start.
                if first && begun != epoch {
                    return None;
                }
                u16::from(start)
            }
            None => u16::from(self.now) + 1,
        };
        (start >= self.known_from).then_some(start)
    }

    /// Removals are worth recording: some later snapshot may be of changes only.
    pub(super) fn recording(&self) -> bool {
        u16::from(self.now) >= self.known_from
    }

    /// Removals up to now were dropped.
    pub(super) fn lose_up_to_now(&mut self) {
        self.known_from = u16::from(self.now) + 1;
    }

    /// No snapshot since an epoch before this one will be asked for. The first mark still of use.
    pub(super) fn forget_before(&mut self, epoch: u32) -> u8 {
        while self.begun.len() > 1 && self.begun[1].0 <= epoch {
            self.begun.pop_front();
        }
        let start = self.begun.front().map_or(0, |&(_, start)| start);
        if self.known_from != u16::MAX {
            self.known_from = self.known_from.max(u16::from(start));
        }
        start
    }
}
