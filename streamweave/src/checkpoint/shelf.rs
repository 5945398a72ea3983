//! What checkpoints lie on, whatever that is, and how they are read from there.

use std::fmt;
use std::path::PathBuf;
use std::time::SystemTime;

use xxhash_rust::xxh3::xxh3_64;

use crate::checkpoint::manifest::{Link, Manifest};
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::graph::{Descent, Snapshot};

/// The two parts of a checkpoint.
pub(super) const STATES: &str = "states";
pub(super) const MANIFEST: &str = "manifest";

/// What a complete checkpoint is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// `checkpoint-7`: one of those that come and go.
    Checkpoint(u64),
    /// `savepoint-before-2.0`: one that somebody has named.
    Savepoint(String),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::Checkpoint(id) => write!(f, "checkpoint-{id}"),
            Name::Savepoint(name) => write!(f, "savepoint-{name}"),
        }
    }
}

impl Name {
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name.strip_prefix("savepoint-") {
            Some(name) => Some(Name::Savepoint(name.to_owned())),
            None => name.strip_prefix("checkpoint-")?.parse().ok().map(Name::Checkpoint),
        }
    }

    /// The savepoint of this name, if that can be the name of a file everywhere.
    pub(super) fn savepoint(name: &str) -> Result<Self, CheckpointError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.len() > 100 || name.ends_with('.') || !name.chars().all(fits) {
            return Err(CheckpointError::SavepointName { name: name.to_owned() });
        }
        Ok(Name::Savepoint(name.to_owned()))
    }
}

/// A place for checkpoints that are there whole, by their name, or not at all.
pub(super) trait Shelf: fmt::Debug + Send + Sync {
    /// Those that are complete, in any order.
    fn names(&self) -> Result<Vec<Name>, CheckpointError>;

    /// One of the two parts; `None` where it is not there.
    fn part(&self, name: &Name, part: &str) -> Result<Option<Vec<u8>>, CheckpointError>;

    /// Puts one there: complete, and durable, once this returns. After an error it is gone, as far as
    /// that can be had. There is none of that name.
    fn put(
        &self,
        name: &Name,
        states: &mut dyn Iterator<Item = &[u8]>,
        manifest: &[u8],
    ) -> Result<(), CheckpointError>;

    /// Removes some, in this order: none of them is ever there in part under its name.
    fn discard(&self, names: &[Name]) -> Result<(), CheckpointError>;

    /// The greatest id that the log says may have been committed. `None` where there is no log, or it is
    /// damaged.
    fn logged(&self) -> Result<Option<u64>, CheckpointError>;

    /// Puts this id, greater than all before, into the log: durably, and only if nobody has taken over,
    /// once this returns.
    fn log(&self, id: u64) -> Result<(), CheckpointError>;

    /// Nobody has taken over what is here from who opened it.
    fn still_mine(&self) -> Result<(), CheckpointError> {
        Ok(())
    }

    /// When this one was complete, where that is known.
    fn taken(&self, name: &Name) -> Option<SystemTime>;

    /// Where that is, for who reads an error.
    fn place(&self) -> PathBuf;
}

/// The entry of the log that this checkpoint may have been committed: all of it is in its name. So it takes
/// the place of the one before it by one call, and there is no part of it that could be there alone.
pub(super) fn entry(id: u64) -> String {
    format!("{id}-{:016x}", xxh3_64(&id.to_le_bytes()))
}

/// The greatest id of these entries. `None` where there is none, or one of them is none that was written:
/// it may have been greater than all others.
pub(super) fn greatest<'a>(entries: impl Iterator<Item = &'a str>) -> Option<u64> {
    let ids = entries.map(|written| {
        let id = written.split_once('-').and_then(|(id, _)| id.parse().ok());
        let id = id.filter(|id| entry(*id) == written);
        if id.is_none() {
            tracing::warn!(
                entry = written,
                "the log of what was committed is damaged: all that is there counts as committed"
            );
        }
        id
    });
    ids.collect::<Option<Vec<_>>>()?.into_iter().max()
}

/// The ids of the complete checkpoints, the oldest first.
pub(super) fn ids(shelf: &dyn Shelf) -> Result<Vec<u64>, CheckpointError> {
    let ids = shelf.names()?.into_iter().filter_map(|name| match name {
        Name::Checkpoint(id) => Some(id),
        Name::Savepoint(_) => None,
    });
    let mut ids: Vec<_> = ids.collect();
    ids.sort_unstable();
    Ok(ids)
}

/// Reads a checkpoint, with all that it lies on.
pub(super) fn read(shelf: &dyn Shelf, name: &Name) -> Result<Checkpoint, CheckpointError> {
    let (manifest, checksum) = manifest(shelf, name, name)?;
    let mut snapshot = Snapshot::default();
    for link in &manifest.on {
        let below = Name::Checkpoint(link.id);
        let (part, written) = self::manifest(shelf, name, &below)?;
        if written != link.checksum {
            let reason = format!("is another than the one that `{name}` lies on");
            return Err(damaged(shelf, name, &below, MANIFEST)(reason));
        }
        snapshot = states(shelf, name, &below, &part)?.onto(snapshot);
    }
    let mut snapshot = states(shelf, name, name, &manifest)?.onto(snapshot);
    let Manifest { id, parent, attempt, repeatable, .. } = manifest;
    let from = Some(Link { id, checksum });
    snapshot.descent = Descent { run: None, attempt, from, repeatable };
    Ok(Checkpoint { id, parent, snapshot })
}

/// The manifest of `below`, for checkpoint `name`, which needs it, and the checksum of its bytes.
pub(super) fn manifest(
    shelf: &dyn Shelf,
    name: &Name,
    below: &Name,
) -> Result<(Manifest, u64), CheckpointError> {
    let bytes = part(shelf, name, below, MANIFEST)?;
    let damaged = damaged(shelf, name, below, MANIFEST);
    let manifest = Manifest::decode(&bytes).map_err(&damaged)?;
    match below {
        Name::Checkpoint(id) if *id != manifest.id => {
            Err(damaged(format!("is that of checkpoint {}", manifest.id)))
        }
        _ => Ok((manifest, xxh3_64(&bytes))),
    }
}

/// What is in `below` alone, which has this manifest, for checkpoint `name`.
pub(super) fn states(
    shelf: &dyn Shelf,
    name: &Name,
    below: &Name,
    manifest: &Manifest,
) -> Result<Snapshot, CheckpointError> {
    let bytes = part(shelf, name, below, STATES)?;
    let mut snapshot = Snapshot::default();
    let read = manifest.states(&bytes, |path, state| {
        snapshot.insert(path.to_owned(), state.into_owned());
    });
    read.map_err(damaged(shelf, name, below, STATES))?;
    Ok(snapshot)
}

fn part(
    shelf: &dyn Shelf,
    name: &Name,
    below: &Name,
    part: &'static str,
) -> Result<Vec<u8>, CheckpointError> {
    let bytes = shelf.part(below, part)?;
    bytes.ok_or_else(|| damaged(shelf, name, below, part)("is not there".to_owned()))
}

/// `name` is damaged, as this part of `below` is.
pub(super) fn damaged(
    shelf: &dyn Shelf,
    name: &Name,
    below: &Name,
    part: &'static str,
) -> impl Fn(String) -> CheckpointError {
    let file = shelf.place().join(below.to_string()).join(part);
    let name = name.clone();
    move |reason| match &name {
        Name::Checkpoint(id) => CheckpointError::Damaged { id: *id, file: file.clone(), reason },
        Name::Savepoint(name) => {
            CheckpointError::DamagedSavepoint { name: name.clone(), file: file.clone(), reason }
        }
    }
}
