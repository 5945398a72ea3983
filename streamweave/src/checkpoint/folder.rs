//! A folder of checkpoints, each a folder of its own, which has its name once it is complete.

use std::any::Any;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::broken::{Broken, broken};
use crate::checkpoint::CheckpointError;
use crate::checkpoint::disk::{Disk, RealDisk, folder_of};
use crate::checkpoint::shelf::{self, MANIFEST, Name, STATES, Shelf};

/// What is not complete, or no more, has a name that begins so; its id follows, or the whole name of a
/// savepoint.
const BEGUN: &str = "begun-";

/// The one entry of the log is an empty folder of a name that begins so.
const COMMITTING: &str = "committing-";

#[derive(Debug)]
pub(super) struct Folder {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    /// Held for as long as this is open; none by who only looks at it.
    _lock: Option<Box<dyn Any + Send + Sync>>,
}

impl Folder {
    /// Opens the folder, which is made if it is not there, for this process alone; also the greatest
    /// id that was ever begun there.
    pub(super) fn open(disk: Arc<dyn Disk>, path: &Path) -> Result<(Self, u64), CheckpointError> {
        // The empty path would be the working folder to some calls, and nothing to others.
        if path.as_os_str().is_empty() {
            return Err(CheckpointError::NoFolder);
        }
        make_folder(&*disk, path)?;
        let file = path.join("lock");
        let lock = disk.lock(&file).map_err(CheckpointError::io("lock", &file))?;
        if lock.is_none() {
            return Err(CheckpointError::InUse { folder: path.to_owned() });
        }
        let folder = Folder { disk, path: path.to_owned(), _lock: lock };
        // What is there may be so in the cache only, of a process that was killed: nothing rests on
        // that, and what still has its name on the disk loses nothing.
        folder.flush()?;
        let mut greatest = 0;
        for name in folder.list()? {
            let begun = name.strip_prefix(BEGUN).and_then(|rest| {
                let id = rest.parse().ok().map(Name::Checkpoint);
                id.or_else(|| Name::parse(rest))
            });
            if begun.is_some() {
                folder.remove(&folder.path.join(&name))?;
            }
            if let Some(Name::Checkpoint(id)) = begun.or_else(|| Name::parse(&name)) {
                greatest = greatest.max(id);
            }
        }
        Ok((folder, greatest))
    }

    /// The folder, whoever has it open, to be read.
    pub(super) fn look_at(path: &Path) -> Self {
        Folder { disk: Arc::new(RealDisk), path: path.to_owned(), _lock: None }
    }

    fn list(&self) -> Result<Vec<String>, CheckpointError> {
        self.disk.list(&self.path).map_err(CheckpointError::io("list", &self.path))
    }

    fn begun(&self, name: &Name) -> PathBuf {
        self.path.join(match name {
            Name::Checkpoint(id) => format!("{BEGUN}{id}"),
            Name::Savepoint(_) => format!("{BEGUN}{name}"),
        })
    }

    fn complete(&self, name: &Name) -> PathBuf {
        self.path.join(name.to_string())
    }

    fn flush(&self) -> Result<(), CheckpointError> {
        flush(&*self.disk, &self.path)
    }

    fn remove(&self, path: &Path) -> Result<(), CheckpointError> {
        self.disk.remove_folder(path).map_err(CheckpointError::io("remove", path))
    }

    fn write(
        &self,
        path: &Path,
        parts: &mut dyn Iterator<Item = &[u8]>,
    ) -> Result<(), CheckpointError> {
        let mut file = self.disk.create(path).map_err(CheckpointError::io("create", path))?;
        for part in parts {
            file.write_all(part).map_err(CheckpointError::io("write", path))?;
        }
        if broken(Broken::NoFileFlush) {
            return Ok(());
        }
        file.flush_file().map_err(CheckpointError::io("flush", path))
    }

    /// Everything but to clear up behind a failure.
    fn try_put(
        &self,
        name: &Name,
        states: &mut dyn Iterator<Item = &[u8]>,
        manifest: &[u8],
    ) -> Result<(), CheckpointError> {
        let (begun, complete) = (self.begun(name), self.complete(name));
        self.disk.create_folder(&begun).map_err(CheckpointError::io("make the folder", &begun))?;
        self.write(&begun.join(STATES), states)?;
        self.write(&begun.join(MANIFEST), &mut [manifest].into_iter())?;
        flush(&*self.disk, &begun)?;
        self.disk.rename(&begun, &complete).map_err(CheckpointError::io("rename to", &complete))?;
        self.flush()
    }
}

impl Shelf for Folder {
    fn names(&self) -> Result<Vec<Name>, CheckpointError> {
        Ok(self.list()?.iter().filter_map(|name| Name::parse(name)).collect())
    }

    fn part(&self, name: &Name, part: &str) -> Result<Option<Vec<u8>>, CheckpointError> {
        let path = self.complete(name).join(part);
        match self.disk.read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(CheckpointError::io("read", &path)(error)),
        }
    }

    fn put(
        &self,
        name: &Name,
        states: &mut dyn Iterator<Item = &[u8]>,
        manifest: &[u8],
    ) -> Result<(), CheckpointError> {
        let put = self.try_put(name, states, manifest);
        if put.is_err() {
            // It would take room until the folder is opened again. It may have its name although the
            // call said otherwise, and is not to be taken apart under it.
            let begun = self.begun(name);
            let _ = self.disk.rename(&self.complete(name), &begun);
            if let Err(error) = self.flush().and_then(|()| self.remove(&begun)) {
                tracing::warn!(%error, "what was begun of a checkpoint stays");
            }
        }
        put
    }

    fn discard(&self, names: &[Name]) -> Result<(), CheckpointError> {
        let mut renamed = Vec::new();
        let mut rename = || {
            for name in names {
                let (from, to) = (self.complete(name), self.begun(name));
                self.disk.rename(&from, &to).map_err(CheckpointError::io("rename", &from))?;
                renamed.push(to);
            }
            Ok(())
        };
        let all = rename();
        if !broken(Broken::RemovedBeforeFlush) {
            self.flush()?;
        }
        renamed.iter().try_for_each(|path| self.remove(path))?;
        all
    }

    fn logged(&self) -> Result<Option<u64>, CheckpointError> {
        let names = self.list()?;
        Ok(shelf::greatest(names.iter().filter_map(|name| name.strip_prefix(COMMITTING))))
    }

    fn log(&self, id: u64) -> Result<(), CheckpointError> {
        let to = self.path.join(format!("{COMMITTING}{}", shelf::entry(id)));
        let mut entries = self.list()?.into_iter().filter(|name| name.starts_with(COMMITTING));
        match entries.next().map(|name| self.path.join(name)) {
            Some(from) => {
                self.disk.rename(&from, &to).map_err(CheckpointError::io("rename to", &to))?;
            }
            None => {
                let made = self.disk.create_folder(&to);
                made.map_err(CheckpointError::io("make the folder", &to))?;
            }
        }
        self.flush()?;
        // There is another only where somebody has put it there.
        entries.try_for_each(|name| self.remove(&self.path.join(name)))
    }

    fn taken(&self, name: &Name) -> Option<SystemTime> {
        self.disk.written(&self.complete(name).join(MANIFEST))
    }

    fn place(&self) -> PathBuf {
        self.path.clone()
    }
}

/// Makes the folder and those that it is in, as far as they are not there: each is on the disk before
/// there is another in it. So of those that are there, made by a process that was killed meanwhile, only
/// the innermost may be in the cache only.
pub(crate) fn make_folder(disk: &dyn Disk, path: &Path) -> Result<(), CheckpointError> {
    let Some(outer) = folder_of(path) else { return Ok(()) };
    let is_there = match disk.list(path) {
        // It, or what it is to be in, is a file.
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            return Err(CheckpointError::io("make the folder", path)(error));
        }
        listed => !listed.is_err_and(|error| error.kind() == ErrorKind::NotFound),
    };
    if is_there || outer == path {
        return match flush(disk, outer) {
            // Who may not read it has not made this folder.
            Err(CheckpointError::Io { error, .. }) if is_denied(&error) => Ok(()),
            flushed => flushed,
        };
    }
    make_folder(disk, outer)?;
    match disk.create_folder(path) {
        // Another process was faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        made => made.map_err(CheckpointError::io("make the folder", path))?,
    }
    flush(disk, outer)
}

fn is_denied(error: &io::Error) -> bool {
    error.kind() == ErrorKind::PermissionDenied
}

/// What is in the folder is on the disk, and not only in its cache.
fn flush(disk: &dyn Disk, folder: &Path) -> Result<(), CheckpointError> {
    if broken(Broken::NoFolderFlush) {
        return Ok(());
    }
    disk.flush_folder(folder).map_err(CheckpointError::io("flush the folder", folder))
}
