//! What can go wrong with a checkpoint.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use crate::graph::RunError;

/// Why there is no checkpoint, or why it cannot be read.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file system refused something.
    #[error("cannot {action} `{}`: {error}{}", path.display(), what_to_do(error.kind()))]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// Why not.
        #[source]
        error: io::Error,
    },
    /// The path of the folder is empty.
    #[error(
        "the path of the folder for checkpoints is empty: name a folder of its own, such as \
         `checkpoints`"
    )]
    NoFolder,
    /// Another process, or another part of this one, keeps its checkpoints there.
    #[error(
        "the checkpoints in `{}` are in use: two runs on one folder would overwrite each other. End \
         the other one, or give each a folder of its own",
        folder.display()
    )]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// There is no checkpoint to look at.
    #[error(
        "there is no complete checkpoint in `{}`: none was taken there yet, or it has another path. See that \
         the path is that of the storage, and have a run take one with `checkpoint_every` or `savepoint`",
        place.display()
    )]
    None {
        /// Where it was looked for.
        place: PathBuf,
    },
    /// Another run has taken over what this one kept its checkpoints in.
    #[error(
        "another run has taken over the checkpoints in `{}`: end this one, as nothing of it is kept \
         there any more. Give each run a place of its own",
        place.display()
    )]
    Fenced {
        /// The place.
        place: PathBuf,
    },
    /// What was opened to be read was to be changed.
    #[error(
        "the checkpoints in `{}` were opened to be read only: a run that keeps its own there opens them \
         with `open`, which takes them over",
        place.display()
    )]
    ReadOnly {
        /// The place.
        place: PathBuf,
    },
    /// A file is not what was written.
    #[error(
        "checkpoint {id} is damaged: `{}` {reason}. To go on from one before it, which may commit or send \
         again what this one has seen committed or sent, use `latest_intact`",
        file.display()
    )]
    Damaged {
        /// The checkpoint.
        id: u64,
        /// The file.
        file: PathBuf,
        /// In what way.
        reason: String,
    },
    /// A file of a savepoint is not what was written.
    #[error("savepoint `{name}` is damaged: `{}` {reason}", file.display())]
    DamagedSavepoint {
        /// The savepoint.
        name: String,
        /// The file.
        file: PathBuf,
        /// In what way.
        reason: String,
    },
    /// A savepoint cannot have this name.
    #[error(
        "`{name}` is no name for a savepoint: take up to 100 of the letters a to z and A to Z, digits, \
         `-`, `_` and `.`, that not at the end"
    )]
    SavepointName {
        /// The name.
        name: String,
    },
    /// There is a savepoint of this name.
    #[error(
        "there is a savepoint `{name}` in `{}`: remove it with `remove_savepoint`, or take another name",
        folder.display()
    )]
    SavepointExists {
        /// The name.
        name: String,
        /// Where.
        folder: PathBuf,
    },
    /// The storage keeps none.
    #[error(
        "this storage keeps no savepoints: write `CheckpointStorage::savepoint` for it, or take \
         `FileCheckpointStorage`"
    )]
    NoSavepoints,
    /// A savepoint needs nothing but itself, and there is state that a checkpoint only names.
    #[error(
        "no savepoint can be taken: the state `{field}` is on disk, and is not in it. Take checkpoints, \
         with which a later version of the program can go on just as well, or keep it in `Keyed`"
    )]
    KeptElsewhere {
        /// The node and its field.
        field: String,
    },
    /// A checkpoint of changes came, and what they were made to is not what is there.
    #[error(
        "what has changed cannot be put onto the last checkpoint in `{}`: another was put there \
         meanwhile. The next one will hold everything",
        folder.display()
    )]
    Overtaken {
        /// The folder.
        folder: PathBuf,
    },
    /// The storage has not answered in time.
    #[error(
        "the storage has not answered within {limit:?} to a checkpoint of graph `{graph}`, which goes on. See \
         whether what it writes to hangs, or give it a longer limit. It is still waited for: no other checkpoint \
         is begun before it answers, and this one may be complete then"
    )]
    StorageTimedOut {
        /// The graph's name.
        graph: String,
        /// The limit.
        limit: Duration,
    },
    /// No cut got through the graph.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// What helps against this.
fn what_to_do(kind: io::ErrorKind) -> &'static str {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match kind {
        StorageFull | QuotaExceeded => ". Make room there, or keep fewer checkpoints",
        PermissionDenied | ReadOnlyFilesystem => {
            ". Let this user write there, or name another folder"
        }
        _ => ". Where this happens again, see whether the disk, or the store, is sound",
    }
}

impl CheckpointError {
    /// Whether it comes of this, or is it: another run has taken over.
    pub(crate) fn is_fenced(mut error: &(dyn std::error::Error + 'static)) -> bool {
        loop {
            let shared = || error.downcast_ref::<Arc<Self>>().map(|shared| &**shared);
            if let Some(CheckpointError::Fenced { .. }) = error.downcast_ref().or_else(shared) {
                return true;
            }
            match error.source() {
                Some(source) => error = source,
                None => return false,
            }
        }
    }

    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| CheckpointError::Io { action, path, error }
    }
}

// `main` shows an error by `Debug`: it is to be read there too.
impl fmt::Debug for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
