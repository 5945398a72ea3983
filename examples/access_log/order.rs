//! Putting blocks back in the order of the input, which workers do not keep.

use std::collections::BTreeMap;

/// What has become of one block.
#[derive(Clone, Debug)]
pub(crate) struct Numbered<T> {
    /// How many blocks there were before it, in all inputs.
    pub(crate) number: u64,
    pub(crate) records: Vec<T>,
}

/// The blocks that came before their turn. They are no state: when a cut has come, so have all blocks
/// before it.
#[derive(Debug)]
pub(crate) struct InOrder<T>(BTreeMap<u64, Vec<T>>);

impl<T> Default for InOrder<T> {
    fn default() -> Self {
        InOrder(BTreeMap::new())
    }
}

impl<T> InOrder<T> {
    /// Takes a block; the records whose turn it is. `next` is the number of the block that is waited
    /// for.
    pub(crate) fn take(&mut self, block: Numbered<T>, next: &mut u64) -> impl Iterator<Item = T> {
        self.0.insert(block.number, block.records);
        std::iter::from_fn(|| {
            let records = self.0.remove(next)?;
            *next += 1;
            Some(records)
        })
        .flatten()
    }
}
