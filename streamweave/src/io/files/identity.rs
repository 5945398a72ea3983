//! Whether a file is the one that was read before: by inode, and by how it begins.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// How much of the beginning is compared.
const HEAD: u64 = 256;

/// What a file is known by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// Device and inode; (0, 0) where the system has none.
    number: (u64, u64),
    /// How many bytes of the beginning are known, and their hash.
    head: (u64, u64),
    known: bool,
}

impl Identity {
    /// Of an open file whose first `read` bytes count: what is behind them may still change.
    pub(crate) fn of(file: &File, read: u64) -> io::Result<Self> {
        let mut identity = Identity::of_metadata(&file.metadata()?);
        identity.extend(file, read)?;
        Ok(identity)
    }

    /// Of a file of which nothing is read.
    pub(crate) fn of_metadata(metadata: &Metadata) -> Self {
        Identity { number: number(metadata), head: (0, 0), known: true }
    }

    /// The same beginning in the file of `other`, which may be a copy.
    pub(crate) fn becomes(&mut self, other: &Identity) {
        self.number = other.number;
        self.known = true;
    }

    /// Whether there is anything to compare with.
    pub(crate) fn is_known(&self) -> bool {
        self.known
    }

    /// Takes in more of the beginning, once more has been read.
    pub(crate) fn extend(&mut self, file: &File, read: u64) -> io::Result<()> {
        let most = read.min(HEAD);
        if self.known && most > self.head.0 {
            self.head = head(file, most)?;
        }
        Ok(())
    }

    /// Whether this is the inode.
    pub(crate) fn is_number_of(&self, metadata: &Metadata) -> bool {
        self.number == number(metadata)
    }

    /// Whether `other` is of the same inode.
    pub(crate) fn is_same_number(&self, other: &Identity) -> bool {
        self.number == other.number
    }

    /// Whether the file begins as it did.
    pub(crate) fn is_head_of(&self, file: &File) -> io::Result<bool> {
        Ok(self.head.0 == 0 || head(file, self.head.0)? == self.head)
    }

    /// The file of this identity beside `path`, where rotation has moved it.
    pub(crate) fn beside(&self, path: &Path) -> Option<File> {
        if self.number == (0, 0) {
            return None;
        }
        let moved = std::fs::read_dir(folder(path)).ok()?.flatten().find(|entry| {
            entry.metadata().is_ok_and(|found| found.is_file() && self.is_number_of(&found))
        })?;
        File::open(moved.path()).ok().filter(|file| self.is_head_of(file).unwrap_or(false))
    }
}

/// Whether these are of one file; where the system has no numbers of files, never.
pub(crate) fn is_same_file(one: &Metadata, other: &Metadata) -> bool {
    number(one) == number(other) && number(one).0 != 0
}

/// The folder in which `path` is.
pub(crate) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The length and the hash of the first bytes, at most `most`; of a pipe, none.
fn head(mut file: &File, most: u64) -> io::Result<(u64, u64)> {
    if !file.metadata()?.is_file() {
        return Ok((0, 0));
    }
    let at = file.stream_position()?;
    file.seek(SeekFrom::Start(0))?;
    let mut bytes = Vec::new();
    let read = file.take(most).read_to_end(&mut bytes);
    file.seek(SeekFrom::Start(at))?;
    Ok((read? as u64, xxh3_64(&bytes)))
}

#[cfg(unix)]
fn number(metadata: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

/// Where there are no inodes, the time of creation has to do.
#[cfg(not(unix))]
fn number(metadata: &Metadata) -> (u64, u64) {
    let created = metadata.created().ok();
    let since = created.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    (0, since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)))
}
