//! A file that grows: waits at its end for more, and goes on in the new file after rotation.

use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek};
use std::path::PathBuf;

/// Reads a file as `tail -F` does. It ends when `wait` says so.
pub(crate) struct Follow<W> {
    path: PathBuf,
    file: File,
    /// The file after rotation, once the present one is read to its end.
    next: Option<File>,
    wait: W,
}

impl<W: FnMut() -> bool> Follow<W> {
    /// Follows a file from its start. At its end, `wait` takes a pause and returns whether to go
    /// on.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(crate) fn open(path: PathBuf, wait: W) -> io::Result<Self> {
        Ok(Self { file: File::open(&path)?, next: None, path, wait })
    }

    /// Another file of that name, if there is one by now, or the start of this one if it was cut.
    fn rotated(&mut self) -> io::Result<bool> {
        let Ok(named) = self.path.metadata() else {
            // Moved away, and the next one is not there yet.
            return Ok(false);
        };
        let open = self.file.metadata()?;
        if !same(&named, &open) {
            self.next = Some(File::open(&self.path)?);
            return Ok(true);
        }
        let cut = open.len() < self.file.stream_position()?;
        if cut {
            self.file.rewind()?;
        }
        Ok(cut)
    }
}

#[cfg(unix)]
fn same(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(not(unix))]
fn same(a: &Metadata, b: &Metadata) -> bool {
    a.created().ok() == b.created().ok()
}

impl<W: FnMut() -> bool> Read for Follow<W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.file.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            // The old file gets one more read after the new one was seen: what was written to it
            // in between is not lost.
            if let Some(next) = self.next.take() {
                self.file = next;
                continue;
            }
            if !self.rotated()? && !(self.wait)() {
                return Ok(0);
            }
        }
    }
}

impl<W> fmt::Debug for Follow<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follow").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    #[test]
    fn goes_on_after_growth_rotation_and_truncation() {
        let folder = std::env::temp_dir().join(format!("access_log-follow-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (path, moved) = (folder.join("a.log"), folder.join("a.log.1"));
        fs::write(&path, "first ").unwrap();
        let log = path.clone();
        let mut pauses = 0;
        let wait = || {
            pauses += 1;
            match pauses {
                1 => File::options().append(true).open(&log).unwrap().write_all(b"more ").unwrap(),
                2 => fs::rename(&log, &moved).unwrap(),
                3 => fs::write(&log, "second file ").unwrap(),
                4 => fs::write(&log, "cut").unwrap(),
                _ => return false,
            }
            true
        };
        let mut text = String::new();
        Follow::open(path, wait).unwrap().read_to_string(&mut text).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(text, "first more second file cut");
    }
}
