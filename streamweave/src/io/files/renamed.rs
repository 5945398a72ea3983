//! Files that are listed under other paths than when their positions were saved.

use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::path::{Path, PathBuf};

use super::identity;
use super::list::Files;
use super::split::Split;
use crate::broken::{Broken, broken};
use crate::io::IoError;
use crate::state::Keyed;

/// A saved position.
pub(crate) trait Position: Clone {
    fn is_finished(&self) -> bool;
    /// How far it is, in bytes or rows.
    fn offset(&self) -> u64;
    /// Whether it is in this file, for all that is known of what was read.
    fn is_in(&self, path: &Path, metadata: &Metadata) -> bool;
}

impl Position for Split {
    fn is_finished(&self) -> bool {
        self.finished
    }
    fn offset(&self) -> u64 {
        self.offset
    }
    fn is_in(&self, path: &Path, metadata: &Metadata) -> bool {
        let begins = |file: File| self.identity.is_head_of(&file).unwrap_or(false);
        self.identity.is_number_of(metadata) && File::open(path).is_ok_and(begins)
    }
}

/// The path as it is in snapshots, so that `./a` and `a` are one.
pub(crate) fn name(path: &Path) -> String {
    let plain: PathBuf = path.components().collect();
    plain.strip_prefix(".").unwrap_or(&plain).display().to_string()
}

impl Files {
    /// Saved positions whose paths are not listed any more become those of the same files under other
    /// paths.
    ///
    /// # Errors
    /// When one of them is another worker's now, or is in the middle of a file that is none of those listed.
    pub(crate) fn rename<P: Position>(
        &self,
        splits: &mut Keyed<String, P>,
        owns: impl Fn(&str) -> bool,
    ) -> Result<(), IoError> {
        let listed: BTreeSet<&str> = self.list.iter().map(|(_, name)| &**name).collect();
        let left = splits.iter().filter(|(name, _)| !listed.contains(name.as_str()));
        let left: Vec<(String, P)> = left.map(|(name, at)| (name.clone(), at.clone())).collect();
        if left.is_empty() || broken(Broken::PathIsFile) {
            return Ok(());
        }
        let new = self.list.iter().filter(|(_, name)| splits.get(&**name).is_none());
        let new = new.filter_map(|(path, name)| Some((path, name, path.metadata().ok()?)));
        let new: Vec<_> = new.collect();
        for (before, position) in left {
            let there = Path::new(&before).metadata().ok();
            // What is finished may be gone, and its inode another file's.
            let is_same = |path: &Path, metadata: &Metadata| match &there {
                Some(there) => identity::is_same_file(there, metadata),
                None => !position.is_finished() && position.is_in(path, metadata),
            };
            let found = new.iter().find(|(path, _, metadata)| is_same(path, metadata));
            match found {
                Some((_, now, _)) if owns(now) => {
                    splits.remove(&before);
                    splits.insert(now.to_string(), position);
                }
                Some((path, ..)) => {
                    return Err(IoError::Renamed {
                        before: before.into(),
                        path: path.to_path_buf(),
                    });
                }
                None if !position.is_finished() && self.follow.is_none() => {
                    return Err(IoError::Unlisted {
                        path: before.into(),
                        offset: position.offset(),
                    });
                }
                None => {}
            }
        }
        Ok(())
    }
}
