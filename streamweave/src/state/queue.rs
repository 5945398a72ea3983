//! Which keys are to be looked at when.

use std::collections::BTreeMap;

/// Keys, by the time when they are due. What has been written since it was put in is due later, and what was
/// removed is still there: whoever takes it out knows better.
pub(super) struct Queue<K> {
    due: BTreeMap<i64, Vec<K>>,
    len: usize,
    /// Taken out in this unit.
    taken: Vec<(i64, K)>,
}

impl<K> Default for Queue<K> {
    fn default() -> Self {
        Queue { due: BTreeMap::new(), len: 0, taken: Vec::new() }
    }
}

impl<K: Clone> Queue<K> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn push(&mut self, due: i64, key: K) {
        self.len += 1;
        self.due.entry(due).or_default().push(key);
    }

    /// Takes one out that is due by then, to be put back unless the unit stands.
    pub(super) fn pop(&mut self, by: i64, undo: bool) -> Option<(i64, K)> {
        let mut first = self.due.first_entry().filter(|first| *first.key() <= by)?;
        let due = *first.key();
        let key = first.get_mut().pop();
        if first.get().is_empty() {
            first.remove();
        }
        let key = key?;
        self.len -= 1;
        if undo {
            self.taken.push((due, key.clone()));
        }
        Some((due, key))
    }

    /// What was taken out stays out.
    pub(super) fn begin(&mut self) {
        self.taken.clear();
    }

    pub(super) fn rollback(&mut self) {
        for (due, key) in std::mem::take(&mut self.taken) {
            self.push(due, key);
        }
    }
}
