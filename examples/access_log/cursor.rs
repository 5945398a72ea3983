//! Reading a line from left to right: the pieces that fields are made of.

use memchr::memchr2;

use crate::parse::ParseError;
use crate::record::Span;

/// A line, and how far it is read. No line is longer than [`MAX_LINE`](crate::parse::MAX_LINE).
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    pub(crate) line: &'a [u8],
    pub(crate) at: usize,
}

impl Cursor<'_> {
    #[inline(always)]
    pub(crate) fn rest(&self) -> &[u8] {
        self.line.get(self.at..).unwrap_or_default()
    }

    #[inline(always)]
    pub(crate) fn span(&self, start: usize, end: usize) -> Span {
        // Lines are shorter than MAX_LINE.
        Span { start: start as u32, end: end as u32 }
    }

    #[cold]
    pub(crate) fn expected(&self, what: &'static str) -> ParseError {
        self.expected_at(self.at, what)
    }

    #[cold]
    pub(crate) fn expected_at(&self, at: usize, what: &'static str) -> ParseError {
        let column = at.min(self.line.len()) + 1;
        if at >= self.line.len() {
            ParseError::Cut { what, column }
        } else {
            ParseError::Expected { what, column }
        }
    }

    #[inline(always)]
    pub(crate) fn byte(&mut self, byte: u8, what: &'static str) -> Result<(), ParseError> {
        if self.rest().first() != Some(&byte) {
            return Err(self.expected(what));
        }
        self.at += 1;
        Ok(())
    }

    /// Everything up to a space, which is stepped over. Words here are too short for memchr.
    #[inline(always)]
    pub(crate) fn word(&mut self, what: &'static str) -> Result<Span, ParseError> {
        let start = self.at;
        match self.rest().iter().position(|byte| *byte == b' ') {
            Some(0) => Err(self.expected(what)),
            Some(length) => {
                self.at += length + 1;
                Ok(self.span(start, start + length))
            }
            None => Err(self.expected_at(self.line.len(), "a space")),
        }
    }

    /// The inside of a pair of quotes. A backslash escapes the byte after it.
    #[inline(always)]
    pub(crate) fn quoted(&mut self, what: &'static str) -> Result<Span, ParseError> {
        self.byte(b'"', what)?;
        let start = self.at;
        let mut from = start;
        loop {
            let ahead = self.line.get(from..).unwrap_or_default();
            match memchr2(b'"', b'\\', ahead) {
                Some(found) if ahead[found] == b'"' => {
                    let end = from + found;
                    self.at = end + 1;
                    return Ok(self.span(start, end));
                }
                Some(found) => from += found + 2,
                None => return Err(self.expected_at(self.line.len(), "a closing quote")),
            }
        }
    }

    #[inline(always)]
    pub(crate) fn number(&mut self, what: &'static str) -> Result<u64, ParseError> {
        let mut value = 0_u64;
        let mut length = 0;
        for digit in self.rest().iter().map(|byte| byte.wrapping_sub(b'0')) {
            if digit > 9 {
                break;
            }
            value = value
                .checked_mul(10)
                .and_then(|value| value.checked_add(u64::from(digit)))
                .ok_or_else(|| self.expected(what))?;
            length += 1;
        }
        if length == 0 {
            return Err(self.expected(what));
        }
        self.at += length;
        Ok(value)
    }
}
