//! Which checkpoint a run begins with: the last one, or where that is damaged one that it descends from,
//! but never one behind what was committed.

use crate::broken::{Broken, broken};
use crate::checkpoint::shelf::{self, Name, Shelf};
use crate::checkpoint::{Checkpoint, CheckpointError};

/// What has been committed, as far as it is to be minded.
#[derive(Clone, Copy, Debug)]
pub(super) enum Committed {
    /// What the checkpoints up to this one hold.
    UpTo(u64),
    /// Somebody insists on going on, whatever comes again.
    Whatever,
}

/// The last checkpoint that is whole, on the line of the last one; `None` where there is none at all.
///
/// # Errors
/// What is wrong with the last one, where none of its line will do.
pub(super) fn last_whole(
    shelf: &dyn Shelf,
    committed: Committed,
) -> Result<Option<Checkpoint>, CheckpointError> {
    let ids = shelf::ids(shelf)?;
    let mut next = ids.last().copied();
    if let Committed::UpTo(id @ 1..) = committed {
        // It may be gone.
        next = next.max(Some(id));
    }
    let mut first = None;
    while let Some(id) = next {
        let error = match shelf::read(shelf, &Name::Checkpoint(id)) {
            Ok(checkpoint) => return Ok(Some(checkpoint)),
            Err(error) => error,
        };
        // What cannot be read now may be there the next time.
        let is_damaged = matches!(error, CheckpointError::Damaged { .. });
        if !is_damaged && matches!(committed, Committed::UpTo(_)) {
            return Err(error);
        }
        next = before(shelf, &ids, id, committed)?;
        if let Some(next) = next {
            tracing::warn!(id, next, %error, "a checkpoint is passed over");
        }
        first.get_or_insert(error);
    }
    first.map_or(Ok(None), Err)
}

/// The checkpoint to try where this one is damaged.
fn before(
    shelf: &dyn Shelf,
    ids: &[u64],
    id: u64,
    committed: Committed,
) -> Result<Option<u64>, CheckpointError> {
    let manifest = |id: u64| {
        let name = Name::Checkpoint(id);
        match shelf::manifest(shelf, &name, &name) {
            Ok((manifest, _)) => Ok(Some(manifest)),
            Err(CheckpointError::Damaged { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    };
    let below = ids.iter().copied().rfind(|other| *other < id);
    let last = match committed {
        Committed::UpTo(last) => last,
        Committed::Whatever if !ids.contains(&id) => return Ok(None),
        // Where nobody knows what it descends from, who insists has the one before it.
        Committed::Whatever => {
            return Ok(manifest(id).unwrap_or(None).map_or(below, |manifest| manifest.parent));
        }
    };
    let parent = manifest(id)?.and_then(|manifest| match broken(Broken::FallsBackByNumber) {
        true => below,
        false => manifest.parent,
    });
    let Some(parent) = parent else { return Ok(None) };
    for behind in ids.iter().filter(|id| (parent + 1..=last).contains(id)) {
        if !manifest(*behind)?.is_some_and(|manifest| manifest.repeatable) {
            return Ok(None);
        }
    }
    Ok(Some(parent))
}
