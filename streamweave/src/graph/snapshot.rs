//! The saved state of a whole graph, by instance path.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::checkpoint::Link;
use crate::engine::InstanceState;
use crate::graph::error::RunError;
use crate::state::{NodeSnapshot, lay};

/// The state of every node instance of a graph, as [`Running::cut`](crate::graph::Running::cut),
/// [`Inline::snapshot`](crate::graph::Inline) and the [`Summary`](crate::graph::Summary) of a run
/// give it. Equal states are equal snapshots, where they hold everything.
///
/// That of a checkpoint may hold only what has changed [since](Snapshot::since) the one before.
/// [`onto`](Snapshot::onto) puts both together, and that can be restored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Snapshot {
    nodes: BTreeMap<String, Arc<Vec<u8>>>,
    #[serde(skip)]
    cut: Option<CutId>,
    #[serde(skip)]
    since: Option<CutId>,
    #[serde(skip)]
    pub(crate) descent: Descent,
}

/// The line that a snapshot is of: not its state, so equal snapshots may be of several.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Descent {
    /// The run that it was taken of; `None` of what was read.
    pub(crate) run: Option<u64>,
    /// Which attempt that was: each run that is restored is one more than what it was restored from.
    pub(crate) attempt: u64,
    /// The checkpoint that it is, where it was read; else the one that its run was restored from.
    pub(crate) from: Option<Link>,
    /// Whatever its run does can be done again: see [`Graph::is_repeatable`](super::Graph).
    pub(crate) repeatable: bool,
}

impl Default for Descent {
    fn default() -> Self {
        Descent { run: None, attempt: 1, from: None, repeatable: false }
    }
}

/// Which cut through which run it is. No other cut of this process has the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CutId {
    pub(super) run: u64,
    pub(super) epoch: u64,
}

impl PartialEq for Snapshot {
    fn eq(&self, other: &Self) -> bool {
        self.nodes == other.nodes
    }
}

impl Eq for Snapshot {}

impl Snapshot {
    /// Adds what a stage answered; instances without state leave nothing, but for those of workers.
    pub(crate) fn add(&mut self, states: &[InstanceState]) -> Result<(), RunError> {
        for (path, state) in states {
            let state = state.as_ref().map_err(|error| RunError::State {
                node: Arc::clone(path),
                error: Arc::clone(error),
            })?;
            let encoded = if state.fields.is_empty() { Ok(Vec::new()) } else { state.encode() };
            let encoded = encoded.map_err(|error| RunError::State {
                node: Arc::clone(path),
                error: Arc::new(error.in_node(path)),
            })?;
            // How many workers there were is known by their entries.
            if !encoded.is_empty() || path.contains('#') {
                self.nodes.insert((**path).to_owned(), Arc::new(encoded));
            }
        }
        Ok(())
    }

    /// It was taken at this cut, and holds changes since another where it has such.
    pub(crate) fn is_cut(&mut self, cut: CutId, since: Option<CutId>) {
        self.cut = Some(cut);
        self.since =
            since.filter(|_| self.nodes.values().any(|state| NodeSnapshot::is_of_changes(state)));
    }

    /// The instance paths in this snapshot. One that ends in `~` is of a stage: what was on its way
    /// to it; one that ends in `+` is of [fields that a node no longer has](super::Graph::carry_unclaimed).
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.nodes.keys().map(String::as_str)
    }

    /// The saved state of the instance at `path`: MessagePack with field names, behind a header
    /// with the format's version, the schema's fingerprint and a checksum. Of changes that were put
    /// [onto](Snapshot::onto) others it is all of those, one behind the other.
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        self.nodes.get(path).map(|state| state.as_slice())
    }

    /// How much all of it takes.
    pub fn bytes(&self) -> u64 {
        self.nodes.values().map(|state| state.len() as u64).sum()
    }

    /// In which attempt it was taken: 1 of a run that began anew, and one more than that of the checkpoint
    /// of one that was restored. [`restart_from_checkpoint`](crate::checkpoint::restart_from_checkpoint)
    /// counts those that took no checkpoint, too.
    pub fn attempt(&self) -> u64 {
        self.descent.attempt
    }

    /// The cut that it was taken at, if it is one through a run of this process.
    pub fn cut(&self) -> Option<CutId> {
        self.cut
    }

    /// The cut since which it holds the changes; `None` where it holds everything.
    pub fn since(&self) -> Option<CutId> {
        self.since
    }

    /// Of states that have not changed only so much is said.
    pub(crate) fn is_unchanged(&mut self) {
        let unchanged = Arc::new(NodeSnapshot::unchanged());
        self.nodes.values_mut().for_each(|state| *state = Arc::clone(&unchanged));
    }

    /// Puts changes onto the checkpoint that they are [since](Snapshot::since), or onto what that was
    /// put onto. Of one that holds everything nothing older is needed.
    #[must_use]
    pub fn onto(mut self, mut older: Snapshot) -> Snapshot {
        for (path, state) in &mut self.nodes {
            if NodeSnapshot::is_of_changes(state)
                && let Some(below) = older.nodes.remove(path)
            {
                *state = match **state == NodeSnapshot::unchanged() {
                    true => below,
                    false => Arc::new(lay(Arc::unwrap_or_clone(below), state)),
                };
            }
        }
        self.since = older.since;
        self
    }

    pub(crate) fn insert(&mut self, path: String, state: Vec<u8>) {
        self.nodes.insert(path, Arc::new(state));
    }

    /// Puts layers onto those that there are of the instance at `path`.
    pub(crate) fn add_layers(&mut self, path: String, layers: Vec<u8>) {
        let layers = match self.remove(&path) {
            Some(older) => lay(older, &layers),
            None => layers,
        };
        self.insert(path, layers);
    }

    /// Takes the state of the instance at `path` out.
    pub fn remove(&mut self, path: &str) -> Option<Vec<u8>> {
        self.nodes.remove(path).map(Arc::unwrap_or_clone)
    }
}
