//! The rows of a field's keyspace.

use std::ops::Range;

use xxhash_rust::xxh3::xxh3_64;

use crate::state::BackendError;

const ENTRY: u8 = b'e';
pub(super) const SEALED: u8 = b's';
pub(super) const UNDO: u8 = b'u';
/// How long a version is.
pub(super) const VERSION: usize = 8;

/// The number that these bytes begin with.
pub(super) fn number(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|first| u64::from_be_bytes(*first))
}

/// A number that nothing else has, in whatever folder.
#[allow(clippy::disallowed_types, reason = "two folders are to be told apart")]
pub(super) fn drawn() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}

/// Names may take 255 bytes.
pub(super) fn keyspace_name(field: &str) -> String {
    match field.len() {
        0..=200 => format!("state {field}"),
        _ => format!("state {:016x} {}", xxh3_64(field.as_bytes()), tail(field)),
    }
}

fn tail(field: &str) -> &str {
    let from = (field.len() - 200..).find(|at| field.is_char_boundary(*at));
    from.and_then(|from| field.get(from..)).unwrap_or_default()
}

/// The row of a key, which begins with its group.
pub(super) fn entry(key: &[u8]) -> Vec<u8> {
    [&[ENTRY], key].concat()
}

/// The rows of all keys of these groups.
pub(super) fn entries(groups: &Range<u16>) -> Range<Vec<u8>> {
    entry(&groups.start.to_be_bytes())..entry(&groups.end.to_be_bytes())
}

/// The row of what a key was before a version.
pub(super) fn undo(version: u64, key: &[u8]) -> Vec<u8> {
    [&[UNDO], &version.to_be_bytes()[..], key].concat()
}

/// Where the rows of a version begin.
pub(super) fn undo_from(version: u64) -> Vec<u8> {
    undo(version, &[])
}

/// The rows of a version of all keys of these groups.
pub(super) fn undos(version: u64, groups: &Range<u16>) -> Range<Vec<u8>> {
    undo(version, &groups.start.to_be_bytes())..undo(version, &groups.end.to_be_bytes())
}

/// The version and the key.
pub(super) fn parse_undo(row: &[u8]) -> Option<(u64, &[u8])> {
    let rest = row.strip_prefix(&[UNDO])?;
    Some((number(rest)?, rest.get(VERSION..)?))
}

/// A version that a checkpoint names.
pub(super) struct Sealed {
    pub(super) groups: Range<u16>,
    pub(super) version: u64,
    pub(super) drawn: u64,
    pub(super) is_complete: bool,
}

/// Its row.
pub(super) fn sealed(groups: &Range<u16>, version: u64) -> Vec<u8> {
    let groups = [groups.start.to_be_bytes(), groups.end.to_be_bytes()].concat();
    [&[SEALED], &groups[..], &version.to_be_bytes()].concat()
}

impl Sealed {
    pub(super) fn value(&self) -> Vec<u8> {
        [&self.drawn.to_be_bytes()[..], &[u8::from(self.is_complete)]].concat()
    }

    pub(super) fn parse(row: &[u8], value: &[u8]) -> Option<Self> {
        let rest = row.strip_prefix(&[SEALED])?;
        let (start, rest) = rest.split_first_chunk()?;
        let (end, rest) = rest.split_first_chunk()?;
        let groups = u16::from_be_bytes(*start)..u16::from_be_bytes(*end);
        let (version, drawn) = (number(rest)?, number(value)?);
        Some(Sealed { groups, version, drawn, is_complete: value.last() == Some(&1) })
    }
}

/// What a checkpoint has of a version: in which folder it is, and the number drawn for it there.
pub(super) struct Id {
    pub(super) store: u64,
    pub(super) drawn: u64,
}

impl Id {
    pub(super) fn bytes(&self) -> Vec<u8> {
        [self.store.to_be_bytes(), self.drawn.to_be_bytes()].concat()
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, BackendError> {
        let drawn = bytes.get(VERSION..).and_then(number);
        match (number(bytes), drawn) {
            (Some(store), Some(drawn)) if bytes.len() == 2 * VERSION => Ok(Id { store, drawn }),
            _ => Err(BackendError::Unreadable {
                reason: "it was not saved by a `FjallBackend`".into(),
            }),
        }
    }
}
