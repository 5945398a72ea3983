//! Input in blocks of whole lines: large enough that a line costs no system call and no copy.

use std::fmt;
use std::io::{self, Read};
use std::ops::Range;

use memchr::{memchr, memchr_iter, memrchr};
use serde::{Deserialize, Serialize};

use crate::parse::MAX_LINE;

const BLOCK: usize = 256 << 10;

/// Whole lines of one file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Block {
    buffer: Vec<u8>,
    filled: usize,
    first_line: u64,
}

impl Block {
    /// The lines without their line feeds, and their numbers in the file, from 1.
    #[inline]
    pub(crate) fn lines(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let bytes = &self.buffer[..self.filled];
        lines_of(bytes, self.first_line).map(|(number, range)| (number, &bytes[range]))
    }

    /// The bytes of all lines, and the first one's number: to be shared by what is made of them.
    pub(crate) fn into_bytes(mut self) -> (Vec<u8>, u64) {
        self.buffer.truncate(self.filled);
        (self.buffer, self.first_line)
    }
}

/// Where the lines of `bytes` are, without their line feeds, and their numbers from `first` on.
#[inline]
pub(crate) fn lines_of(bytes: &[u8], first: u64) -> impl Iterator<Item = (u64, Range<usize>)> {
    let mut start = 0;
    (first..).map_while(move |number| {
        let rest = bytes.get(start..).filter(|rest| !rest.is_empty())?;
        let length = memchr(b'\n', rest).unwrap_or(rest.len());
        let line = start..start + length;
        start += length + 1;
        Some((number, line))
    })
}

/// How far an input is read: all blocks up to here were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// In the text: of gzip, when unpacked.
    pub(crate) bytes: u64,
    next_line: u64,
    /// In the rest of a line that was too long.
    skipping: bool,
}

impl Default for Place {
    fn default() -> Self {
        Place { bytes: 0, next_line: 1, skipping: false }
    }
}

/// Divides what a reader reads into blocks.
pub(crate) struct Blocks<R> {
    reader: R,
    /// The start of a line whose end has not been read yet.
    carry: Vec<u8>,
    place: Place,
    max_line: usize,
}

impl<R: Read> Blocks<R> {
    /// What the reader reads is the text from `place` on.
    pub(crate) fn new(reader: R, place: Place) -> Self {
        Self { reader, carry: Vec::new(), place, max_line: MAX_LINE }
    }

    /// Behind the last block.
    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// At the end: goes on with another text, if `next` finds one in the reader.
    ///
    /// # Errors
    /// What `next` says.
    pub(crate) fn begin(
        &mut self,
        next: impl FnOnce(&mut R) -> io::Result<bool>,
    ) -> io::Result<bool> {
        let more = next(&mut self.reader)?;
        if more {
            self.place = Place::default();
        }
        Ok(more)
    }

    /// Reads the next block into `block`, whose memory is used again; false at the end. The last
    /// line needs no line feed; a line of [`MAX_LINE`] bytes or more is cut to `MAX_LINE`.
    ///
    /// # Errors
    /// What the reader says.
    pub(crate) fn next(&mut self, block: &mut Block) -> io::Result<bool> {
        let mut filled = self.carry.len();
        if block.buffer.len() < filled + BLOCK {
            block.buffer.resize(filled + BLOCK, 0);
        }
        block.buffer[..filled].copy_from_slice(&self.carry);
        self.carry.clear();
        let mut bytes = self.place.bytes + filled as u64;
        let whole = loop {
            if block.buffer.len() - filled < BLOCK / 2 {
                block.buffer.resize(block.buffer.len() * 2, 0);
            }
            let read = match self.reader.read(&mut block.buffer[filled..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            if read == 0 {
                break filled;
            }
            let start = filled;
            filled += read;
            bytes += read as u64;
            if self.place.skipping {
                let Some(end) = memchr(b'\n', &block.buffer[start..filled]) else {
                    filled = start;
                    continue;
                };
                block.buffer.copy_within(start + end + 1..filled, start);
                filled -= end + 1;
                self.place.skipping = false;
            }
            if let Some(end) = memrchr(b'\n', &block.buffer[start..filled]) {
                break start + end + 1;
            }
            if filled >= self.max_line {
                self.place.skipping = true;
                filled = self.max_line;
                break filled;
            }
        };
        self.carry.extend_from_slice(&block.buffer[whole..filled]);
        block.filled = whole;
        block.first_line = self.place.next_line;
        self.place.bytes = bytes - self.carry.len() as u64;
        let lines = &block.buffer[..whole];
        let unended = lines.last().is_some_and(|last| *last != b'\n');
        self.place.next_line += memchr_iter(b'\n', lines).count() as u64 + u64::from(unended);
        Ok(whole > 0)
    }
}

impl<R> fmt::Debug for Blocks<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocks").field("place", &self.place).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads at most `step` bytes at a time.
    struct Steps<'a>(&'a [u8], usize);

    impl Read for Steps<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(buffer.len()).min(self.0.len());
            self.0.read(&mut buffer[..length])
        }
    }

    fn all(text: &[u8], step: usize, max_line: usize) -> Vec<(u64, String)> {
        let mut blocks = Blocks { max_line, ..Blocks::new(Steps(text, step), Place::default()) };
        let mut block = Block::default();
        let mut lines = Vec::new();
        while blocks.next(&mut block).unwrap() {
            lines.extend(block.lines().map(|(n, line)| (n, String::from_utf8_lossy(line).into())));
        }
        lines
    }

    #[test]
    fn lines_do_not_depend_on_how_they_are_read() {
        let text = b"one\n\nthree\r\nfour, of no end";
        let lines: Vec<_> =
            (1..).zip(["one", "", "three\r", "four, of no end"].map(String::from)).collect();
        for step in 1..=text.len() {
            assert_eq!(all(text, step, MAX_LINE), lines, "{step} bytes at a time");
        }
        assert_eq!(all(b"", 9, MAX_LINE), []);
    }

    #[test]
    fn whoever_goes_on_at_a_place_reads_the_same_lines() {
        let text = b"one\n\n0123456789abcdefghijk\nfour\r\n0123456789\n0123456789abc";
        for step in 1..=text.len() {
            let read = |blocks: &mut Blocks<Steps<'_>>, most: usize| {
                let (mut block, mut lines) = (Block::default(), Vec::new());
                for _ in 0..most {
                    if !blocks.next(&mut block).unwrap() {
                        break;
                    }
                    // Whether a line is cut depends on how much is read at once; too long it is.
                    let text = |line: &[u8]| {
                        String::from_utf8_lossy(&line[..line.len().min(8)]).into_owned()
                    };
                    lines.extend(block.lines().map(|(number, line)| (number, text(line))));
                }
                lines
            };
            let from = |place: Place| Blocks {
                max_line: 8,
                ..Blocks::new(Steps(&text[place.bytes as usize..], step), place)
            };
            let whole = read(&mut from(Place::default()), usize::MAX);
            for most in 0..=text.len() {
                let mut blocks = from(Place::default());
                let mut lines = read(&mut blocks, most);
                lines.extend(read(&mut from(blocks.place()), usize::MAX));
                assert_eq!(lines, whole, "{step} bytes at a time, stopped behind {most} blocks");
            }
        }
    }

    #[test]
    fn long_lines_are_cut_and_the_next_ones_keep_their_numbers() {
        for step in 1..30 {
            let lines = all(b"short\n0123456789abcdefghijk\nafter\n0123456789", step, 8);
            // What fits into one read is never too long for memory: it need not be cut here.
            assert_eq!(lines.len(), 4, "{step}");
            assert!(lines[1].1.starts_with("01234567"), "{step}");
            assert_eq!(lines[2], (3, "after".into()), "{step}");
        }
        assert_eq!(all(b"0123456789abc\nx\n", 1, 8), [(1, "01234567".into()), (2, "x".into())]);
    }
}
