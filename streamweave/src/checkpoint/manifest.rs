//! The manifest of a checkpoint: what it consists of, and how to tell that it is whole.
//!
//! A file of its own: the bytes `SWCP`, the version of the format, the length and the checksum of
//! what follows, and that in MessagePack with field names. The states lie one after the other in
//! the file beside it. Version 2 is that of a checkpoint of changes, which names those that it lies
//! on; one that holds everything is written as version 1. In version 4 some states are packed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::checkpoint::packing::{Stored, unpack};
use crate::graph::Descent;
use crate::state::MAX_KEY_GROUPS;

const MAGIC: [u8; 4] = *b"SWCP";
const WHOLE: u8 = 1;
const CHANGES: u8 = 2;
// Two bits from each of the others, as no checksum is of this byte.
const PACKED: u8 = 4;
const HEADER: usize = 4 + 1 + 8 + 8;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) id: u64,
    /// The one that its run had taken before, or was restored from. Of older ones the one before it by its
    /// number.
    pub(super) parent: Option<u64>,
    /// In which attempt it was taken; older ones do not say it.
    #[serde(default = "first")]
    pub(super) attempt: u64,
    /// Whatever its run did can be done again; older ones do not say it, and it is not taken for granted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) repeatable: bool,
    /// What its changes lie on: one that holds everything, then changes one on the other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) on: Vec<Link>,
    /// Into how many groups its keys are divided; older ones do not say it.
    #[serde(default = "key_groups")]
    key_groups: u16,
    nodes: Vec<Node>,
}

fn first() -> u64 {
    1
}

fn key_groups() -> u16 {
    MAX_KEY_GROUPS
}

/// Another checkpoint, and the checksum of its manifest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Link {
    pub(crate) id: u64,
    pub(crate) checksum: u64,
}

/// The state of one instance within the file of states.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Node {
    path: String,
    /// Of what is stored.
    length: u64,
    checksum: u64,
    /// How long it is unpacked, where it is packed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unpacked: Option<u64>,
}

impl Manifest {
    /// The manifest of a snapshot, of which this is stored.
    pub(super) fn of(
        id: u64,
        parent: Option<u64>,
        on: Vec<Link>,
        descent: Descent,
        stored: &[Stored<'_>],
    ) -> Self {
        let node = |Stored { path, bytes, unpacked }: &Stored<'_>| {
            let (length, checksum) = (bytes.len() as u64, xxh3_64(bytes));
            Node { path: (*path).to_owned(), length, checksum, unpacked: *unpacked }
        };
        let Descent { attempt, repeatable, .. } = descent;
        let (key_groups, nodes) = (key_groups(), stored.iter().map(node).collect());
        Manifest { id, parent, attempt, repeatable, on, key_groups, nodes }
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, rmp_serde::encode::Error> {
        let body = rmp_serde::to_vec_named(self)?;
        let version = match self.nodes.iter().any(|node| node.unpacked.is_some()) {
            true => PACKED,
            false if self.on.is_empty() => WHOLE,
            false => CHANGES,
        };
        Ok(sealed(version, &body))
    }

    /// The manifest, or what is wrong with the bytes.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let (header, body) =
            bytes.split_at_checked(HEADER).ok_or_else(|| "is cut off".to_owned())?;
        if header[..4] != MAGIC {
            return Err("is no manifest of a checkpoint".to_owned());
        }
        if ![WHOLE, CHANGES, PACKED].contains(&header[4]) {
            return Err(format!(
                "has version {} of the format, and this program reads up to version {PACKED}",
                header[4]
            ));
        }
        if number(&header[5..13]) != body.len() as u64 {
            return Err("has another length than it says".to_owned());
        }
        if number(&header[13..21]) != xxh3_64(body) {
            return Err("has another checksum than it says".to_owned());
        }
        let manifest: Manifest =
            rmp_serde::from_slice(body).map_err(|error| format!("cannot be read: {error}"))?;
        if manifest.key_groups != MAX_KEY_GROUPS {
            return Err(format!(
                "divides its keys into {} groups, and this program into {MAX_KEY_GROUPS}",
                manifest.key_groups
            ));
        }
        Ok(manifest)
    }

    /// Shows the states of the file beside it, path by path; what is wrong with that file.
    pub(super) fn states<'a>(
        &'a self,
        mut states: &'a [u8],
        mut show: impl FnMut(&'a str, Cow<'a, [u8]>),
    ) -> Result<(), String> {
        for node in &self.nodes {
            let length = usize::try_from(node.length).unwrap_or(usize::MAX);
            let (state, rest) =
                states.split_at_checked(length).ok_or_else(|| "is cut off".to_owned())?;
            if xxh3_64(state) != node.checksum {
                return Err(format!("holds another state of `{}` than was written", node.path));
            }
            let state = match node.unpacked {
                None => Cow::Borrowed(state),
                Some(length) => {
                    let wrong = |reason| format!("holds a state of `{}` that {reason}", node.path);
                    Cow::Owned(unpack(state, length).map_err(wrong)?)
                }
            };
            show(&node.path, state);
            states = rest;
        }
        if states.is_empty() { Ok(()) } else { Err("is longer than what was written".to_owned()) }
    }
}

/// A body with what tells that it is whole.
fn sealed(version: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + body.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.push(version);
    bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&xxh3_64(body).to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// Reads a manifest whose body `damage` has changed, and the states that it says there are.
#[cfg(test)]
pub(crate) fn fuzz_manifest(damage: impl FnOnce(&[u8]) -> Vec<u8>) {
    let link = Link { id: 1, checksum: 2 };
    let node = |path: &str, unpacked| {
        let path = path.to_owned();
        Node { path, length: 2, checksum: xxh3_64(b"ab"), unpacked }
    };
    let nodes = vec![node("one", None), node("two", Some(2))];
    let manifest = Manifest {
        id: 3,
        parent: Some(1),
        attempt: 2,
        repeatable: true,
        on: vec![link],
        key_groups: key_groups(),
        nodes,
    };
    let body = rmp_serde::to_vec_named(&manifest).expect("it can be written");
    if let Ok(manifest) = Manifest::decode(&sealed(PACKED, &damage(&body))) {
        let _ = manifest.states(b"abab", |_, _| {});
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::{Manifest, key_groups};
    use crate::graph::Descent;

    #[test]
    fn keys_that_are_divided_otherwise_are_refused() {
        let other = key_groups() / 2;
        let mut manifest = Manifest::of(1, None, Vec::new(), Descent::default(), &[]);
        manifest.key_groups = other;
        let refused = Manifest::decode(&manifest.encode().unwrap()).unwrap_err();
        assert!(refused.contains("16384 groups"), "{refused}");
    }
}
