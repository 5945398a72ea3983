//! Where malformed lines go: one JSON object a line, with file, line, reason and the text itself.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::parse::ParseError;
use crate::saved::flush_folder_of;

/// How many bytes of a malformed line are kept.
const KEPT: usize = 4096;

/// A malformed line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeadLetter {
    pub(crate) file: String,
    /// From 1.
    pub(crate) line: u64,
    pub(crate) reason: String,
    /// Its first bytes; what is not UTF-8 is replaced.
    pub(crate) text: String,
}

impl DeadLetter {
    pub(crate) fn new(file: &str, line: u64, text: &[u8], reason: &ParseError) -> Self {
        let kept = &text[..text.len().min(KEPT)];
        Self {
            file: file.into(),
            line,
            reason: reason.to_string(),
            text: String::from_utf8_lossy(kept).into_owned(),
        }
    }
}

/// The file, if one is wanted.
#[derive(Debug)]
pub(crate) struct DeadLetters(Option<Open>);

#[derive(Debug)]
struct Open {
    path: PathBuf,
    file: BufWriter<File>,
    /// It goes on where a checkpoint says.
    resumed: bool,
}

impl DeadLetters {
    /// Creates the file, before any work is done.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn create(path: Option<PathBuf>) -> Result<Self, Failure> {
        Self::open(path, File::options().write(true).create(true).truncate(true), false)
    }

    /// Opens the file to go on with it: nothing is to be written before [`cut`](Self::cut).
    ///
    /// # Errors
    /// It cannot be written, or is none that can be cut.
    pub(crate) fn resume(path: Option<PathBuf>) -> Result<Self, Failure> {
        let letters =
            Self::open(path, File::options().write(true).create(true).truncate(false), true)?;
        if let Some(Open { path, file, .. }) = &letters.0 {
            let failed = |error| Failure::dead_letters(path, error);
            if !file.get_ref().metadata().map_err(failed)?.is_file() {
                return Err(Failure::NoFile(path.display().to_string()));
            }
            flush_folder_of(path).map_err(failed)?;
        }
        Ok(letters)
    }

    fn open(path: Option<PathBuf>, how: &OpenOptions, resumed: bool) -> Result<Self, Failure> {
        let open = |path: PathBuf| match how.open(&path) {
            Ok(file) => Ok(Open { path, file: BufWriter::new(file), resumed }),
            Err(error) => Err(Failure::dead_letters(&path, error)),
        };
        path.map(open).transpose().map(Self)
    }

    /// The file itself and its path.
    ///
    /// # Errors
    /// The system gives no second handle of it.
    pub(crate) fn file(&self) -> Result<Option<(PathBuf, File)>, Failure> {
        let Some(Open { path, file, .. }) = &self.0 else { return Ok(None) };
        let file = file.get_ref().try_clone();
        file.map(|file| Some((path.clone(), file))).map_err(|e| Failure::dead_letters(path, e))
    }

    /// Cuts a file that is resumed back to the `written` bytes that a checkpoint knows of.
    ///
    /// # Errors
    /// It is shorter, or cannot be cut.
    pub(crate) fn cut(&mut self, written: u64) -> Result<(), Failure> {
        let Some(Open { path, file, resumed: true }) = &mut self.0 else { return Ok(()) };
        let file = file.get_mut();
        let length = file.metadata().map_err(|error| Failure::dead_letters(path, error))?.len();
        if length < written {
            return Err(Failure::Shortened { path: path.clone(), length, written });
        }
        let cut = file.set_len(written).and_then(|()| file.seek(SeekFrom::Start(written)));
        cut.map(drop).map_err(|error| Failure::dead_letters(path, error))
    }

    /// Writes one line; how many bytes. It may stay in memory until [`flush`](Self::flush).
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn write(&mut self, letter: &DeadLetter) -> Result<u64, Failure> {
        let Some(Open { path, file, .. }) = &mut self.0 else { return Ok(0) };
        let mut line = serde_json::to_vec(letter).unwrap_or_default();
        line.push(b'\n');
        file.write_all(&line).map_err(|error| Failure::dead_letters(path, error))?;
        Ok(line.len() as u64)
    }

    /// Hands everything to the operating system.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        let Some(Open { path, file, .. }) = &mut self.0 else { return Ok(()) };
        file.flush().map_err(|error| Failure::dead_letters(path, error))
    }
}
