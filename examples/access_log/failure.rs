//! What can stop the job, as sentences that say what to do.

use std::io;
use std::path::PathBuf;

use streamweave::checkpoint::CheckpointError;
use thiserror::Error;

/// Why the job stopped.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error("there is no file {0}: check the path")]
    Missing(String),
    #[error("no file matches {0}: check the pattern, and quote it if the shell should not see it")]
    NoMatch(String),
    #[error("{pattern} is no glob ({source}): write [ as [[] if it is part of the name")]
    Pattern { pattern: String, source: glob::PatternError },
    #[error("{0} is a folder: name its files, as in {0}/*.log")]
    Folder(String),
    #[error("cannot read {name} ({source}): check that it is a file that you may read")]
    Read { name: String, source: io::Error },
    #[error(
        "the gzip data of {name} is damaged or cut short ({source}): fetch the file again; \
         `gzip -t` tells whether it is whole"
    )]
    Gzip { name: String, source: io::Error },
    #[error("{0} is gzip, and a file that is followed must be plain: leave --follow out")]
    FollowedGzip(String),
    #[error("cannot write dead letters to {path} ({source}): name a file that you may write")]
    DeadLetters { path: PathBuf, source: io::Error },
    #[error("{0} cannot be cut back, as --state may need: name a file for dead letters")]
    NoFile(String),
    #[error("the disk of {0} is full: free some space, or write elsewhere")]
    Full(String),
    #[error("cannot write the report ({0}): check where standard output goes")]
    Report(io::Error),
    #[error("cannot listen for Ctrl-C ({0}): run without --follow")]
    Signal(io::Error),
    #[error(
        "{0} can be read only once, so a job over it cannot be resumed: name files, or leave --state \
         out"
    )]
    OnlyOnce(String),
    #[error(
        "the job in {folder} had other options ({options}): say the same ones to go on with it, or \
         name another folder with --state to begin anew"
    )]
    OtherOptions { folder: String, options: String },
    #[error(
        "the job in {folder} had other files: name {files}, in this order, to go on with it, or \
         another folder with --state to begin anew"
    )]
    OtherFiles { folder: String, files: String },
    #[error(
        "{0} is not the file that the job began with: put that one back to go on, or name another \
         folder with --state to begin anew"
    )]
    Replaced(String),
    #[error(
        "{0} does not say which job the checkpoints beside it are of: name another folder with \
         --state"
    )]
    NoJob(PathBuf),
    #[error("cannot write {path} ({source}): name a folder that you may write with --state")]
    State { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error(
        "{path} is shorter than it was ({length} bytes, and the last checkpoint is at {written}): put \
         it back to go on, or name another folder with --state to begin anew"
    )]
    Shortened { path: PathBuf, length: u64, written: u64 },
    #[error("{0}")]
    Graph(String),
    /// Who reads the report has seen enough: not worth a word.
    #[error("nobody reads the report")]
    BrokenPipe,
}

impl Failure {
    /// A failed write of the report.
    pub(crate) fn report(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::BrokenPipe,
            io::ErrorKind::StorageFull => Self::Full("standard output".into()),
            _ => Self::Report(error),
        }
    }

    /// A failed write of dead letters.
    pub(crate) fn dead_letters(path: &std::path::Path, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull => Self::Full(path.display().to_string()),
            _ => Self::DeadLetters { path: path.into(), source: error },
        }
    }
}
