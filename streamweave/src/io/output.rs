//! Where sinks of files and standard output write: buffered, every error with its name.

use std::fmt::Display;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::broken::{Broken, broken};
use crate::checkpoint::disk::flush_folder;
use crate::io::IoError;
use crate::lent::Lent;
use crate::node::{Context, NodeResult, TimerAt};
use crate::state::Value;

/// Appends a record's line, without its line feed.
pub(crate) type ToLine<T> = Box<dyn Fn(&T, &mut Vec<u8>) -> io::Result<()> + Send + Sync>;

/// A record's line is how it displays itself.
pub(crate) fn displayed<T: Display>() -> ToLine<T> {
    Box::new(|record, line| write!(line, "{record}"))
}

/// A record's line is what `text` gives.
pub(crate) fn told<T, L: AsRef<[u8]>>(text: impl Fn(&T) -> L + Send + Sync + 'static) -> ToLine<T> {
    Box::new(move |record, line| {
        line.extend_from_slice(text(record).as_ref());
        Ok(())
    })
}

/// How much waits in memory.
const BUFFER: usize = 64 << 10;

/// A buffered file or standard output.
#[derive(Debug)]
struct Target {
    name: String,
    to: To,
    buffer: Vec<u8>,
    /// How many bytes are before those of the buffer.
    flushed: u64,
    /// How many of the buffer are whole records.
    whole: usize,
    /// Where its name is, which may not be on the disk yet, and whether it was made here.
    folder: Option<(PathBuf, bool)>,
}

#[derive(Debug)]
enum To {
    File(File),
    Stdout,
}

impl Target {
    /// Opens a file, to go on behind its first `written` bytes where that is known.
    fn file(path: &Path, append: bool, written: Option<u64>) -> Result<Self, IoError> {
        let failed = |source| IoError::Write { path: path.into(), source };
        let is_there = path.exists();
        let file = File::options().create(true).append(true).open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let (mut flushed, mut folder) = (metadata.len(), None);
        if metadata.is_file() {
            lock(&file, path)?;
            let keep = written.unwrap_or(if append { flushed } else { 0 });
            if flushed < keep {
                return Err(IoError::Shorter { path: path.into(), length: flushed, written: keep });
            }
            file.set_len(keep).map_err(failed)?;
            flushed = keep;
            // Also of a file that was there: who made it may have been killed since.
            let file = fs::canonicalize(path).map_err(failed)?;
            folder = file.parent().map(|folder| (folder.to_owned(), !is_there));
        }
        let (name, buffer) = (path.display().to_string(), Vec::with_capacity(BUFFER));
        Ok(Target { name, to: To::File(file), buffer, flushed, whole: 0, folder })
    }

    fn stdout() -> Self {
        let (name, buffer) = ("stdout".to_owned(), Vec::with_capacity(BUFFER));
        Target { name, to: To::Stdout, buffer, flushed: 0, whole: 0, folder: None }
    }

    /// How many bytes there are, with those that wait.
    fn length(&self) -> u64 {
        self.flushed + self.buffer.len() as u64
    }

    /// Takes a record that `write` puts into the buffer, behind the first `length` bytes: what is behind
    /// these is of a unit that failed. If it fails, nothing of the record stays.
    fn record<E>(
        &mut self,
        length: u64,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), IoError>
    where
        E: ToString,
    {
        if length < self.length() {
            self.cut(length)?;
        }
        let start = self.buffer.len();
        self.whole = start;
        if let Err(error) = write(&mut self.buffer) {
            self.buffer.truncate(start);
            let (path, reason) = (self.name.clone().into(), error.to_string());
            return Err(IoError::Record { path, reason });
        }
        self.whole = self.buffer.len();
        if self.whole >= BUFFER { self.flush() } else { Ok(()) }
    }

    fn cut(&mut self, length: u64) -> Result<(), IoError> {
        let kept = length.saturating_sub(self.flushed);
        self.buffer.truncate(usize::try_from(kept).unwrap_or(usize::MAX));
        self.whole = self.buffer.len();
        if length < self.flushed
            && let To::File(file) = &self.to
            && file.metadata().is_ok_and(|metadata| metadata.is_file())
        {
            file.set_len(length).map_err(|error| IoError::of_write(&self.name, error))?;
            self.flushed = length;
        }
        Ok(())
    }

    /// Writes what waits.
    pub(crate) fn flush(&mut self) -> Result<(), IoError> {
        let mut written = 0;
        let result = loop {
            if written == self.buffer.len() {
                break match &mut self.to {
                    To::File(_) => Ok(()),
                    To::Stdout => io::stdout().flush(),
                };
            }
            let rest = &self.buffer[written..];
            let wrote = match &mut self.to {
                To::File(file) => file.write(rest),
                To::Stdout => io::stdout().write(rest),
            };
            match wrote {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(bytes) => written += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        // What is written is not written again, should the sink be tried again.
        self.buffer.drain(..written);
        self.flushed += written as u64;
        self.whole = self.whole.saturating_sub(written);
        result.map_err(|error| IoError::of_write(&self.name, error))
    }

    /// Writes what waits and has the system put it on the disk: only then do some errors show.
    pub(crate) fn close(&mut self) -> Result<(), IoError> {
        self.flush()?;
        if let To::File(file) = &self.to
            && file.metadata().is_ok_and(|metadata| metadata.is_file())
        {
            let path = || PathBuf::from(&self.name);
            flush_file(file)
                .map_err(|error| IoError::Unflushed { path: path(), reason: error.to_string() })?;
        }
        if let Some((folder, is_new)) = &self.folder {
            match flush_folder(folder) {
                // Who may not read it has not made this file.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied && !is_new => {}
                flushed => {
                    flushed.map_err(|source| IoError::Write { path: folder.clone(), source })?
                }
            }
            self.folder = None;
        }
        Ok(())
    }

    /// Writes the whole records that wait, of who went down.
    fn flush_whole(&mut self) -> Result<(), IoError> {
        self.buffer.truncate(self.whole);
        self.flush()
    }
}

/// Nobody else writes there as long as the file is open. Where the system has no locks, none is asked for.
pub(crate) fn lock(file: &File, path: &Path) -> Result<(), IoError> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) if !broken(Broken::TwoWriters) => {
            Err(IoError::InUse { path: path.into() })
        }
        Err(TryLockError::Error(error)) if error.kind() != io::ErrorKind::Unsupported => {
            Err(IoError::Write { path: path.into(), source: error })
        }
        _ => Ok(()),
    }
}

/// What was written to the file is on the disk.
fn flush_file(file: &File) -> io::Result<()> {
    #[cfg(test)]
    if tests::FAILS.take() {
        return Err(io::Error::other("no such luck"));
    }
    file.sync_data()
}

/// Who is stopped has handled what waits.
impl Drop for Target {
    fn drop(&mut self) {
        let _ = self.flush_whole();
    }
}

/// How long a record may wait in the buffer of a sink, in milliseconds of the run's clock.
const FLUSH_AFTER: i64 = 200;

/// Where a buffered sink writes. What it has not written stays here while the sink restarts: it may be
/// that there is no room for it.
#[derive(Debug)]
pub(crate) struct Place {
    /// Standard output, if there is none.
    path: Option<PathBuf>,
    append: bool,
    target: Arc<Mutex<Option<Target>>>,
    /// Something of it may not be on the disk, and the system says so only once.
    unflushed: Arc<AtomicBool>,
}

impl Place {
    pub(crate) fn create(path: impl Into<PathBuf>) -> Self {
        let (target, unflushed) = Default::default();
        Place { path: Some(path.into()), append: false, target, unflushed }
    }

    pub(crate) fn append(path: impl Into<PathBuf>) -> Self {
        Place { append: true, ..Place::create(path) }
    }

    pub(crate) fn stdout() -> Self {
        let (target, unflushed) = Default::default();
        Place { path: None, append: false, target, unflushed }
    }

    /// Whether a run that begins anew writes over what the one before has written.
    pub(crate) fn is_new(&self) -> bool {
        !self.append
    }

    pub(crate) fn path(&self) -> &Path {
        self.path.as_deref().unwrap_or(Path::new("stdout"))
    }
}

/// What a buffered sink has while it runs.
#[derive(Debug)]
pub(crate) struct Buffered {
    target: Lent<Target>,
    flushes: bool,
    unflushed: Arc<AtomicBool>,
}

impl Buffered {
    pub(crate) fn at(place: &Place) -> Self {
        let unflushed = Arc::clone(&place.unflushed);
        Buffered { target: Lent::from(&place.target), flushes: false, unflushed }
    }

    /// Opens the place, to go on behind the first `written` bytes where that is known; how many there
    /// are now. Not once the system could not put on the disk what was there: asked again, it would say that
    /// it has.
    pub(crate) fn open(&mut self, place: &Place, written: Option<u64>) -> Result<u64, IoError> {
        if self.unflushed.load(Ordering::Relaxed) {
            let reason = "it was told so before this restart".to_owned();
            return Err(IoError::Unflushed { path: place.path().to_owned(), reason });
        }
        // What waits in the one before counts as written: it comes first, and stays if it cannot be.
        if broken(Broken::UnwrittenIsDropped) {
            self.target.take();
        } else if let Some(before) = self.target.get() {
            before.flush_whole()?;
            self.target.take();
        }
        self.flushes = false;
        let target = match &place.path {
            Some(path) => Target::file(path, place.append, written)?,
            None => Target::stdout(),
        };
        Ok(self.target.set(target).length())
    }

    /// Takes a record into a file, which `write` puts there, told how long that is; and sees to it that
    /// it is written soon.
    pub(crate) fn record<E: ToString>(
        &mut self,
        written: &mut Value<Option<u64>>,
        out: &mut impl Context,
        write: impl FnOnce(u64, &mut Vec<u8>) -> Result<(), E>,
    ) -> NodeResult {
        if let Some(target) = self.target.get() {
            let length = written.unwrap_or_else(|| target.length());
            target.record(length, |buffer| write(length, buffer))?;
            written.set(Some(target.length()));
            flush_soon(&mut self.flushes, out);
        }
        Ok(())
    }

    /// The same for standard output, of which nothing can be taken back.
    pub(crate) fn line<E: ToString>(
        &mut self,
        out: &mut impl Context,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> NodeResult {
        if let Some(target) = self.target.get() {
            target.record(target.length(), write)?;
            flush_soon(&mut self.flushes, out);
        }
        Ok(())
    }

    /// The time to write what waits has come.
    pub(crate) fn flush(&mut self) -> NodeResult {
        self.flushes = false;
        Ok(self.target.get().map_or(Ok(()), Target::flush)?)
    }

    /// What waits is to be on the disk.
    pub(crate) fn sync(&mut self) -> NodeResult {
        let synced = self.target.get().map_or(Ok(()), Target::close);
        if let Err(IoError::Unflushed { .. }) = synced {
            self.unflushed.store(true, Ordering::Relaxed);
        }
        Ok(synced?)
    }

    /// The same at the end.
    pub(crate) fn close(&mut self) -> NodeResult {
        self.sync()?;
        self.target.take();
        Ok(())
    }
}

/// The handlers that all buffered sinks share.
macro_rules! buffered {
    // Of a file: what it holds goes with the state, so that whoever goes on from a checkpoint goes on
    // there.
    (file $state:ty, $out:path) => {
        fn on_start(&self, state: &mut $state, out: &mut impl $out) -> $crate::NodeResult {
            $crate::node::Context::__clock_lapses(out);
            let length = state.buffered.open(&self.place, *state.written)?;
            state.written.set(Some(length));
            Ok(())
        }

        fn on_checkpoint(
            &self,
            state: &mut $state,
            _: u64,
            _: &mut impl $out,
        ) -> $crate::NodeResult {
            state.buffered.sync()
        }

        $crate::io::output::buffered!($state, $out);
    };
    (stdout $state:ty, $out:path) => {
        fn on_start(&self, state: &mut $state, out: &mut impl $out) -> $crate::NodeResult {
            $crate::node::Context::__clock_lapses(out);
            state.buffered.open(&self.place, None)?;
            Ok(())
        }

        $crate::io::output::buffered!($state, $out);
    };
    ($state:ty, $out:path) => {
        fn on_timer(
            &self,
            state: &mut $state,
            _: $crate::node::Timer<()>,
            _: &mut impl $out,
        ) -> $crate::NodeResult {
            state.buffered.flush()
        }

        fn on_stop(&self, state: &mut $state, _: &mut impl $out) -> $crate::NodeResult {
            state.buffered.close()
        }
    };
}
pub(crate) use buffered;

/// Sees to it that what waits is written soon; once for each flush. Where no timer of the clock can
/// be set, it is written when there is enough of it, and at the end.
pub(crate) fn flush_soon(flushes: &mut bool, out: &mut impl Context) {
    if out.__clock_moves() && !std::mem::replace(flushes, true) {
        let at = out.now().saturating_add(FLUSH_AFTER);
        out.set_timer("flush", TimerAt::Clock(at));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::checkpoint::disk::tests::FLUSHED;

    thread_local! {
        /// The next file that is flushed by this thread cannot be.
        pub(super) static FAILS: Cell<bool> = const { Cell::new(false) };
    }

    /// Told as lost, what the system could not put on the disk is not told as there when it is asked again: not
    /// of a sink that restarts, only of one of a run that begins anew.
    #[test]
    fn a_flush_that_failed_is_not_tried_again() {
        let folder = std::env::temp_dir().join(format!("streamweave-flush-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let place = Place::create(folder.join("lines"));
        let mut buffered = Buffered::at(&place);
        buffered.open(&place, None).unwrap();
        buffered.target.get().unwrap().record(0, |buffer| writeln!(buffer, "a line")).unwrap();
        FAILS.set(true);
        let told = buffered.sync().unwrap_err().to_string();
        assert!(told.contains("no such luck") && told.contains("last checkpoint"), "{told}");
        drop(buffered);
        let mut again = Buffered::at(&place);
        let told = again.open(&place, Some(7)).unwrap_err().to_string();
        assert!(told.contains("last checkpoint"), "{told}");
        // The run has ended, and lets go of the file.
        drop((again, place));
        let place = Place::create(folder.join("lines"));
        let mut anew = Buffered::at(&place);
        assert_eq!(anew.open(&place, Some(0)).unwrap(), 0);
        anew.sync().unwrap();
        drop(anew);
        fs::remove_dir_all(folder).unwrap();
    }

    /// What a sink made has its name on the disk before the first checkpoint holds what is in it.
    #[test]
    fn the_name_of_a_new_file_is_on_the_disk() {
        let folder = std::env::temp_dir().join(format!("streamweave-names-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let place = Place::create(folder.join("lines"));
        let mut buffered = Buffered::at(&place);
        buffered.open(&place, None).unwrap();
        assert_eq!(FLUSHED.take(), [] as [PathBuf; 0]);
        buffered.sync().unwrap();
        assert_eq!(FLUSHED.take(), [fs::canonicalize(&folder).unwrap()]);
        buffered.sync().unwrap();
        assert_eq!(FLUSHED.take(), [] as [PathBuf; 0], "once is enough");
        drop(buffered);
        fs::remove_dir_all(folder).unwrap();
    }
}
