//! Which files a source reads and how: its configuration.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::io::IoError;

/// The configuration that all sources of files have.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    /// The paths, and how they are named in records and as splits.
    pub(crate) list: Vec<(PathBuf, Arc<str>)>,
    /// How long to wait at the end of the files before looking again; `None` to end there.
    pub(crate) follow: Option<Duration>,
    pub(crate) max_line: usize,
    pub(crate) batch: usize,
}

impl Files {
    pub(crate) fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let named = |path: PathBuf| {
            let name = super::renamed::name(&path).into();
            (path, name)
        };
        Files {
            list: paths.into_iter().map(named).collect(),
            follow: None,
            max_line: 1 << 20,
            batch: 1024,
        }
    }

    /// The ids of the splits.
    pub(crate) fn names(&self) -> Vec<String> {
        self.list.iter().map(|(_, name)| (**name).to_owned()).collect()
    }

    /// Refuses a list that cannot be read, before anything is; what it `skips` need not be there. Files that
    /// are followed may come later.
    pub(crate) fn check(&self, skips: impl Fn(&str) -> bool) -> Result<(), IoError> {
        if self.list.is_empty() {
            return Err(IoError::NoFiles);
        }
        let mut seen = BTreeSet::new();
        for (path, name) in &self.list {
            if !seen.insert(name) {
                return Err(IoError::Twice { path: path.clone() });
            }
            if skips(name) {
                continue;
            }
            match path.metadata() {
                Ok(metadata) if metadata.is_dir() => {
                    return Err(IoError::Folder { path: path.clone() });
                }
                Err(source) if self.follow.is_none() => {
                    return Err(IoError::Open { path: path.clone(), source });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The constructors and options of a source of files, which has its configuration in `files`.
macro_rules! file_options {
    () => {
        /// Reads one file.
        pub fn new(path: impl Into<std::path::PathBuf>) -> Self {
            Self::list([path])
        }

        /// Reads these files, one after the other: what a glob found, for instance. Under `#[workers(n)]` each
        /// worker reads every n-th of them, in the order of their paths.
        pub fn list<P: Into<std::path::PathBuf>>(paths: impl IntoIterator<Item = P>) -> Self {
            Self::of($crate::io::files::Files::new(paths.into_iter().map(Into::into)))
        }

        /// Goes on when the files grow, and does not end: as `tail -F`, all of them at once.
        ///
        /// A file that is renamed or removed is read to its end; then its path's new file is read
        /// from the start. One that is cut is read again from its start. A file that is not there
        /// yet is waited for. A line is complete with its line feed, or when its file has been
        /// replaced. Looked at four times a second, by the run's clock.
        ///
        /// Where there was more than one rotation between two looks, or while the graph was down,
        /// the files between are read first, by the times of their last changes: those beside the
        /// path that have its name with a number, a date or `.old` behind it, and were changed
        /// later than what has been read. Where one of them is packed, cannot be opened, or was changed at
        /// the same time as another, none of them is read, and a bad record names them. Limits: what has another
        /// name or was removed meanwhile is not noticed, nor are lines that were cut away before they
        /// were read.
        #[must_use]
        pub fn follow(mut self) -> Self {
            self.files.follow.get_or_insert(std::time::Duration::from_millis(250));
            self
        }

        /// As [`follow`](Self::follow), looking at the files as often as this; at least 1 ms.
        #[must_use]
        pub fn follow_every(mut self, pause: std::time::Duration) -> Self {
            self.files.follow = Some(pause.max(std::time::Duration::from_millis(1)));
            self
        }

        /// The longest record in bytes, at least 1; a longer one is an error. 1 MiB if it is not
        /// said. What is in memory of a file does not exceed it by more than 128 KiB.
        #[must_use]
        pub fn max_line(mut self, bytes: usize) -> Self {
            self.files.max_line = bytes.max(1);
            self
        }

        /// The most lines of a unit, at least 1; 1,024 if it is not said. Positions are between
        /// units.
        #[must_use]
        pub fn batch(mut self, lines: usize) -> Self {
            self.files.batch = lines.max(1);
            self
        }
    };
}
pub(crate) use file_options;
