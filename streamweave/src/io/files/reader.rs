//! One file while it is read: where the reading is, and what has become of the file.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::identity::Identity;
use super::input::Input;
use super::rotated::{self, Behind};
use super::split::Split;
use crate::io::IoError;
use crate::io::frames::Frames;

/// An open file and the bytes read ahead.
pub(crate) struct Reader {
    path: PathBuf,
    pub(crate) input: Input,
    pub(crate) frames: Frames,
    /// Behind the last line that was given.
    pub(crate) offset: u64,
    pub(crate) line: u64,
    /// The position of the split as this reader knows it.
    pub(crate) committed: u64,
    pub(crate) identity: Identity,
    /// Its path leads to another file: what is left of it is read, then it is done.
    pub(crate) replaced: bool,
    /// Its end was reached, and time has passed since.
    pub(crate) waited: bool,
}

/// What opening a file came to.
pub(crate) enum Opened {
    Reader(Box<Reader>),
    /// It is followed and not there yet.
    Absent,
    /// It is followed, and the file that the position is in is gone.
    Lost,
}

/// What has become of a file that is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    None,
    Replaced,
    Cut,
}

fn opened(reader: Reader) -> Opened {
    Opened::Reader(Box::new(reader))
}

const CHUNK: usize = 64 << 10;

impl Reader {
    /// Opens the file at `path`, or the one that the split's position is in, at that position.
    pub(crate) fn open(path: &Path, split: &Split, follow: bool) -> Result<Opened, IoError> {
        let file = match File::open(path) {
            Ok(file) => Some(file),
            Err(error) if follow && error.kind() == ErrorKind::NotFound => None,
            Err(source) => return Err(IoError::Open { path: path.into(), source }),
        };
        let failed = |source| IoError::Open { path: path.into(), source };
        if !split.identity.is_known() {
            return match file {
                Some(file) => Self::at(path, file, split, follow).map(opened),
                None => Ok(Opened::Absent),
            };
        }
        let mut copy = None;
        if let Some(file) = file {
            let metadata = file.metadata().map_err(failed)?;
            let same = split.identity.is_number_of(&metadata);
            if continues(&file, split).map_err(failed)? {
                if same || !follow {
                    return Self::at(path, file, split, follow).map(opened);
                }
                copy = Some(file);
            } else if !follow {
                return Err(IoError::Changed { path: path.into(), offset: split.offset });
            }
        }
        let moved = split.identity.beside(path);
        let moved = moved.filter(|file| continues(file, split).unwrap_or(false));
        match moved.or(copy) {
            Some(file) => Self::at(path, file, split, follow).map(opened),
            None => Ok(Opened::Lost),
        }
    }

    fn at(path: &Path, file: File, split: &Split, follow: bool) -> Result<Self, IoError> {
        let failed = |source| IoError::Read { path: path.into(), offset: split.offset, source };
        let mut input = Input::new(file, path)?;
        if follow && input.is_gzip() {
            let reason = "a file that is followed must be plain; leave `.follow()` out";
            return Err(IoError::Gzip { path: path.into(), reason });
        }
        input.skip_to(split.offset).map_err(failed)?;
        let read = if input.is_gzip() { u64::MAX } else { split.offset };
        let identity = Identity::of(input.file(), read).map_err(failed)?;
        Ok(Reader {
            path: path.into(),
            input,
            frames: Frames::new(CHUNK),
            offset: split.offset,
            line: split.line,
            committed: split.offset,
            identity,
            replaced: false,
            waited: false,
        })
    }

    /// Reads a file that was cut again, from its start.
    pub(crate) fn again(path: &Path, file: File) -> Result<Self, IoError> {
        Self::at(path, file, &Split::default(), true)
    }

    /// Reads on; 0 at the end, or the present end.
    pub(crate) fn fill(&mut self) -> io::Result<usize> {
        let read = self.input.read(self.frames.space())?;
        self.frames.filled(read);
        Ok(read)
    }

    /// Takes in more of the beginning, for the file and for its saved position. Without, they are
    /// recognised by less: a failure to read is no failure here.
    pub(crate) fn extend(&mut self, saved: &mut Identity) {
        let file = self.input.file();
        let gzip = self.input.is_gzip();
        let read = |bytes| if gzip { u64::MAX } else { bytes };
        // The position may be in the next file already.
        if saved.is_same_number(&self.identity) {
            let _ = saved.extend(file, read(self.committed));
        }
        let _ = self.identity.extend(file, read(self.offset + self.frames.pending()));
    }

    /// What has become of the file.
    pub(crate) fn change(&self) -> io::Result<Change> {
        let file = self.input.file();
        let read = self.offset + self.frames.pending();
        let metadata = file.metadata()?;
        if metadata.is_file() && (metadata.len() < read || !self.identity.is_head_of(file)?) {
            return Ok(Change::Cut);
        }
        Ok(match self.path.metadata() {
            Ok(named) if !self.identity.is_number_of(&named) => Change::Replaced,
            // Moved away, and the next one is not there yet: what is still written is read.
            _ => Change::None,
        })
    }

    /// What comes behind it, now that it was replaced.
    pub(crate) fn behind(&self, until: u64) -> io::Result<Option<Behind>> {
        rotated::behind(&self.path, self.input.file(), until)
    }

    pub(crate) fn failed(&self, source: io::Error) -> IoError {
        let offset = self.offset + self.frames.pending();
        IoError::Read { path: self.path.clone(), offset, source }
    }
}

/// Whether `file` can be the one that the position is in. What is no file, a pipe, cannot say.
fn continues(file: &File, split: &Split) -> io::Result<bool> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(true);
    }
    // Of gzip the position says nothing about the length: the head has to do.
    let mut magic = [0; 2];
    let gzip = read_start(file, &mut magic)? == 2 && magic == [0x1f, 0x8b];
    Ok((gzip || metadata.len() >= split.offset) && split.identity.is_head_of(file)?)
}

fn read_start(mut file: &File, into: &mut [u8]) -> io::Result<usize> {
    use std::io::{Read, Seek};
    file.rewind()?;
    let read = file.read(into)?;
    file.rewind()?;
    Ok(read)
}
