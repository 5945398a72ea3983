//! Where sinks of files and standard output write: buffered, every error with its name.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use crate::io::IoError;

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
pub(crate) struct Target {
    name: String,
    to: To,
    buffer: Vec<u8>,
    /// How many bytes are before those of the buffer.
    flushed: u64,
    /// How many of the buffer are whole records.
    whole: usize,
}

#[derive(Debug)]
enum To {
    File(File),
    Stdout,
}

impl Target {
    /// Opens a file, to go on behind its first `written` bytes where that is known.
    pub(crate) fn file(path: &Path, append: bool, written: Option<u64>) -> Result<Self, IoError> {
        let failed = |source| IoError::Write { path: path.into(), source };
        let file = File::options().create(true).append(true).open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let mut flushed = metadata.len();
        if metadata.is_file() {
            let keep = written.unwrap_or(if append { flushed } else { 0 });
            if flushed < keep {
                return Err(IoError::Shorter { path: path.into(), length: flushed, written: keep });
            }
            file.set_len(keep).map_err(failed)?;
            flushed = keep;
        }
        let (name, buffer) = (path.display().to_string(), Vec::with_capacity(BUFFER));
        Ok(Target { name, to: To::File(file), buffer, flushed, whole: 0 })
    }

    pub(crate) fn stdout() -> Self {
        let (name, buffer) = ("stdout".to_owned(), Vec::with_capacity(BUFFER));
        Target { name, to: To::Stdout, buffer, flushed: 0, whole: 0 }
    }

    /// How many bytes there are, with those that wait.
    pub(crate) fn length(&self) -> u64 {
        self.flushed + self.buffer.len() as u64
    }

    /// Takes a record that `write` puts into the buffer, behind the first `length` bytes: what is behind
    /// these is of a unit that failed. If it fails, nothing of the record stays.
    pub(crate) fn record<E>(
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
        match &self.to {
            To::File(file) if file.metadata().is_ok_and(|metadata| metadata.is_file()) => {
                file.sync_data().map_err(|error| IoError::of_write(&self.name, error))
            }
            _ => Ok(()),
        }
    }
}

/// Who goes down and up again, or is stopped, has handled what waits.
impl Drop for Target {
    fn drop(&mut self) {
        self.buffer.truncate(self.whole);
        let _ = self.flush();
    }
}

/// How long a record may wait in the buffer of a sink, in milliseconds of the run's clock.
pub(crate) const FLUSH_AFTER: i64 = 200;

/// The handlers that all buffered sinks share.
macro_rules! buffered {
    // Of a file: what it holds goes with the state, so that whoever goes on from a checkpoint goes on
    // there.
    (file $state:ty, $out:path) => {
        fn on_start(&self, state: &mut $state, _: &mut impl $out) -> $crate::NodeResult {
            // What waits in the one before is to be in the file first.
            state.target = None;
            let target = Target::file(&self.path, self.append, *state.written)?;
            state.written.set(Some(target.length()));
            state.target = Some(target);
            state.flushes = false;
            Ok(())
        }

        fn on_checkpoint(
            &self,
            state: &mut $state,
            _: u64,
            _: &mut impl $out,
        ) -> $crate::NodeResult {
            match &mut state.target {
                Some(target) => Ok(target.close()?),
                None => Ok(()),
            }
        }

        $crate::io::output::buffered!($state, $out);
    };
    (stdout $state:ty, $out:path) => {
        fn on_start(&self, state: &mut $state, _: &mut impl $out) -> $crate::NodeResult {
            state.target = Some(Target::stdout());
            state.flushes = false;
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
            state.flushes = false;
            match &mut state.target {
                Some(target) => Ok(target.flush()?),
                None => Ok(()),
            }
        }

        fn on_stop(&self, state: &mut $state, _: &mut impl $out) -> $crate::NodeResult {
            match state.target.take() {
                Some(mut target) => Ok(target.close()?),
                None => Ok(()),
            }
        }
    };
}
pub(crate) use buffered;

/// Sees to it that what waits is written soon; once for each flush. Where no timer of the clock can
/// be set, it is written when there is enough of it, and at the end.
pub(crate) fn flush_soon(flushes: &mut bool, out: &mut impl crate::node::Context) {
    if out.__clock_moves() && !std::mem::replace(flushes, true) {
        let at = out.now().saturating_add(FLUSH_AFTER);
        out.set_timer("flush", crate::node::TimerAt::Clock(at));
    }
}
