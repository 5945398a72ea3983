//! Where lines come from: files, globs, standard input, a file that grows; plain or gzip.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use indicatif::ProgressBar;

use crate::blocks::{Block, Blocks, Place};
use crate::failure::Failure;
use crate::follow::{Follow, Wait};
use crate::parse::{Format, parse};

/// A place to read lines from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    Stdin,
    File(PathBuf),
}

impl Input {
    /// The inputs that the command line names, in its order; the files of a glob by name.
    ///
    /// # Errors
    /// A file or a glob without any, before anything is read.
    pub(crate) fn all(names: &[String]) -> Result<Vec<Self>, Failure> {
        let mut inputs = Vec::new();
        for name in names {
            if name == "-" {
                inputs.push(Self::Stdin);
            } else if Path::new(name).is_dir() {
                return Err(Failure::Folder(name.clone()));
            } else if Path::new(name).exists() {
                inputs.push(Self::File(name.into()));
            } else if name.contains(['*', '?', '[']) {
                let before = inputs.len();
                let found = glob::glob(name)
                    .map_err(|source| Failure::Pattern { pattern: name.clone(), source })?;
                for path in found {
                    let path = path.map_err(|error| Failure::Read {
                        name: error.path().display().to_string(),
                        source: error.into(),
                    })?;
                    if !path.is_dir() {
                        inputs.push(Self::File(path));
                    }
                }
                if inputs.len() == before {
                    return Err(Failure::NoMatch(name.clone()));
                }
            } else {
                return Err(Failure::Missing(name.clone()));
            }
        }
        Ok(inputs)
    }

    /// The inputs in the order of their first requests, so that a log and the files it was rotated
    /// to are read from the oldest on. As given if one of them can be read only once.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub(crate) fn by_time(inputs: Vec<Self>, format: Format) -> Result<Vec<Self>, Failure> {
        let is_file = |input: &Self| matches!(input, Self::File(path) if path.is_file());
        if inputs.len() < 2 || !inputs.iter().all(is_file) {
            return Ok(inputs);
        }
        let timed = inputs.into_iter().map(|input| Ok((input.first_time(format)?, input)));
        let mut timed = timed.collect::<Result<Vec<_>, Failure>>()?;
        timed.sort_by_key(|(time, _)| *time);
        Ok(timed.into_iter().map(|(_, input)| input).collect())
    }

    /// The time of its first request.
    fn first_time(&self, format: Format) -> Result<Option<i64>, Failure> {
        let (mut lines, mut block) = (self.open(&ProgressBar::hidden())?, Block::default());
        while lines.next(&mut block)? {
            let mut records = block.lines().filter_map(|(_, line)| parse(line, format).ok());
            if let Some(record) = records.next() {
                return Ok(Some(record.time_ms()));
            }
        }
        Ok(None)
    }

    /// What dead letters call it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Stdin => "-".into(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// Opens it for reading; the bar goes on with what is read of a file.
    ///
    /// # Errors
    /// It cannot be opened.
    pub(crate) fn open(&self, bar: &ProgressBar) -> Result<Lines, Failure> {
        match self {
            Self::Stdin => Lines::new(self.name(), Box::new(io::stdin())),
            Self::File(path) => match File::open(path) {
                Ok(file) => Lines::new(self.name(), Box::new(bar.wrap_read(file))),
                Err(source) => Err(Failure::Read { name: self.name(), source }),
            },
        }
    }
}

impl Input {
    /// Opens it where it was read up to `place`.
    ///
    /// # Errors
    /// It cannot be opened, or is shorter than that.
    pub(crate) fn resume(&self, place: Place, bar: &ProgressBar) -> Result<Lines, Failure> {
        let name = self.name();
        let Self::File(path) = self else { return Err(Failure::OnlyOnce(name)) };
        let at_place = |mut file: File| {
            let mut start = Vec::with_capacity(2);
            file.by_ref().take(2).read_to_end(&mut start)?;
            let is_gzip = start == GZIP;
            if is_gzip {
                // What is before can only be unpacked again.
                file.rewind()?;
                let mut unpacked = MultiGzDecoder::new(bar.wrap_read(file));
                let before = io::copy(&mut unpacked.by_ref().take(place.bytes), &mut io::sink())?;
                return Ok((true, Text::Whole(Box::new(unpacked)), before));
            }
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(place.bytes))?;
            bar.inc(place.bytes);
            Ok((false, Text::Whole(Box::new(bar.wrap_read(file))), length))
        };
        match File::open(path).and_then(at_place) {
            Ok((.., there)) if there < place.bytes => Err(Failure::Replaced(name)),
            Ok((gzip, reader, _)) => Ok(Lines { name, gzip, blocks: Blocks::new(reader, place) }),
            Err(source) => Err(Failure::Read { name, source }),
        }
    }
}

const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What is read: to its end, or one file of a name after another.
enum Text {
    Whole(Box<dyn Read + Send>),
    Followed(Follow),
}

impl Read for Text {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Text::Whole(reader) => reader.read(buffer),
            Text::Followed(follow) => follow.read(buffer),
        }
    }
}

/// The lines of one input, in blocks.
#[derive(Debug)]
pub(crate) struct Lines {
    name: String,
    gzip: bool,
    blocks: Blocks<Text>,
}

impl Lines {
    /// Lines of any reader; whether it is gzip its first bytes say, whatever its name.
    ///
    /// # Errors
    /// The first bytes cannot be read.
    pub(crate) fn new(name: String, mut reader: Box<dyn Read + Send>) -> Result<Self, Failure> {
        let mut start = Vec::with_capacity(2);
        if let Err(source) = reader.by_ref().take(2).read_to_end(&mut start) {
            return Err(Failure::Read { name, source });
        }
        let gzip = start == GZIP;
        let whole = io::Cursor::new(start).chain(reader);
        // Rotated logs are often concatenated: a file of several gzip members is one log.
        let reader: Box<dyn Read + Send> =
            if gzip { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) };
        Ok(Self { name, gzip, blocks: Blocks::new(Text::Whole(reader), Place::default()) })
    }

    /// Lines of a plain file that grows, and of those that follow it under its name.
    ///
    /// # Errors
    /// It cannot be opened, or is gzip.
    pub(crate) fn followed(name: String, path: PathBuf, wait: Wait) -> Result<Self, Failure> {
        let mut start = Vec::with_capacity(2);
        let opened = File::open(&path).and_then(|file| file.take(2).read_to_end(&mut start));
        match opened.and_then(|_| Follow::open(path, wait)) {
            Ok(_) if start == GZIP => Err(Failure::FollowedGzip(name)),
            Ok(follow) => {
                let blocks = Blocks::new(Text::Followed(follow), Place::default());
                Ok(Self { name, gzip: false, blocks })
            }
            Err(source) => Err(Failure::Read { name, source }),
        }
    }

    /// What dead letters call the input.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Behind the last block.
    pub(crate) fn place(&self) -> Place {
        self.blocks.place()
    }

    /// Reads the next block, of one file; false at the end.
    ///
    /// # Errors
    /// The input cannot be read on; after that, it is not to be used.
    pub(crate) fn next(&mut self, block: &mut Block) -> Result<bool, Failure> {
        self.next_of_any(block).map_err(|source| {
            let name = self.name.clone();
            if self.gzip { Failure::Gzip { name, source } } else { Failure::Read { name, source } }
        })
    }

    fn next_of_any(&mut self, block: &mut Block) -> io::Result<bool> {
        let next_file = |text: &mut Text| match text {
            Text::Whole(_) => Ok(false),
            Text::Followed(follow) => follow.next_file(),
        };
        while !self.blocks.next(block)? {
            if !self.blocks.begin(next_file)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn sample(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("access_log/sample").join(name)
    }

    /// The lines from here on, of so many blocks.
    fn read(lines: &mut Lines, most: usize) -> Vec<(u64, Vec<u8>)> {
        let (mut block, mut read) = (Block::default(), Vec::new());
        for _ in 0..most {
            if !lines.next(&mut block).unwrap() {
                break;
            }
            read.extend(block.lines().map(|(number, line)| (number, line.to_vec())));
        }
        read
    }

    #[test]
    fn whoever_resumes_plain_and_gzip_reads_the_rest() {
        for name in ["access.log", "access.log.gz"] {
            let input = Input::File(sample(name));
            let whole = read(&mut input.open(&ProgressBar::hidden()).unwrap(), usize::MAX);
            for most in 1..4 {
                let mut lines = input.open(&ProgressBar::hidden()).unwrap();
                let mut both = read(&mut lines, most);
                both.extend(read(
                    &mut input.resume(lines.place(), &ProgressBar::hidden()).unwrap(),
                    usize::MAX,
                ));
                assert!(both == whole, "{name} behind {most} blocks");
            }
        }
    }

    #[test]
    fn what_is_shorter_than_the_place_is_another_file() {
        let path = std::env::temp_dir().join(format!("access_log-short-{}", std::process::id()));
        for (name, shorter) in [("access.log", "common.log"), ("access.log.gz", "common.log")] {
            fs::copy(sample(name), &path).unwrap();
            let input = Input::File(path.clone());
            let mut lines = input.open(&ProgressBar::hidden()).unwrap();
            read(&mut lines, usize::MAX);
            fs::copy(sample(shorter), &path).unwrap();
            let refused = input.resume(lines.place(), &ProgressBar::hidden()).unwrap_err();
            assert!(matches!(refused, Failure::Replaced(_)), "{refused}");
        }
        fs::remove_file(path).unwrap();
    }
}
