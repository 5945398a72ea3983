//! The position in one file, as a snapshot holds it.

use serde::{Deserialize, Serialize};

use super::identity::Identity;

/// How far a file has been read. Its id is the file's path, as it was given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Split {
    /// Where the next record starts, in bytes of the content (of gzip: unpacked).
    pub(crate) offset: u64,
    /// How many lines are before that.
    pub(crate) line: u64,
    /// Everything has been read, and the file is not followed.
    pub(crate) finished: bool,
    pub(crate) identity: Identity,
    /// The names of the columns, where the file has told them.
    pub(crate) header: Vec<String>,
    /// Of what was rotated away, that which was changed up to then is no concern any more.
    #[serde(default)]
    pub(crate) until: u64,
}
