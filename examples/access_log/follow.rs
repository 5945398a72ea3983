//! A file that grows: waits at its end for more, and goes on in the new file after rotation.

use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek};
use std::path::PathBuf;

/// Takes a pause, and returns whether to go on.
pub(crate) type Wait = Box<dyn FnMut() -> bool + Send>;

/// Reads a file as `tail -F` does, but that one file ends where the next one begins.
pub(crate) struct Follow {
    path: PathBuf,
    file: File,
    next: Option<Next>,
    wait: Wait,
}

/// What is to be read behind the end of the present file.
enum Next {
    /// The file that took its name. The old one is read until nothing more comes: what is still
    /// written to it is not lost.
    File(File),
    /// The same file from its start, as it was cut.
    Start,
}

impl Follow {
    /// Follows a file from its start until `wait`, asked at its end, says so.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(crate) fn open(path: PathBuf, wait: Wait) -> io::Result<Self> {
        Ok(Self { file: File::open(&path)?, next: None, path, wait })
    }

    /// Behind the end: goes on with the next file of that name, and returns whether there is one.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn next_file(&mut self) -> io::Result<bool> {
        match self.next.take() {
            Some(Next::File(file)) => self.file = file,
            Some(Next::Start) => self.file.rewind()?,
            None => return Ok(false),
        }
        Ok(true)
    }

    /// Another file of that name, if there is one by now, or the start of this one if it was cut.
    fn look(&mut self) -> io::Result<Option<Next>> {
        let Ok(named) = self.path.metadata() else {
            // Moved away, and the next one is not there yet.
            return Ok(None);
        };
        let open = self.file.metadata()?;
        if !same(&named, &open) {
            return Ok(Some(Next::File(File::open(&self.path)?)));
        }
        let cut = open.len() < self.file.stream_position()?;
        Ok(cut.then_some(Next::Start))
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

impl Read for Follow {
    /// 0 at the end of one file; [`next_file`](Self::next_file) tells whether it is that of all.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(Next::Start) = self.next {
                return Ok(0);
            }
            let read = self.file.read(buffer)?;
            if read > 0 || buffer.is_empty() || self.next.is_some() {
                return Ok(read);
            }
            self.next = self.look()?;
            if self.next.is_none() && !(self.wait)() {
                return Ok(0);
            }
        }
    }
}

impl fmt::Debug for Follow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follow").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;
    use crate::blocks::Block;
    use crate::input::Lines;

    /// What was not ended is a line of its own file, and each file counts its lines from 1.
    #[test]
    fn goes_on_after_growth_rotation_and_truncation() {
        let folder = std::env::temp_dir().join(format!("access_log-follow-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (path, moved) = (folder.join("a.log"), folder.join("a.log.1"));
        fs::write(&path, "first\nsec").unwrap();
        let (log, append) = (path.clone(), |path: &PathBuf, text: &str| {
            File::options().append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
        });
        let mut pauses = 0;
        let wait = move || {
            pauses += 1;
            match pauses {
                1 => append(&log, "ond\nunended"),
                2 => fs::rename(&log, &moved).unwrap(),
                3 => append(&moved, " in the old file"),
                4 => fs::write(&log, "of the new file\nunended, too").unwrap(),
                5 => fs::write(&log, "after the cut\n").unwrap(),
                6 => append(&log, "last"),
                _ => return false,
            }
            true
        };
        let mut lines = Lines::followed("a.log".into(), path, Box::new(wait)).unwrap();
        let (mut block, mut read) = (Block::default(), Vec::new());
        while lines.next(&mut block).unwrap() {
            let text = |line: &[u8]| String::from_utf8_lossy(line).into_owned();
            read.extend(block.lines().map(|(number, line)| (number, text(line))));
        }
        fs::remove_dir_all(&folder).unwrap();
        let expected = [
            (1, "first"),
            (2, "second"),
            (3, "unended in the old file"),
            (1, "of the new file"),
            (2, "unended, too"),
            (1, "after the cut"),
            (2, "last"),
        ];
        assert_eq!(read, expected.map(|(number, line)| (number, line.to_owned())));
    }
}
