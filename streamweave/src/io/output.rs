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
}

#[derive(Debug)]
enum To {
    File(File),
    Stdout,
}

impl Target {
    /// Opens a file; whether it is empty is told too.
    pub(crate) fn file(path: &Path, append: bool) -> Result<(Self, bool), IoError> {
        let failed = |source| IoError::Write { path: path.into(), source };
        let mut options = File::options();
        let file = options.create(true).write(true).append(append).truncate(!append).open(path);
        let file = file.map_err(failed)?;
        let empty = file.metadata().map_err(failed)?.len() == 0;
        let name = path.display().to_string();
        Ok((Target { name, to: To::File(file), buffer: Vec::with_capacity(BUFFER) }, empty))
    }

    pub(crate) fn stdout() -> Self {
        Target { name: "stdout".to_owned(), to: To::Stdout, buffer: Vec::with_capacity(BUFFER) }
    }

    /// Takes a record that `write` puts into the buffer. If it fails, nothing of the record stays.
    pub(crate) fn record<E>(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), IoError>
    where
        E: ToString,
    {
        let start = self.buffer.len();
        if let Err(error) = write(&mut self.buffer) {
            self.buffer.truncate(start);
            let (path, reason) = (self.name.clone().into(), error.to_string());
            return Err(IoError::Record { path, reason });
        }
        if self.buffer.len() >= BUFFER { self.flush() } else { Ok(()) }
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

/// How long a record may wait in the buffer of a sink, in milliseconds of the run's clock.
pub(crate) const FLUSH_AFTER: i64 = 200;

/// The handlers that all buffered sinks share: `open` opens the target, `$target` leads to it.
macro_rules! buffered {
    ($state:ty, $out:path, |$node:ident| $open:expr) => {
        $crate::io::output::buffered!($state, $out, |$node, _state| $open);
    };
    ($state:ty, $out:path, |$node:ident, $own:ident| $open:expr) => {
        fn on_start(&self, state: &mut $state, _: &mut impl $out) -> $crate::NodeResult {
            let ($node, $own) = (self, &mut *state);
            let target = $open;
            state.target = Some(target);
            state.flushes = false;
            Ok(())
        }

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
