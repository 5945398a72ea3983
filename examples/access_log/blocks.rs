//! Input in blocks of whole lines: large enough that a line costs no system call and no copy.

use std::fmt;
use std::io::{self, Read};
use std::ops::Range;

use memchr::{memchr, memchr_iter, memrchr};

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

/// Divides what a reader reads into blocks.
pub(crate) struct Blocks<R> {
    reader: R,
    /// The start of a line whose end has not been read yet.
    carry: Vec<u8>,
    next_line: u64,
    /// In the rest of a line that was too long.
    skipping: bool,
    max_line: usize,
}

impl<R: Read> Blocks<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, carry: Vec::new(), next_line: 1, skipping: false, max_line: MAX_LINE }
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
            if self.skipping {
                let Some(end) = memchr(b'\n', &block.buffer[start..filled]) else {
                    filled = start;
                    continue;
                };
                block.buffer.copy_within(start + end + 1..filled, start);
                filled -= end + 1;
                self.skipping = false;
            }
            if let Some(end) = memrchr(b'\n', &block.buffer[start..filled]) {
                break start + end + 1;
            }
            if filled >= self.max_line {
                self.skipping = true;
                filled = self.max_line;
                break filled;
            }
        };
        self.carry.extend_from_slice(&block.buffer[whole..filled]);
        block.filled = whole;
        block.first_line = self.next_line;
        let lines = &block.buffer[..whole];
        let unended = lines.last().is_some_and(|last| *last != b'\n');
        self.next_line += memchr_iter(b'\n', lines).count() as u64 + u64::from(unended);
        Ok(whole > 0)
    }
}

impl<R> fmt::Debug for Blocks<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocks").field("next_line", &self.next_line).finish_non_exhaustive()
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
        let mut blocks = Blocks { max_line, ..Blocks::new(Steps(text, step)) };
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
