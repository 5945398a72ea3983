//! Lines out of bytes as they arrive: memory bounded by the limit of a line, however long it is.

use std::ops::Range;

use memchr::memchr;

/// How much of a line beyond the limit is kept, for the error.
const BEGINNING: usize = 1024;

/// A buffer that is filled behind and gives lines in front.
#[derive(Debug)]
pub(crate) struct Frames {
    buffer: Vec<u8>,
    start: usize,
    scanned: usize,
    end: usize,
    /// How much of a line beyond the limit has been dropped.
    long: Option<u64>,
    beginning: Vec<u8>,
    chunk: usize,
}

/// A line, or what is left of one that is too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// Where its bytes are in the buffer, line feed included.
    Line(Range<usize>),
    /// It was this long.
    Long(u64),
}

impl Frames {
    /// Reads come in pieces of at least `chunk` bytes.
    pub(crate) fn new(chunk: usize) -> Self {
        Frames {
            buffer: Vec::new(),
            start: 0,
            scanned: 0,
            end: 0,
            long: None,
            beginning: Vec::new(),
            chunk,
        }
    }

    /// Room behind what is there; to be followed by [`Frames::filled`].
    pub(crate) fn space(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.scanned -= self.start;
            self.start = 0;
        }
        if self.buffer.len() < self.end + self.chunk {
            self.buffer.resize(self.end + self.chunk, 0);
        }
        let room = self.end + self.chunk;
        &mut self.buffer[self.end..room]
    }

    /// So many bytes were put into the space.
    pub(crate) fn filled(&mut self, bytes: usize) {
        self.end = (self.end + bytes).min(self.buffer.len());
    }

    /// The bytes of a line that was just given.
    pub(crate) fn bytes(&self, line: Range<usize>) -> &[u8] {
        &self.buffer[line]
    }

    /// The start of the line that was just given as too long.
    pub(crate) fn take_beginning(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.beginning)
    }

    /// How many bytes of an unfinished line have been read.
    pub(crate) fn pending(&self) -> u64 {
        self.long.unwrap_or(0) + (self.end - self.start) as u64
    }

    /// The next whole line. `limit` is without the line feed.
    pub(crate) fn next(&mut self, limit: usize) -> Option<Frame> {
        let Some(at) = memchr(b'\n', &self.buffer[self.scanned..self.end]) else {
            self.scanned = self.end;
            if self.long.is_some() || self.end - self.start > limit {
                self.drop_to(self.end);
            }
            return None;
        };
        let to = self.scanned + at + 1;
        self.scanned = to;
        if self.long.is_some() || to - 1 - self.start > limit {
            self.drop_to(to);
            return self.long.take().map(Frame::Long);
        }
        let line = self.start..to;
        self.start = to;
        Some(Frame::Line(line))
    }

    /// What is left at the end of the input: a line without its line feed.
    pub(crate) fn rest(&mut self) -> Option<Frame> {
        if let Some(bytes) = self.long.take() {
            return Some(Frame::Long(bytes));
        }
        let line = self.start..self.end;
        self.start = self.end;
        self.scanned = self.end;
        (!line.is_empty()).then_some(Frame::Line(line))
    }

    fn drop_to(&mut self, to: usize) {
        if self.long.is_none() {
            let keep = (self.start + BEGINNING).min(to);
            self.beginning = self.buffer[self.start..keep].to_vec();
        }
        self.long = Some(self.long.unwrap_or(0) + (to - self.start) as u64);
        self.start = to;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &[u8], step: usize, chunk: usize, limit: usize) -> Vec<Result<String, u64>> {
        let mut frames = Frames::new(chunk);
        let mut found = Vec::new();
        let mut take = |frames: &Frames, frame: Frame| match frame {
            Frame::Line(line) => {
                found.push(Ok(String::from_utf8_lossy(frames.bytes(line)).into_owned()));
            }
            Frame::Long(bytes) => found.push(Err(bytes)),
        };
        for piece in text.chunks(step.min(chunk)) {
            frames.space()[..piece.len()].copy_from_slice(piece);
            frames.filled(piece.len());
            while let Some(frame) = frames.next(limit) {
                take(&frames, frame);
            }
            assert!(frames.buffer.len() <= limit + 2 * chunk, "bounded");
        }
        if let Some(frame) = frames.rest() {
            take(&frames, frame);
        }
        assert_eq!(frames.pending(), 0);
        found
    }

    #[test]
    fn lines_do_not_depend_on_how_they_arrive() {
        let text = b"one\n\n0123456789\nfour\r\n0123456789abcdefghijk\nsix";
        let lines = ["one\n", "\n", "0123456789\n", "four\r\n", "", "six"];
        let mut lines: Vec<_> = lines.map(|line| Ok(line.to_owned())).into();
        lines[4] = Err(22);
        for step in 1..=text.len() {
            for chunk in [1, 3, 16, 64] {
                assert_eq!(all(text, step, chunk, 10), lines, "{step} bytes of {chunk}");
            }
        }
        assert_eq!(all(b"", 1, 8, 10), []);
        assert_eq!(all(b"0123456789abc", 2, 8, 10), [Err(13)]);
    }
}
