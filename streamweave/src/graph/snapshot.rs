//! The saved state of a whole graph, by instance path.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::engine::InstanceState;
use crate::graph::error::RunError;

/// The state of every node instance of a graph, as [`Running::cut`](crate::graph::Running::cut),
/// [`Inline::snapshot`](crate::graph::Inline) and the [`Summary`](crate::graph::Summary) of a run
/// give it. Equal states are equal snapshots.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    nodes: BTreeMap<String, Vec<u8>>,
}

impl Snapshot {
    /// Adds what a stage answered; instances without state leave nothing, but for those of workers.
    pub(crate) fn add(&mut self, states: &[InstanceState]) -> Result<(), RunError> {
        for (path, state) in states {
            let state = state.as_ref().map_err(|error| RunError::State {
                node: Arc::clone(path),
                error: Arc::clone(error),
            })?;
            // How many workers there were is known by their entries.
            if !state.is_empty() || path.contains('#') {
                self.nodes.insert((**path).to_owned(), state.clone());
            }
        }
        Ok(())
    }

    /// The instance paths in this snapshot. One that ends in `~` is of a stage: what was on its way
    /// to it.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.nodes.keys().map(String::as_str)
    }

    /// The saved state of the instance at `path`: MessagePack with field names, behind a header
    /// with the format's version, the schema's fingerprint and a checksum.
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        self.nodes.get(path).map(Vec::as_slice)
    }

    /// How much all of it takes.
    pub fn bytes(&self) -> u64 {
        self.nodes.values().map(|state| state.len() as u64).sum()
    }

    pub(crate) fn insert(&mut self, path: String, state: Vec<u8>) {
        self.nodes.insert(path, state);
    }

    /// Takes the state of the instance at `path` out.
    pub fn remove(&mut self, path: &str) -> Option<Vec<u8>> {
        self.nodes.remove(path)
    }
}
