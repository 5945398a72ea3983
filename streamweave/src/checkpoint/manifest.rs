//! The manifest of a checkpoint: what it consists of, and how to tell that it is whole.
//!
//! A file of its own: the bytes `SWCP`, the version of the format, the length and the checksum of
//! what follows, and that in MessagePack with field names. The states lie one after the other in
//! the file beside it.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::checkpoint::Checkpoint;
use crate::graph::Snapshot;

const MAGIC: [u8; 4] = *b"SWCP";
const VERSION: u8 = 1;
const HEADER: usize = 4 + 1 + 8 + 8;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) id: u64,
    pub(super) parent: Option<u64>,
    nodes: Vec<Node>,
}

/// The state of one instance within the file of states.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Node {
    path: String,
    length: u64,
    checksum: u64,
}

impl Manifest {
    /// The manifest of a snapshot, and its file of states.
    pub(super) fn of(id: u64, parent: Option<u64>, snapshot: &Snapshot) -> (Self, Vec<u8>) {
        let (mut nodes, mut states) = (Vec::new(), Vec::new());
        for path in snapshot.paths() {
            let state = snapshot.get(path).unwrap_or_default();
            let (length, checksum) = (state.len() as u64, xxh3_64(state));
            nodes.push(Node { path: path.to_owned(), length, checksum });
            states.extend_from_slice(state);
        }
        (Manifest { id, parent, nodes }, states)
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, rmp_serde::encode::Error> {
        let body = rmp_serde::to_vec_named(self)?;
        let mut bytes = Vec::with_capacity(HEADER + body.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.push(VERSION);
        bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&xxh3_64(&body).to_le_bytes());
        bytes.extend_from_slice(&body);
        Ok(bytes)
    }

    /// The manifest, or what is wrong with the bytes.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let (header, body) =
            bytes.split_at_checked(HEADER).ok_or_else(|| "is cut off".to_owned())?;
        if header[..4] != MAGIC {
            return Err("is no manifest of a checkpoint".to_owned());
        }
        if header[4] != VERSION {
            return Err(format!(
                "has version {} of the format, and this program reads version {VERSION}",
                header[4]
            ));
        }
        if number(&header[5..13]) != body.len() as u64 {
            return Err("has another length than it says".to_owned());
        }
        if number(&header[13..21]) != xxh3_64(body) {
            return Err("has another checksum than it says".to_owned());
        }
        rmp_serde::from_slice(body).map_err(|error| format!("cannot be read: {error}"))
    }

    /// The checkpoint with its file of states, or what is wrong with that.
    pub(super) fn with(self, mut states: &[u8]) -> Result<Checkpoint, String> {
        let mut snapshot = Snapshot::default();
        for node in self.nodes {
            let length = usize::try_from(node.length).unwrap_or(usize::MAX);
            let (state, rest) =
                states.split_at_checked(length).ok_or_else(|| "is cut off".to_owned())?;
            if xxh3_64(state) != node.checksum {
                return Err(format!("holds another state of `{}` than was written", node.path));
            }
            snapshot.insert(node.path, state.to_vec());
            states = rest;
        }
        if !states.is_empty() {
            return Err("is longer than what was written".to_owned());
        }
        Ok(Checkpoint { id: self.id, parent: self.parent, snapshot })
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
