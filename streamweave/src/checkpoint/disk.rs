//! The file system as checkpoints use it: a few calls, so that tests can put a disk beneath them that
//! fails, fills up, and loses its power.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the one place of the core that writes files of its own"
)]

use std::any::Any;
use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::time::SystemTime;

/// What checkpoints ask of a file system. Each call may fail, and what is not flushed may be lost with
/// the power, in part too.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Makes one folder, in one that is there.
    fn create_folder(&self, path: &Path) -> io::Result<()>;
    /// Makes a file that is not there yet.
    fn create(&self, path: &Path) -> io::Result<Box<dyn NewFile>>;
    /// The names in the folder, and what they name, are on the disk.
    fn flush_folder(&self, path: &Path) -> io::Result<()>;
    /// Gives a folder another name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a folder and all in it.
    fn remove_folder(&self, path: &Path) -> io::Result<()>;
    /// The whole of a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// When the file was written, where that is known.
    fn written(&self, path: &Path) -> Option<SystemTime>;
    /// The names in a folder.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
    /// The lock on this file, which is made, for as long as that value lives; `None` while another
    /// has it.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Any + Send + Sync>>>;
}

/// A file that is being written.
pub trait NewFile: Write {
    /// What was written is on the disk.
    fn flush_file(&mut self) -> io::Result<()>;
}

impl NewFile for File {
    fn flush_file(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}

/// The names in the folder, and what they name, are on the disk.
pub(crate) fn flush_folder(path: &Path) -> io::Result<()> {
    #[cfg(test)]
    tests::FLUSHED.with_borrow_mut(|flushed| flushed.push(path.to_owned()));
    match File::open(path) {
        Ok(folder) => folder.sync_all(),
        // Where folders are no files, names are on the disk by themselves.
        Err(error) if error.kind() == ErrorKind::PermissionDenied && cfg!(windows) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The folder that this file or folder is in; `None` of the outermost.
pub(crate) fn folder_of(path: &Path) -> Option<&Path> {
    path.parent().map(|outer| if outer.as_os_str().is_empty() { Path::new(".") } else { outer })
}

/// The file system of the machine.
#[derive(Debug)]
pub(crate) struct RealDisk;

impl Disk for RealDisk {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn NewFile>> {
        Ok(Box::new(File::create_new(path)?))
    }

    fn flush_folder(&self, path: &Path) -> io::Result<()> {
        flush_folder(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn written(&self, path: &Path) -> Option<SystemTime> {
        fs::metadata(path).ok()?.modified().ok()
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(path)? {
            // What has another kind of name is not of this crate.
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        // The system lets go of it however the process ends.
        let file = File::create(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::RefCell;
    use std::path::PathBuf;

    thread_local! {
        /// The folders that were flushed by this thread.
        pub(crate) static FLUSHED: RefCell<Vec<PathBuf>> = const { RefCell::new(Vec::new()) };
    }
}
