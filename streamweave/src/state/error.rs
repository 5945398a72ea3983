//! What can go wrong with saved state, each message saying what to do about it.

use thiserror::Error;

/// An error in writing or reading state.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum StateError {
    /// A key or value refused to be serialized.
    #[error(
        "state cannot be serialized: {reason}; check the `Serialize` implementations of its \
         key and value types"
    )]
    Encode {
        /// What the serializer said.
        reason: String,
    },
    /// The bytes are not what this state would have written.
    #[error(
        "saved state cannot be read: {reason}; if the type changed, give the new fields \
         `#[serde(default)]`; otherwise restore an older checkpoint"
    )]
    Decode {
        /// What the deserializer said.
        reason: String,
    },
    /// The bytes do not begin as a node's snapshot does.
    #[error("these {length} bytes are no node snapshot; check which file or object was read")]
    NotASnapshot {
        /// How many bytes there were.
        length: usize,
    },
    /// The snapshot was written in a format that this release cannot read.
    #[error(
        "the snapshot has format version {found}, this release reads {supported}; restore it \
         with the release that wrote it"
    )]
    Version {
        /// The version in the header.
        found: u16,
        /// The version this release reads.
        supported: u16,
    },
    /// The bytes changed since they were written.
    #[error(
        "the snapshot's checksum is {found:016x} instead of {expected:016x}: it was damaged or \
         cut short; restore an older checkpoint"
    )]
    Checksum {
        /// The checksum in the header.
        expected: u64,
        /// The checksum of the bytes.
        found: u64,
    },
    /// The field's declared type no longer has the shape that was saved.
    #[error(
        "the state was saved as `{saved}` but is now declared as `{declared}`: give the \
         field its old type back, make the new of the old (`#[node(version = 2, migrate = path)]`), or remove \
         the node's state from the snapshot on purpose"
    )]
    Shape {
        /// The saved kind and shape.
        saved: String,
        /// The declared kind and shape.
        declared: String,
    },
    /// It was saved by an older version of the node, which declares no migration.
    #[error(
        "it was saved by version {saved} of the node, which is version {declared} now: write \
         `#[node(version = {declared}, migrate = path)]` with a function that makes its state of the old one"
    )]
    NotMigrated {
        /// The version of the node that saved it.
        saved: u32,
        /// The version of the node now.
        declared: u32,
    },
    /// It was saved by a newer version of the node.
    #[error(
        "it was saved by version {saved} of the node, which is version {declared} here: restore it with \
         the newer program, or an older checkpoint"
    )]
    Newer {
        /// The version of the node that saved it.
        saved: u32,
        /// The version of the node now.
        declared: u32,
    },
    /// The migration of the node's state has failed.
    #[error("the migration from version {saved} of the node to {declared} failed: {reason}")]
    Migration {
        /// The version of the node that saved the state.
        saved: u32,
        /// The version of the node now.
        declared: u32,
        /// What the migration says.
        reason: String,
    },
    /// The snapshot has a field that the node no longer declares.
    #[error(
        "no field of the node claims this saved state: write `#[state(renamed_from = \"..\")]` on the \
         field that it is now, `#[node(dropped = \"..\")]` to drop it on purpose, or keep it for later with \
         `graph.carry_unclaimed()`"
    )]
    Unclaimed,
    /// The snapshot has a field under its name and under a former one.
    #[error(
        "it was saved under this name and under its former one, `{before}`, too: only one of them can \
         be restored; take `renamed_from` away"
    )]
    Twice {
        /// The former name.
        before: String,
    },
    /// What was saved are changes, and what they were made to is not there.
    #[error(
        "only what changed was saved, and what it changed is not there: restore a checkpoint as its \
         storage gives it, which puts both together"
    )]
    OnlyChanges,
    /// Each of several workers saved its own, and nothing says which entry belongs to which of those
    /// that there are now.
    #[error(
        "each of {workers} workers saved one, and without a key of the node they cannot be put together: \
         restore on {workers} workers, or drop the node's state on purpose"
    )]
    OfEachWorker {
        /// How many workers there were.
        workers: usize,
    },
    /// What keeps the state elsewhere has failed.
    #[error(transparent)]
    Backend(#[from] super::BackendError),
    /// An error in one field of one node.
    #[error("node `{node}`, state field `{field}`: {source}")]
    Field {
        /// The node's path in the graph.
        node: String,
        /// The name of the state field.
        field: String,
        /// What went wrong there.
        source: Box<StateError>,
    },
    /// An error in the snapshot of one node as a whole.
    #[error("node `{node}`: {source}")]
    Node {
        /// The node's path in the graph.
        node: String,
        /// What went wrong there.
        source: Box<StateError>,
    },
}

impl StateError {
    pub(crate) fn encode(reason: impl ToString) -> Self {
        Self::Encode { reason: reason.to_string() }
    }

    pub(crate) fn decode(reason: impl ToString) -> Self {
        Self::Decode { reason: reason.to_string() }
    }

    /// Adds the place where it happened.
    #[must_use]
    pub fn in_field(self, node: &str, field: &str) -> Self {
        Self::Field { node: node.into(), field: field.into(), source: Box::new(self) }
    }

    /// Adds the node where it happened.
    #[must_use]
    pub fn in_node(self, node: &str) -> Self {
        Self::Node { node: node.into(), source: Box::new(self) }
    }
}
