//! Where malformed lines go: one JSON object a line, with file, line, reason and the text itself.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::parse::ParseError;

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
pub(crate) struct DeadLetters(Option<(PathBuf, BufWriter<File>)>);

impl DeadLetters {
    /// Creates the file, before any work is done.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn create(path: Option<PathBuf>) -> Result<Self, Failure> {
        let open = |path: PathBuf| match File::create(&path) {
            Ok(file) => Ok((path, BufWriter::new(file))),
            Err(error) => Err(Failure::dead_letters(&path, error)),
        };
        path.map(open).transpose().map(Self)
    }

    /// Writes one line. It may stay in memory until [`flush`](Self::flush).
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn write(&mut self, letter: &DeadLetter) -> Result<(), Failure> {
        let Some((path, file)) = &mut self.0 else { return Ok(()) };
        let mut line = serde_json::to_vec(letter).unwrap_or_default();
        line.push(b'\n');
        file.write_all(&line).map_err(|error| Failure::dead_letters(path, error))
    }

    /// Hands everything to the operating system.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        let Some((path, file)) = &mut self.0 else { return Ok(()) };
        file.flush().map_err(|error| Failure::dead_letters(path, error))
    }
}
