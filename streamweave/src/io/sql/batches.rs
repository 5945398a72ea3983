//! What the transactional sinks into databases share: records by batch, between two checkpoints each.
//!
//! Each batch is written in one transaction once its checkpoint is complete, together with its
//! number: so that the database tells, after a crash, whether that had been done.

use crate::nodes::Storable;
use crate::state::{KeyedList, Value};

/// Batches that wait for their checkpoint: the checkpoint, the batch.
pub(crate) type Ready = Value<Vec<(u64, u64)>>;

/// A checkpoint is about to be taken: what came since the last one is a batch.
pub(crate) fn close<T: Storable>(
    batches: &KeyedList<u64, T>,
    open: &mut Value<u64>,
    ready: &mut Ready,
    checkpoint: u64,
) {
    let number = **open;
    if batches.get(&number).is_some_and(|batch| !batch.is_empty()) {
        ready.get_mut().push((checkpoint, number));
        open.set(number + 1);
    }
}

/// The batches that this checkpoint and those before it hold.
pub(crate) fn due(ready: &Ready, checkpoint: u64) -> Vec<u64> {
    let due = ready.iter().take_while(|(covered, _)| *covered <= checkpoint);
    due.map(|(_, number)| *number).collect()
}

/// The first `written` batches are in the database.
pub(crate) fn forget<T: Storable>(
    batches: &mut KeyedList<u64, T>,
    ready: &mut Ready,
    written: usize,
) {
    if written == 0 {
        return;
    }
    for (_, number) in ready.get_mut().drain(..written) {
        batches.remove(&number);
    }
}
