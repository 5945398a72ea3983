//! What can go wrong.

use std::path::PathBuf;

use streamweave::graph::{RunError, StartError};

/// Why the program cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// There is no such query.
    #[error("there is no query `{0}`: the queries are {1}")]
    Unknown(String, String),
    /// The cases cannot be read.
    #[error("cannot read the cases in {}: {reason}", path.display())]
    Cases { path: PathBuf, reason: String },
    /// Some case came to other rows.
    #[error("{failed} of {cases} cases differ")]
    Different { failed: usize, cases: usize },
    /// What a query sent does not add up.
    #[error("{query}: {reason}")]
    Rows { query: String, reason: String },
    /// The graph cannot start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A node failed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// There is no runtime.
    #[error("cannot start the runtime: {0}")]
    Runtime(std::io::Error),
    /// The terminal is gone.
    #[error("cannot write: {0}")]
    Output(#[from] std::io::Error),
}
