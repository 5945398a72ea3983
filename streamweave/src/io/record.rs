//! What sources give: lines, and what could not be read as a record.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A line of text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The path of its file as it was given; `stdin` for standard input.
    pub file: Arc<str>,
    /// Its number in the file, from 1.
    pub number: u64,
    /// Its text, without the line feed and without a carriage return before that.
    pub text: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

/// A part of the input that is no record: what a source sends to its output `errors`, or fails
/// with while that output is not connected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error(
    "{file}, line {line}: {reason}{}; correct the input, or connect the output `errors` of this \
     source, to go on without what is no record",
    shown(raw)
)]
pub struct BadRecord {
    /// The path of the file as it was given; `stdin`, or `tcp://` with the peer's address.
    pub file: Arc<str>,
    /// The number of the line in which it starts, from 1.
    pub line: u64,
    /// What is wrong.
    pub reason: String,
    /// Its bytes as they were read; of what is longer than the limit, the first 1,024.
    /// Formats for people, as JSON, show it as text.
    #[serde(with = "raw")]
    pub raw: Vec<u8>,
}

/// Bytes as text where people read it, with U+FFFD for what is none; as they are in state.
mod raw {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(raw: &[u8], to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() {
            return to.collect_str(&String::from_utf8_lossy(raw));
        }
        raw.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        if from.is_human_readable() {
            return String::deserialize(from).map(String::into_bytes);
        }
        Vec::deserialize(from)
    }
}

/// The start of what was read, so that it is recognised without opening the file.
fn shown(raw: &[u8]) -> String {
    const SHOWN: usize = 60;
    if raw.is_empty() {
        return String::new();
    }
    let text = String::from_utf8_lossy(raw);
    let text = text.trim_end();
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    let start: String = text.chars().take(SHOWN).map(visible).collect();
    let more = if text.chars().count() > SHOWN { " .." } else { "" };
    format!(", in `{start}{more}`")
}

/// The bytes of a line without its line feed, and without a carriage return before that.
pub(crate) fn without_ending(line: &[u8]) -> &[u8] {
    match line.strip_suffix(b"\n") {
        Some(line) => line.strip_suffix(b"\r").unwrap_or(line),
        None => line,
    }
}

/// The line as text.
pub(crate) fn text(file: &Arc<str>, number: u64, line: &[u8]) -> Result<String, BadRecord> {
    let line = without_ending(line);
    match std::str::from_utf8(line) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => Err(BadRecord {
            file: Arc::clone(file),
            line: number,
            reason: format!("not UTF-8 from byte {} of the line on", error.valid_up_to() + 1),
            raw: line.to_vec(),
        }),
    }
}

/// A line that is longer than `limit`; `raw` is its start.
pub(crate) fn too_long(
    file: &Arc<str>,
    line: u64,
    bytes: u64,
    limit: usize,
    raw: Vec<u8>,
) -> BadRecord {
    let reason = format!(
        "the line has {bytes} bytes, more than the limit of {limit}: raise the limit with \
         `.max_line(bytes)`"
    );
    BadRecord { file: Arc::clone(file), line, reason, raw }
}

#[cfg(test)]
mod tests {
    use super::BadRecord;

    /// As state it keeps every byte, in the form that it always had.
    #[test]
    fn what_is_no_text_stays_as_it_is_in_state() {
        let raw = b"\xff\xfe".to_vec();
        let bad = BadRecord { file: "a".into(), line: 2, reason: "bad".to_owned(), raw };
        let saved = rmp_serde::to_vec_named(&bad).expect("serializes");
        assert_eq!(rmp_serde::from_slice::<BadRecord>(&saved).expect("is read"), bad);
        assert!(saved.ends_with(&[b'r', b'a', b'w', 0x92, 0xcc, 0xff, 0xcc, 0xfe]));
    }
}
