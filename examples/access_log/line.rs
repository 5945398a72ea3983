//! A line that can be sent elsewhere: a piece of the text it was read with.

use std::ops::Range;
use std::sync::Arc;

/// The text of one line; all lines of a block share its text.
#[derive(Clone, Debug)]
pub(crate) enum Line {
    Shared { text: Arc<String>, start: u32, end: u32 },
    Own(Box<str>),
}

impl AsRef<str> for Line {
    #[inline]
    fn as_ref(&self) -> &str {
        match self {
            Self::Shared { text, start, end } => &text[*start as usize..*end as usize],
            Self::Own(line) => line,
        }
    }
}

/// The bytes of a block: text that lines can share, unless somewhere a byte is no UTF-8.
pub(crate) enum Shared {
    Text(Arc<String>),
    Bytes(Vec<u8>),
}

impl Shared {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self::Text(Arc::new(text)),
            Err(error) => Self::Bytes(error.into_bytes()),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }

    /// The line with the text `line`, which is at `range`.
    #[inline]
    pub(crate) fn line(&self, line: &str, range: Range<usize>) -> Line {
        match (self, u32::try_from(range.start), u32::try_from(range.start + line.len())) {
            (Self::Text(text), Ok(start), Ok(end)) => {
                Line::Shared { text: Arc::clone(text), start, end }
            }
            _ => Line::Own(line.into()),
        }
    }
}
