//! What checkpoints lie on, whatever that is, and how they are read from there.

use std::fmt;
use std::path::PathBuf;

use xxhash_rust::xxh3::xxh3_64;

use crate::checkpoint::manifest::Manifest;
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::graph::Snapshot;

/// The two parts of a checkpoint.
pub(super) const STATES: &str = "states";
pub(super) const MANIFEST: &str = "manifest";

/// The name of a complete checkpoint begins so; its id follows.
const COMPLETE: &str = "checkpoint-";

/// A place for checkpoints that are there whole, by their name, or not at all.
pub(super) trait Shelf: fmt::Debug + Send + Sync {
    /// The ids of those that are complete, the oldest first.
    fn ids(&self) -> Result<Vec<u64>, CheckpointError>;

    /// One of the two parts; `None` where it is not there.
    fn part(&self, id: u64, part: &str) -> Result<Option<Vec<u8>>, CheckpointError>;

    /// Puts one there: complete, and durable, once this returns. After an error it is gone, as far as
    /// that can be had.
    fn put(
        &self,
        id: u64,
        states: &mut dyn Iterator<Item = &[u8]>,
        manifest: &[u8],
    ) -> Result<(), CheckpointError>;

    /// Removes some, in this order: none of them is ever there in part under its name.
    fn discard(&self, ids: &[u64]) -> Result<(), CheckpointError>;

    /// Where that is, for who reads an error.
    fn place(&self) -> PathBuf;
}

/// The name of this checkpoint.
pub(super) fn name(id: u64) -> String {
    format!("{COMPLETE}{id}")
}

/// The checkpoint of this name, if it is that of one.
pub(super) fn id_of(name: &str) -> Option<u64> {
    name.strip_prefix(COMPLETE)?.parse().ok()
}

/// Reads a checkpoint, with all that it lies on.
pub(super) fn read(shelf: &dyn Shelf, id: u64) -> Result<Checkpoint, CheckpointError> {
    let (manifest, _) = manifest(shelf, id, id)?;
    let mut snapshot = Snapshot::default();
    for link in &manifest.on {
        let (below, checksum) = self::manifest(shelf, id, link.id)?;
        if checksum != link.checksum {
            let reason = format!("is another than the one that `{}` lies on", name(id));
            return Err(damaged(shelf, id, link.id, MANIFEST)(reason));
        }
        snapshot = states(shelf, id, &below)?.onto(snapshot);
    }
    let snapshot = states(shelf, id, &manifest)?.onto(snapshot);
    Ok(Checkpoint { id, parent: manifest.parent, snapshot })
}

/// The manifest of `below`, for checkpoint `id`, which needs it, and the checksum of its bytes.
pub(super) fn manifest(
    shelf: &dyn Shelf,
    id: u64,
    below: u64,
) -> Result<(Manifest, u64), CheckpointError> {
    let bytes = part(shelf, id, below, MANIFEST)?;
    let damaged = damaged(shelf, id, below, MANIFEST);
    match Manifest::decode(&bytes) {
        Ok(manifest) if manifest.id == below => Ok((manifest, xxh3_64(&bytes))),
        Ok(other) => Err(damaged(format!("is that of checkpoint {}", other.id))),
        Err(reason) => Err(damaged(reason)),
    }
}

/// What is in this one alone, for checkpoint `id`.
pub(super) fn states(
    shelf: &dyn Shelf,
    id: u64,
    below: &Manifest,
) -> Result<Snapshot, CheckpointError> {
    let bytes = part(shelf, id, below.id, STATES)?;
    let mut snapshot = Snapshot::default();
    let read = below.states(&bytes, |path, state| {
        snapshot.insert(path.to_owned(), state.to_vec());
    });
    read.map_err(damaged(shelf, id, below.id, STATES))?;
    Ok(snapshot)
}

fn part(
    shelf: &dyn Shelf,
    id: u64,
    below: u64,
    part: &'static str,
) -> Result<Vec<u8>, CheckpointError> {
    let bytes = shelf.part(below, part)?;
    bytes.ok_or_else(|| damaged(shelf, id, below, part)("is not there".to_owned()))
}

fn damaged(
    shelf: &dyn Shelf,
    id: u64,
    below: u64,
    part: &'static str,
) -> impl Fn(String) -> CheckpointError {
    let file = shelf.place().join(name(below)).join(part);
    move |reason| CheckpointError::Damaged { id, file: file.clone(), reason }
}
