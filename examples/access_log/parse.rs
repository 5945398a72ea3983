//! A line of the common or combined log format to a [`Record`], in one pass and without a copy.
//!
//! ```text
//! client ident user [time] "request" status bytes                                  common
//! client ident user [time] "request" status bytes "referer" "user agent"           combined
//! ```
//! After either may come the request's time in seconds (nginx's `$request_time`).

use clap::ValueEnum;
use memchr::memchr;
use thiserror::Error;

use crate::cursor::Cursor;
use crate::record::{Fields, Record, Span};
use crate::time::parse_time;

/// Longer lines are no log lines; readers cut them here.
pub(crate) const MAX_LINE: usize = 16 << 20;

/// Which formats are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Each line says by itself.
    #[default]
    Auto,
    /// Common only.
    Common,
    /// Combined only.
    Combined,
}

/// Why a line is no log line. Columns count bytes from 1.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum ParseError {
    #[error("the line is empty")]
    Empty,
    #[error("the line has {MAX_LINE} bytes or more")]
    TooLong,
    #[error("expected UTF-8 text, found another byte at column {column}")]
    NotUtf8 { column: usize },
    #[error("expected {what} at column {column}, found the end of the line")]
    Cut { what: &'static str, column: usize },
    #[error("expected {what} at column {column}")]
    Expected { what: &'static str, column: usize },
}

/// Parses one line without its line feed; a carriage return at its end is ignored.
///
/// # Errors
/// What was expected, and at which column.
// One function with every step inside: by a fifth faster, and steadier, than what the compiler
// chooses to inline on its own (`parse_speed` measures it).
pub(crate) fn parse(line: &[u8], format: Format) -> Result<Record<&str>, ParseError> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Err(ParseError::Empty);
    }
    if line.len() >= MAX_LINE {
        return Err(ParseError::TooLong);
    }
    let text = std::str::from_utf8(line)
        .map_err(|error| ParseError::NotUtf8 { column: error.valid_up_to() + 1 })?;
    let fields = Cursor { line, at: 0 }.fields(format)?;
    Ok(Record::new(text, fields))
}

impl Cursor<'_> {
    #[inline(always)]
    fn fields(&mut self, format: Format) -> Result<Fields, ParseError> {
        let mut fields = Fields { client: self.word("a client address")?, ..Fields::default() };
        self.word("an ident, usually -")?;
        fields.user = self.user()?;
        fields.time_ms = self.time()?;
        self.byte(b' ', "a space")?;
        let request = self.quoted("a quoted request")?;
        self.request(request, &mut fields);
        self.byte(b' ', "a space")?;
        fields.status = self.status()?;
        self.byte(b' ', "a space")?;
        fields.bytes = self.size()?;
        let combined = match format {
            Format::Auto => self.rest().starts_with(b" \""),
            Format::Common => false,
            Format::Combined => true,
        };
        if combined {
            self.byte(b' ', "a space")?;
            fields.referer = self.quoted("a quoted referer")?;
            self.byte(b' ', "a space")?;
            fields.user_agent = self.quoted("a quoted user agent")?;
        }
        if self.rest().first() == Some(&b' ') {
            self.at += 1;
            fields.request_time_us = self.seconds()?;
        }
        if self.rest().is_empty() { Ok(fields) } else { Err(self.expected("the end of the line")) }
    }

    /// Everything up to ` [`: servers do not escape spaces in user names.
    #[inline(always)]
    fn user(&mut self) -> Result<Span, ParseError> {
        let start = self.at;
        let mut from = start;
        while let Some(found) = memchr(b'[', self.line.get(from..).unwrap_or_default()) {
            let bracket = from + found;
            if bracket >= start + 2 && self.line[bracket - 1] == b' ' {
                self.at = bracket + 1;
                return Ok(self.span(start, bracket - 1));
            }
            from = bracket + 1;
        }
        Err(self.expected_at(self.line.len(), "a user name, usually -, and a time in brackets"))
    }

    #[inline(always)]
    fn time(&mut self) -> Result<i64, ParseError> {
        let Some((text, rest)) = self.rest().split_first_chunk::<26>() else {
            return Err(self.expected_at(self.line.len(), "a time like 10/Oct/2000:13:55:36 -0700"));
        };
        let time = parse_time(text).map_err(|(at, what)| self.expected_at(self.at + at, what))?;
        if rest.first() != Some(&b']') {
            return Err(self.expected_at(self.at + 26, "a closing bracket"));
        }
        self.at += 27;
        Ok(time)
    }

    /// Splits `METHOD target HTTP/x`. What a client sent need not be that; then the parts stay
    /// empty: the line is a good line about a bad request.
    #[inline(always)]
    fn request(&self, request: Span, fields: &mut Fields) {
        let (start, end) = (request.start as usize, request.end as usize);
        let text = &self.line[start..end];
        let is_method = |byte: &u8| byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_');
        let method = text.iter().take_while(|byte| is_method(byte)).count();
        let target = start + method + 1;
        if method == 0 || text.get(method) != Some(&b' ') || target >= end {
            return;
        }
        let rest = &self.line[target..end];
        let target_end = match rest.iter().rposition(|byte| *byte == b' ') {
            Some(space) if rest[space + 1..].starts_with(b"HTTP/") => target + space,
            _ => end,
        };
        fields.method = self.span(start, start + method);
        if target_end < end {
            fields.protocol = self.span(target_end + 1, end);
        }
        let mark = memchr(b'?', &self.line[target..target_end]);
        let path_end = mark.map_or(target_end, |mark| target + mark);
        fields.path = self.span(target, path_end);
        fields.query = self.span(path_end + usize::from(mark.is_some()), target_end);
    }

    #[inline(always)]
    fn status(&mut self) -> Result<u16, ParseError> {
        let what = "a status, 100 to 599";
        let Some((digits, _)) = self.rest().split_first_chunk::<3>() else {
            return Err(self.expected_at(self.line.len(), what));
        };
        let [a, b, c] = digits.map(|digit| u16::from(digit.wrapping_sub(b'0')));
        if !(1..6).contains(&a) || b > 9 || c > 9 {
            return Err(self.expected(what));
        }
        self.at += 3;
        Ok(a * 100 + b * 10 + c)
    }

    #[inline(always)]
    fn size(&mut self) -> Result<u64, ParseError> {
        if matches!(self.rest(), [b'-'] | [b'-', b' ', ..]) {
            self.at += 1;
            return Ok(0);
        }
        self.number("a number of bytes below 2^64, or -")
    }

    /// Seconds with decimals as microseconds (further decimals are dropped); `-` is none.
    #[inline(always)]
    fn seconds(&mut self) -> Result<Option<u64>, ParseError> {
        let what = "a request time in seconds, or -";
        if self.rest() == b"-" {
            self.at += 1;
            return Ok(None);
        }
        let start = self.at;
        let whole = self.number(what)?;
        let mut micros =
            whole.checked_mul(1_000_000).ok_or_else(|| self.expected_at(start, what))?;
        if self.rest().first() == Some(&b'.') {
            self.at += 1;
            let digits = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return Err(self.expected("decimals of a request time"));
            }
            let mut unit = 100_000;
            for digit in &self.rest()[..digits] {
                micros = micros.saturating_add(u64::from(digit - b'0') * unit);
                unit /= 10;
            }
            self.at += digits;
        }
        Ok(Some(micros))
    }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
