//! Putting blocks back in the order of the input, which workers do not keep.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What has become of one block.
#[derive(Clone, Debug)]
pub(crate) struct Numbered<T> {
    /// How many blocks there were before it, in all inputs.
    pub(crate) number: u64,
    pub(crate) records: Vec<T>,
}

/// Which block is the next, and those that came before their turn.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct InOrder<T> {
    next: u64,
    early: BTreeMap<u64, Vec<T>>,
}

impl<T> Default for InOrder<T> {
    fn default() -> Self {
        InOrder { next: 0, early: BTreeMap::new() }
    }
}

impl<T> InOrder<T> {
    /// Takes a block; the records whose turn it is.
    pub(crate) fn take(&mut self, block: Numbered<T>) -> impl Iterator<Item = T> {
        self.early.insert(block.number, block.records);
        std::iter::from_fn(|| {
            let records = self.early.remove(&self.next)?;
            self.next += 1;
            Some(records)
        })
        .flatten()
    }
}
