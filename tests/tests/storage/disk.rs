//! A disk as POSIX allows it to be: what is not flushed may be lost with the power, all of it or a
//! part, in any order; and any call may fail.

use std::any::Any;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Write};
use std::path::{Component, Path};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use streamweave::checkpoint::disk::{Disk, NewFile};

/// In what way a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    NoSpace,
    Io,
    /// It is told as failed, and is done.
    Done,
    /// A write takes less than it was given.
    Short,
    /// Nothing works any more.
    PowerLoss,
}

/// Clones share it.
#[derive(Clone, Debug)]
pub(super) struct SimDisk(Arc<Mutex<State>>);

#[derive(Clone, Debug)]
struct State {
    /// The first is the root.
    inodes: Vec<Inode>,
    random: u64,
    /// The calls until the fault.
    fault: Option<(u64, Fault)>,
    is_dead: bool,
    lock: Arc<()>,
}

#[derive(Clone, Debug)]
enum Inode {
    /// Its first bytes, so many, are on the disk.
    File {
        bytes: Vec<u8>,
        durable: usize,
        flush_failed: bool,
    },
    Folder {
        live: Names,
        durable: Names,
        pending: Vec<Change>,
    },
}

type Names = BTreeMap<String, usize>;

/// Each is done whole or not at all.
#[derive(Clone, Debug)]
enum Change {
    Added(String, usize),
    Removed(String, usize),
    Renamed(String, String, usize),
}

impl Change {
    fn apply(self, names: &mut Names) {
        let mut remove = |name: String, inode| {
            if names.get(&name) == Some(&inode) {
                names.remove(&name);
            }
        };
        match self {
            Change::Removed(name, inode) => remove(name, inode),
            Change::Renamed(from, to, inode) => {
                remove(from, inode);
                names.insert(to, inode);
            }
            Change::Added(name, inode) => drop(names.insert(name, inode)),
        }
    }
}

fn empty() -> Inode {
    Inode::Folder { live: Names::new(), durable: Names::new(), pending: Vec::new() }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

impl SimDisk {
    pub(super) fn new(random: u64) -> Self {
        let lock = Arc::new(());
        let inodes = vec![empty()];
        let state = State { inodes, random, fault: None, is_dead: false, lock };
        SimDisk(Arc::new(Mutex::new(state)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The call behind the next `calls` fails.
    pub(super) fn fails_in(&self, calls: u64, fault: Fault) {
        self.state().fault = Some((calls, fault));
    }

    /// What is to fail does not; the calls that were left.
    pub(super) fn heals(&self) -> Option<(u64, Fault)> {
        self.state().fault.take()
    }

    /// Another disk with the same on it.
    pub(super) fn copy(&self) -> SimDisk {
        let mut state = self.state().clone();
        state.lock = Arc::new(());
        SimDisk(Arc::new(Mutex::new(state)))
    }

    /// It was only the process that ended: what is in the cache is still there.
    pub(super) fn was_killed(&self) {
        let mut state = self.state();
        (state.is_dead, state.fault) = (false, None);
    }

    /// Something happens to the bytes of a file.
    pub(super) fn damage(&self, path: &Path, damage: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let mut state = self.state();
        let inode = state.find(path)?;
        match &mut state.inodes[inode] {
            Inode::File { bytes, .. } => damage(bytes),
            Inode::Folder { .. } => return Err(ErrorKind::IsADirectory.into()),
        }
        Ok(())
    }

    /// What may be there when the power is back; another each time.
    pub(super) fn after_power_loss(&self) -> SimDisk {
        let mut state = self.state();
        let seed = state.next();
        let mut after = state.clone();
        drop(state);
        (after.random, after.fault, after.is_dead) = (seed | 1, None, false);
        after.lock = Arc::new(());
        for at in 0..after.inodes.len() {
            match after.inodes[at].clone() {
                Inode::File { mut bytes, durable, .. } => {
                    let doubtful = bytes.len() - durable;
                    match after.below(4) {
                        0 => bytes.truncate(durable),
                        1 => bytes.truncate(durable + after.below(doubtful + 1)),
                        2 => bytes[durable..].fill(0),
                        _ => {}
                    }
                    let durable = bytes.len();
                    after.inodes[at] = Inode::File { bytes, durable, flush_failed: false };
                }
                Inode::Folder { durable: mut names, pending, .. } => {
                    let most = after.below(3);
                    for change in pending {
                        if most == 0 || after.below(3) < most {
                            change.apply(&mut names);
                        }
                    }
                    let (live, durable) = (names.clone(), names);
                    after.inodes[at] = Inode::Folder { live, durable, pending: Vec::new() };
                }
            }
        }
        SimDisk(Arc::new(Mutex::new(after)))
    }

    /// Does something to the folder at `path`, or what a fault leaves of it.
    fn change(
        &self,
        path: &Path,
        change: impl FnOnce(&mut State, usize) -> io::Result<Vec<Change>>,
    ) -> io::Result<()> {
        let mut state = self.state();
        let fault = state.call()?;
        if let Some(Fault::NoSpace | Fault::Io | Fault::Short) = fault {
            return Err(told(fault));
        }
        let folder = state.find(path)?;
        for change in change(&mut state, folder)? {
            let Inode::Folder { live, pending, .. } = &mut state.inodes[folder] else {
                return Err(ErrorKind::NotADirectory.into());
            };
            change.clone().apply(live);
            pending.push(change);
        }
        if fault.is_some() { Err(told(fault)) } else { Ok(()) }
    }
}

fn told(fault: Option<Fault>) -> io::Error {
    match fault {
        Some(Fault::NoSpace) => ErrorKind::StorageFull.into(),
        _ => io::Error::other("it is broken"),
    }
}

impl State {
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.random >> 24
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// A call begins.
    fn call(&mut self) -> io::Result<Option<Fault>> {
        let fault = match &mut self.fault {
            Some((0, fault)) => Some(*fault),
            Some((calls, _)) => {
                *calls -= 1;
                None
            }
            None => None,
        };
        if fault.is_some() {
            self.fault = None;
        }
        self.is_dead |= fault == Some(Fault::PowerLoss);
        if self.is_dead { Err(io::Error::other("there is no power")) } else { Ok(fault) }
    }

    fn names(&self, folder: usize) -> io::Result<&Names> {
        match &self.inodes[folder] {
            Inode::Folder { live, .. } => Ok(live),
            Inode::File { .. } => Err(ErrorKind::NotADirectory.into()),
        }
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        let mut at = 0;
        for part in path.components() {
            if let Component::Normal(name) = part {
                let found = self.names(at)?.get(name.to_str().unwrap());
                at = *found.ok_or(ErrorKind::NotFound)?;
            }
        }
        Ok(at)
    }

    /// A new inode in `folder`, under a name that is free there.
    fn add(&mut self, folder: usize, path: &Path, inode: Inode) -> io::Result<Vec<Change>> {
        if self.names(folder)?.contains_key(&name(path)) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        self.inodes.push(inode);
        Ok(vec![Change::Added(name(path), self.inodes.len() - 1)])
    }
}

impl Disk for SimDisk {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.change(path.parent().unwrap(), |state, folder| state.add(folder, path, empty()))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn NewFile>> {
        let file = || Inode::File { bytes: Vec::new(), durable: 0, flush_failed: false };
        self.change(path.parent().unwrap(), |state, folder| state.add(folder, path, file()))?;
        let inode = self.state().find(path)?;
        Ok(Box::new(SimFile { disk: self.clone(), inode }))
    }

    fn flush_folder(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        let fault = state.call()?;
        let folder = state.find(path)?;
        // After a failure some of it is there, and of the rest nothing is known any more.
        let lost = if fault.is_some() { state.below(4) } else { 0 };
        let mut random = state.next();
        if let Inode::Folder { durable, pending, .. } = &mut state.inodes[folder] {
            for change in pending.drain(..) {
                random = random.rotate_left(7).wrapping_mul(31);
                if (random % 3) as usize >= lost {
                    change.apply(durable);
                }
            }
        }
        if fault.is_some() { Err(told(fault)) } else { Ok(()) }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(from.parent().unwrap(), |state, _| {
            let inode = state.find(from)?;
            if let Ok(there) = state.find(to)
                && !state.names(there)?.is_empty()
            {
                return Err(ErrorKind::DirectoryNotEmpty.into());
            }
            Ok(vec![Change::Renamed(name(from), name(to), inode)])
        })
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        // Its files go one by one.
        let files: Vec<_> = {
            let state = self.state();
            state.names(state.find(path)?)?.keys().cloned().collect()
        };
        for file in files {
            let inode = self.state().find(&path.join(&file))?;
            self.change(path, |_, _| Ok(vec![Change::Removed(file, inode)]))?;
        }
        self.change(path.parent().unwrap(), |state, _| {
            Ok(vec![Change::Removed(name(path), state.find(path)?)])
        })
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut state = self.state();
        match state.call()? {
            None => {}
            fault => return Err(told(fault)),
        }
        match &state.inodes[state.find(path)?] {
            Inode::File { bytes, .. } => Ok(bytes.clone()),
            Inode::Folder { .. } => Err(ErrorKind::IsADirectory.into()),
        }
    }

    fn written(&self, _: &Path) -> Option<SystemTime> {
        None
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut state = self.state();
        match state.call()? {
            None => {}
            fault => return Err(told(fault)),
        }
        Ok(state.names(state.find(path)?)?.keys().cloned().collect())
    }

    fn lock(&self, _: &Path) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        let mut state = self.state();
        match state.call()? {
            None => {}
            fault => return Err(told(fault)),
        }
        let is_free = Arc::strong_count(&state.lock) == 1;
        Ok(is_free.then(|| Box::new(Arc::clone(&state.lock)) as _))
    }
}

struct SimFile {
    disk: SimDisk,
    inode: usize,
}

impl Write for SimFile {
    fn write(&mut self, given: &[u8]) -> io::Result<usize> {
        let mut state = self.disk.state();
        let fault = state.call()?;
        let Inode::File { bytes, .. } = &mut state.inodes[self.inode] else { unreachable!() };
        let taken = match fault {
            None | Some(Fault::Done) => given.len(),
            _ => given.len().div_ceil(2),
        };
        bytes.extend_from_slice(&given[..taken]);
        match fault {
            None | Some(Fault::Short) => Ok(taken),
            fault => Err(told(fault)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl NewFile for SimFile {
    fn flush_file(&mut self) -> io::Result<()> {
        let mut state = self.disk.state();
        let fault = state.call()?;
        let Inode::File { bytes, durable, flush_failed } = &mut state.inodes[self.inode] else {
            unreachable!()
        };
        // What a failed one leaves behind counts as clean: no later one writes it.
        *flush_failed |= fault.is_some();
        if !*flush_failed {
            *durable = bytes.len();
        }
        if fault.is_some() { Err(told(fault)) } else { Ok(()) }
    }
}
